import type postgres from 'postgres';
import { assert } from '../lib/assert.ts';
import {
  type BrokenLink,
  type ChainLink,
  type ChainRow,
  ChainWalk,
  entryText,
  recordOf,
} from './audit-chain.ts';
import type { AuditEntry, AuditFilter, AuditLog, AuditRecord } from './audit-log.ts';

interface StoredRow {
  readonly seq: string;
  readonly entry: string;
  readonly hash: Buffer;
}

/** Rows read at once by a walk. */
const PAGE = 1_000;

/**
 * Adds an entry within the caller's transaction, so that a change and its entry are both stored or neither is. To be the last statement of it:
 * from here to the transaction's end no other entry is added anywhere.
 */
export async function appendAudit(
  sql: postgres.Sql | postgres.TransactionSql,
  entry: AuditEntry,
): Promise<void> {
  await sql`select audit_append(${entryText(entry)})`;
}

/** The audit log on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresAuditLog implements AuditLog {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  append(entry: AuditEntry): Promise<void> {
    return appendAudit(this.#sql, entry);
  }

  async search(filter: AuditFilter, limit: number): Promise<AuditRecord[]> {
    const sql = this.#sql;
    const { actorId, action, objectKind, objectId, fromMs, toMs, beforeSeq } = filter;
    const rows = await sql<StoredRow[]>`
      select seq, entry, hash from audit_log where true
        ${actorId === undefined ? sql`` : sql`and actor_id = ${actorId}`}
        ${action === undefined ? sql`` : sql`and action = ${action}`}
        ${objectKind === undefined ? sql`` : sql`and object_kind = ${objectKind}`}
        ${objectId === undefined ? sql`` : sql`and object_id = ${objectId}`}
        ${fromMs === undefined ? sql`` : sql`and at >= ${new Date(fromMs)}`}
        ${toMs === undefined ? sql`` : sql`and at < ${new Date(toMs)}`}
        ${beforeSeq === undefined ? sql`` : sql`and seq < ${beforeSeq}`}
      order by seq desc limit ${limit}`;
    return rows.map((row) => recordOf(chainRow(row)));
  }
}

/** Which rows are looked at, by number, and a link that somebody wrote down before. */
export interface AuditRange {
  readonly from?: number;
  readonly to?: number;
  readonly expected?: ChainLink;
}

export interface AuditVerification {
  /** Rows that are as they were written. */
  readonly rows: number;
  /** The end of the log: worth writing down elsewhere, for who can write to the whole database can make a whole new chain. */
  readonly head: ChainLink;
  readonly broken: BrokenLink | null;
}

/** Walks the chain in pages, on one snapshot, beside live traffic. With `from`, the row before is taken as good. */
export async function verifyAuditLog(sql: postgres.Sql, range: AuditRange = {}): Promise<AuditVerification> {
  return sql.begin('isolation level repeatable read read only', async (tx) => {
    const [row] = await tx<{ seq: string; hash: Buffer; anchor_seq: string; anchor_hash: Buffer }[]>`
      select seq, hash, anchor_seq, anchor_hash from audit_head`;
    assert(row !== undefined, 'the audit log has a head');
    const head = { seq: Number(row.seq), hash: row.hash };
    const anchor = { seq: Number(row.anchor_seq), hash: row.anchor_hash };
    const before = await linkBefore(tx, range.from ?? 1, anchor);
    if (before === null) {
      const seq = range.from! - 1;
      return { rows: 0, head, broken: { seq, why: 'it is missing' } };
    }
    const walk = new ChainWalk(before, range.expected ?? null);
    const to = range.to ?? Number.MAX_SAFE_INTEGER;
    for (let at = before.seq; walk.broken === null; at = walk.lastSeq) {
      const rows = await tx<StoredRow[]>`
        select seq, entry, hash from audit_log where seq > ${at} and seq <= ${to} order by seq limit ${PAGE}`;
      for (const one of rows) walk.next(chainRow(one));
      if (rows.length < PAGE) break;
    }
    if (range.to === undefined) walk.end(head);
    return { rows: walk.rows, head, broken: walk.broken };
  });
}

/** What the row `from` must follow: the row before it, or the chain's beginning; null when that row is not there. */
async function linkBefore(
  tx: postgres.TransactionSql,
  from: number,
  anchor: ChainLink,
): Promise<ChainLink | null> {
  if (from - 1 <= anchor.seq) return anchor;
  const [row] = await tx<StoredRow[]>`select seq, entry, hash from audit_log where seq = ${from - 1}`;
  return row === undefined ? null : chainRow(row);
}

const chainRow = ({ seq, entry, hash }: StoredRow): ChainRow => ({ seq: Number(seq), entry, hash });
