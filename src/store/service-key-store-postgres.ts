import type postgres from 'postgres';
import type { OperatorRole } from '../domain/role.ts';
import { appendAudit } from './audit-log-postgres.ts';
import type { AuditedBy } from './operator-store.ts';
import type { ServiceKey, ServiceKeyCursor, ServiceKeyStore } from './service-key-store.ts';

interface KeyRow {
  key_id: string;
  role: OperatorRole;
  name: string;
  created_by: string;
  created_at: Date;
  expires_at: Date;
  ended_at: Date | null;
}

/** Service keys on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresServiceKeyStore implements ServiceKeyStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async make(key: ServiceKey & { hash: Buffer }, by: AuditedBy): Promise<void> {
    const { keyId, hash, role, name, createdBy, createdMs, expiresMs } = key;
    await this.#sql.begin(async (sql) => {
      await sql`
        insert into service_keys (key_id, key_hash, role, name, created_by, created_at, expires_at)
        values (${keyId}, ${hash}, ${role}, ${name}, ${createdBy}, ${new Date(createdMs)}, ${new Date(expiresMs)})`;
      const object = { kind: 'service_key', id: keyId };
      await appendAudit(sql, {
        ...by,
        action: 'key.make',
        object,
        before: null,
        after: { role, name, expiresMs },
      });
    });
  }

  async byHash(hash: Buffer): Promise<ServiceKey | null> {
    const [row] = await this.#sql<KeyRow[]>`select * from service_keys where key_hash = ${hash}`;
    return row === undefined ? null : keyOf(row);
  }

  async keys(after: ServiceKeyCursor | null, limit: number): Promise<ServiceKey[]> {
    const sql = this.#sql;
    const rows = await sql<KeyRow[]>`
      select * from service_keys
      ${after === null ? sql`` : sql`where (created_at, key_id) > (${new Date(after.createdMs)}, ${after.keyId})`}
      order by created_at, key_id limit ${limit}`;
    return rows.map(keyOf);
  }

  end(keyId: string, by: AuditedBy): Promise<ServiceKey | null> {
    return this.#sql.begin(async (sql) => {
      const [before] = await sql<KeyRow[]>`select * from service_keys where key_id = ${keyId} for update`;
      if (before === undefined) return null;
      if (before.ended_at !== null) return keyOf(before);
      const endedAt = new Date(by.atMs);
      await sql`update service_keys set ended_at = ${endedAt} where key_id = ${keyId}`;
      const object = { kind: 'service_key', id: keyId };
      await appendAudit(sql, { ...by, action: 'key.end', object, before: null, after: { endedMs: by.atMs } });
      return keyOf({ ...before, ended_at: endedAt });
    });
  }
}

function keyOf(row: KeyRow): ServiceKey {
  return {
    ...{ keyId: row.key_id, role: row.role, name: row.name, createdBy: row.created_by },
    ...{ createdMs: row.created_at.getTime(), expiresMs: row.expires_at.getTime() },
    endedMs: row.ended_at?.getTime() ?? null,
  };
}
