import type postgres from 'postgres';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import type { AuditEntry, Json } from './audit-log.ts';
import { appendAudit } from './audit-log-postgres.ts';
import type {
  AuditedBy,
  LockPolicy,
  NewOperator,
  Operator,
  OperatorChange,
  OperatorCursor,
  OperatorState,
  OperatorStore,
  SignInTry,
} from './operator-store.ts';

interface OperatorRow {
  operator_id: string;
  role: OperatorRole;
  state: OperatorState;
  email_sealed: Buffer;
  data_key: Buffer;
  key_id: string;
  password_hash: string | null;
  totp_sealed: Buffer | null;
  created_at: Date;
  locked_until: Date | null;
}

type Transaction = postgres.TransactionSql;

/** Operators on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresOperatorStore implements OperatorStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  invite(one: NewOperator, by: AuditedBy): Promise<Result<Operator>> {
    return this.#sql.begin(async (sql) => {
      const [row] = await sql<OperatorRow[]>`
        insert into operators (operator_id, role, state, email_index, email_sealed, data_key, key_id, link_hash,
          link_expires_at, created_at)
        values (${one.operatorId}, ${one.role}, 'invited', ${one.emailIndex}, ${one.emailSealed},
          ${one.dataKey.wrapped}, ${one.dataKey.keyId}, ${one.link.hash}, ${new Date(one.link.expiresMs)}, ${new Date(by.atMs)})
        on conflict (email_index) do nothing returning *`;
      if (row === undefined) return rejected('conflict', 'there is an operator with this e-mail');
      const operator = operatorOf(row);
      await appendAudit(sql, { ...by, action: 'operator.invite', ...changed(null, operator) });
      return accepted(operator);
    });
  }

  async operator(operatorId: string): Promise<Operator | null> {
    return oneOf(await this.#sql<OperatorRow[]>`select * from operators where operator_id = ${operatorId}`);
  }

  async byEmail(emailIndex: Buffer): Promise<Operator | null> {
    return oneOf(await this.#sql<OperatorRow[]>`select * from operators where email_index = ${emailIndex}`);
  }

  async operators(after: OperatorCursor | null, limit: number): Promise<Operator[]> {
    const sql = this.#sql;
    const rows = await sql<OperatorRow[]>`
      select * from operators
      ${after === null ? sql`` : sql`where (created_at, operator_id) > (${new Date(after.createdMs)}, ${after.operatorId})`}
      order by created_at, operator_id limit ${limit}`;
    return rows.map(operatorOf);
  }

  change(
    operatorId: string,
    change: OperatorChange,
    by: AuditedBy,
  ): Promise<Result<{ before: Operator; after: Operator }>> {
    return this.#sql
      .begin(async (sql) => {
        // Always in the same order, so that two who change each other do not wait for one another for ever.
        const rows = await sql<OperatorRow[]>`
        select * from operators where operator_id = ${operatorId} or (role = 'admin' and state = 'active')
        order by operator_id for update`;
        const before = oneOf(rows.filter((row) => row.operator_id === operatorId));
        if (before === null) return rejected('not_found');
        const after = await update(sql, before, change);
        const others = rows.filter((row) => row.operator_id !== operatorId);
        // What was changed is undone by the rejection: see below.
        const isLast = isAdmin(before) && !isAdmin(after) && others.length === 0;
        if (isLast && by.actor !== null) throw new LastAdmin();
        await appendAudit(sql, { ...by, action: actionOf(change), ...changed(before, after) });
        return accepted({ before, after });
      })
      .catch((error: unknown) => {
        if (error instanceof LastAdmin)
          return rejected('conflict', 'the last admin who can sign in stays one');
        throw error;
      });
  }

  async byLink(linkHash: Buffer, atMs: number): Promise<Operator | null> {
    return oneOf(
      await this.#sql<OperatorRow[]>`
        select * from operators
        where link_hash = ${linkHash} and link_expires_at > ${new Date(atMs)} and state = 'invited'`,
    );
  }

  setCredentials(
    linkHash: Buffer,
    { passwordHash, totpSealed }: Parameters<OperatorStore['setCredentials']>[1],
    by: Omit<AuditedBy, 'actor'>,
  ): Promise<boolean> {
    return this.#sql.begin(async (sql) => {
      const operator = oneOf(
        await sql<OperatorRow[]>`
          update operators set password_hash = ${passwordHash}, totp_sealed = ${totpSealed}, totp_step = null,
            failures = 0, locked_until = null
          where link_hash = ${linkHash} and link_expires_at > ${new Date(by.atMs)} and state = 'invited' returning *`,
      );
      if (operator === null) return false;
      const object = { kind: 'operator', id: operator.operatorId };
      const after = { set: ['password', 'totp'] };
      await appendAudit(sql, {
        ...{ ...by, actor: actorOf(operator), action: 'operator.set_credentials', object },
        ...{ before: null, after },
      });
      return true;
    });
  }

  async beginTry(emailIndex: Buffer, policy: LockPolicy, atMs: number): Promise<SignInTry | null> {
    const at = new Date(atMs);
    const lockEnd = new Date(atMs + policy.lockMs);
    // Counted before it is looked at: as many at once as one likes are not more tries. A lock that has ended begins a new count.
    const [counted] = await this.#sql<OperatorRow[]>`
      update operators set
        failures = case when locked_until is null then failures + 1 else 1 end,
        locked_until = case when locked_until is null and failures + 1 >= ${policy.triesMax} then ${lockEnd}::timestamptz end
      where email_index = ${emailIndex} and (locked_until is null or locked_until <= ${at}) returning *`;
    if (counted !== undefined) return { operator: operatorOf(counted), isLocked: false };
    const operator = await this.byEmail(emailIndex);
    return operator === null ? null : { operator, isLocked: true };
  }

  finishSignIn(
    { operatorId, passwordHash }: Operator,
    used: Parameters<OperatorStore['finishSignIn']>[1],
    by: Omit<AuditedBy, 'actor'>,
  ): Promise<boolean> {
    return this.#sql.begin(async (sql) => {
      const operator = oneOf(
        await sql<OperatorRow[]>`
          update operators set failures = 0, locked_until = null, link_hash = null, link_expires_at = null,
            state = 'active', totp_step = ${used.totpStep}, password_hash = ${used.passwordHash}
          where operator_id = ${operatorId} and state <> 'disabled' and password_hash = ${passwordHash}
            and (totp_step is null or totp_step < ${used.totpStep}) returning *`,
      );
      if (operator === null) return false;
      const object = { kind: 'operator', id: operatorId };
      await appendAudit(sql, {
        ...{ ...by, actor: actorOf(operator), action: 'operator.sign_in', object },
        ...{ before: null, after: null },
      });
      return true;
    });
  }
}

class LastAdmin extends Error {}

const isAdmin = ({ role, state }: Operator): boolean => role === 'admin' && state === 'active';
const actorOf = ({ role, operatorId }: Operator): AuditEntry['actor'] => ({ role, id: operatorId });

async function update(sql: Transaction, before: Operator, change: OperatorChange): Promise<Operator> {
  const { role = before.role, link } = change;
  const state = link === undefined ? (change.state ?? before.state) : 'invited';
  const [row] = await sql<OperatorRow[]>`
    update operators set role = ${role}
      ${state === 'active' ? sql`, state = case when totp_step is null then 'invited' else 'active' end` : sql`, state = ${state}`}
      ${state === 'disabled' ? sql`, link_hash = null, link_expires_at = null` : sql``}
      ${
        link === undefined
          ? sql``
          : sql`, password_hash = null, totp_sealed = null, totp_step = null, failures = 0, locked_until = null,
              link_hash = ${link.hash}, link_expires_at = ${new Date(link.expiresMs)}`
      }
    where operator_id = ${before.operatorId} returning *`;
  return operatorOf(row!);
}

function actionOf({ link, state }: OperatorChange): string {
  if (link !== undefined) return 'operator.renew_link';
  if (state === undefined) return 'operator.change_role';
  return state === 'disabled' ? 'operator.disable' : 'operator.enable';
}

function changed(before: Operator | null, after: Operator): Pick<AuditEntry, 'object' | 'before' | 'after'> {
  const shown = ({ role, state }: Operator): Json => ({ role, state });
  return {
    object: { kind: 'operator', id: after.operatorId },
    before: before === null ? null : shown(before),
    after: shown(after),
  };
}

const oneOf = ([row]: readonly OperatorRow[]): Operator | null =>
  row === undefined ? null : operatorOf(row);

function operatorOf(row: OperatorRow): Operator {
  return {
    ...{ operatorId: row.operator_id, role: row.role, state: row.state, emailSealed: row.email_sealed },
    dataKey: { keyId: row.key_id, wrapped: row.data_key },
    ...{ passwordHash: row.password_hash, totpSealed: row.totp_sealed, createdMs: row.created_at.getTime() },
    lockedUntilMs: row.locked_until?.getTime() ?? null,
  };
}
