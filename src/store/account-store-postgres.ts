import type postgres from 'postgres';
import { type ApprovalState, approvalAfter } from '../domain/driver-approval.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { CODE_SENDS_MAX, CODE_TRIES_MAX, CODE_TTL_MS, CODE_WINDOW_MS } from '../domain/sign-in-code.ts';
import type { VehicleClass } from '../domain/vehicle.ts';
import type {
  AccountCursor,
  AccountKind,
  AccountState,
  AccountStore,
  ChangedBy,
  NewAccount,
  NewCode,
  StoredAccount,
  StoredApproval,
} from './account-store.ts';
import { appendAudit } from './audit-log-postgres.ts';

interface AccountRow {
  account_id: string;
  kind: AccountKind;
  state: AccountState;
  phone_sealed: Buffer | null;
  name_sealed: Buffer | null;
  data_key: Buffer | null;
  key_id: string | null;
  version: number;
  created_at: Date;
}

interface ApprovalRow {
  driver_id: string;
  state: ApprovalState;
  vehicle_class: VehicleClass;
  seats: number;
  model: string;
  colour: string;
  plate_sealed: Buffer;
  reason: string | null;
  version: number;
  changed_at: Date;
}

/** Accounts on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresAccountStore implements AccountStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async keepCode({ phoneIndex, kind, codeHash, atMs }: NewCode): Promise<Result<null>> {
    const [now, expires, windowEnd] = [atMs, atMs + CODE_TTL_MS, atMs - CODE_WINDOW_MS].map(
      (ms) => new Date(ms),
    );
    const rows = await this.#sql`
      insert into sign_in_codes as old (phone_index, kind, code_hash, expires_at, tries, sends, window_began_at)
      values (${phoneIndex}, ${kind}, ${codeHash}, ${expires!}, 0, 1, ${now!})
      on conflict (phone_index, kind) do update set
        code_hash = excluded.code_hash, expires_at = excluded.expires_at, tries = 0,
        sends = case when old.window_began_at <= ${windowEnd!} then 1 else old.sends + 1 end,
        window_began_at = case when old.window_began_at <= ${windowEnd!} then excluded.window_began_at else old.window_began_at end
      where old.window_began_at <= ${windowEnd!} or old.sends < ${CODE_SENDS_MAX}
      returning 1`;
    return rows.length > 0
      ? accepted(null)
      : rejected('rate_limited', 'this number has been sent enough codes');
  }

  async spendCode({ phoneIndex, kind, codeHash, atMs }: NewCode): Promise<boolean> {
    // The lock makes tries that come at once wait for each other. The hashes are keyed: how long their comparison takes tells nobody a code.
    const [row] = await this.#sql<{ is_right: boolean }[]>`
      with held as (
        select phone_index, kind, code_hash from sign_in_codes
        where phone_index = ${phoneIndex} and kind = ${kind} and code_hash is not null
          and expires_at > ${new Date(atMs)} and tries < ${CODE_TRIES_MAX}
        for update
      )
      update sign_in_codes as code set
        tries = code.tries + 1,
        code_hash = case when held.code_hash = ${codeHash} then null else code.code_hash end
      from held where code.phone_index = held.phone_index and code.kind = held.kind
      returning held.code_hash = ${codeHash} as is_right`;
    return row?.is_right === true;
  }

  async accountFor(fresh: NewAccount): Promise<{ account: StoredAccount; isNew: boolean }> {
    const { accountId, kind, phoneIndex, phoneSealed, dataKey, createdMs } = fresh;
    // The update changes nothing: it makes the account that is there come back.
    const [row] = await this.#sql<AccountRow[]>`
      insert into accounts as old
        (account_id, kind, state, phone_index, phone_sealed, data_key, key_id, version, created_at)
      values (${accountId}, ${kind}, 'active', ${phoneIndex}, ${phoneSealed}, ${dataKey.wrapped}, ${dataKey.keyId}, 1,
        ${new Date(createdMs)})
      on conflict (kind, phone_index) do update set version = old.version
      returning *`;
    return { account: accountOf(row!), isNew: row!.account_id === accountId };
  }

  async account(accountId: string): Promise<StoredAccount | null> {
    const [row] = await this.#sql<AccountRow[]>`select * from accounts where account_id = ${accountId}`;
    return row === undefined ? null : accountOf(row);
  }

  async byPhone(kind: AccountKind, phoneIndex: Buffer): Promise<StoredAccount | null> {
    const [row] = await this.#sql<AccountRow[]>`
      select * from accounts where kind = ${kind} and phone_index = ${phoneIndex}`;
    return row === undefined ? null : accountOf(row);
  }

  async accounts(kind: AccountKind, after: AccountCursor | null, limit: number): Promise<StoredAccount[]> {
    const sql = this.#sql;
    const rows = await sql<AccountRow[]>`
      select * from accounts where kind = ${kind}
        ${after === null ? sql`` : sql`and (created_at, account_id) < (${new Date(after.ms)}, ${after.accountId})`}
      order by created_at desc, account_id desc limit ${limit}`;
    return rows.map(accountOf);
  }

  async rename(accountId: string, nameSealed: Buffer): Promise<boolean> {
    const rows = await this.#sql`
      update accounts set name_sealed = ${nameSealed}, version = version + 1
      where account_id = ${accountId} and state <> 'erased' returning 1`;
    return rows.length > 0;
  }

  setState(accountId: string, state: 'active' | 'suspended', by: ChangedBy): Promise<StoredAccount | null> {
    return this.#sql.begin(async (sql) => {
      const [before] = await sql<AccountRow[]>`
        select * from accounts where account_id = ${accountId} and state <> 'erased' for update`;
      if (before === undefined) return null;
      if (before.state === state) return accountOf(before);
      const [after] = await sql<AccountRow[]>`
        update accounts set state = ${state}, version = version + 1 where account_id = ${accountId} returning *`;
      await appendAudit(sql, {
        ...by,
        action: state === 'suspended' ? 'account.suspend' : 'account.reinstate',
        object: { kind: before.kind, id: accountId },
        before: { state: before.state },
        after: { state },
      });
      return accountOf(after!);
    });
  }

  async approval(driverId: string): Promise<StoredApproval | null> {
    const [row] = await this.#sql<
      ApprovalRow[]
    >`select * from driver_approvals where driver_id = ${driverId}`;
    return row === undefined ? null : approvalOf(row);
  }

  submit(approval: Omit<StoredApproval, 'state' | 'reason' | 'version'>): Promise<Result<StoredApproval>> {
    const { driverId, vehicleClass, seats, model, colour, plateSealed } = approval;
    const changed = new Date(approval.changedMs);
    return this.#sql.begin(async (sql) => {
      await sql`
        insert into driver_approvals
          (driver_id, state, vehicle_class, seats, model, colour, plate_sealed, version, changed_at)
        values (${driverId}, 'draft', ${vehicleClass}, ${seats}, ${model}, ${colour}, ${plateSealed}, 1, ${changed})
        on conflict (driver_id) do nothing`;
      const [before] = await sql<ApprovalRow[]>`
        select * from driver_approvals where driver_id = ${driverId} for update`;
      const state = approvalAfter(before!.state, 'submit');
      if (state === null) return rejected('wrong_state', `the application is ${before!.state}`);
      const [after] = await sql<ApprovalRow[]>`
        update driver_approvals set state = ${state}, vehicle_class = ${vehicleClass}, seats = ${seats},
          model = ${model}, colour = ${colour}, plate_sealed = ${plateSealed}, reason = null,
          version = version + 1, changed_at = ${changed}
        where driver_id = ${driverId} returning *`;
      return accepted(approvalOf(after!));
    });
  }

  review(
    driverId: string,
    { review, reason }: Parameters<AccountStore['review']>[1],
    by: ChangedBy,
  ): Promise<Result<StoredApproval>> {
    return this.#sql.begin(async (sql) => {
      const [before] = await sql<ApprovalRow[]>`
        select * from driver_approvals where driver_id = ${driverId} for update`;
      if (before === undefined) return rejected('not_found');
      const state = approvalAfter(before.state, review);
      if (state === null) return rejected('wrong_state', `the application is ${before.state}`);
      const [after] = await sql<ApprovalRow[]>`
        update driver_approvals set state = ${state}, reason = ${reason}, version = version + 1,
          changed_at = ${new Date(by.atMs)}
        where driver_id = ${driverId} returning *`;
      await appendAudit(sql, {
        ...{ ...by, action: `driver.${review}`, object: { kind: 'driver', id: driverId } },
        ...{ before: { state: before.state }, after: { state } },
      });
      return accepted(approvalOf(after!));
    });
  }

  async approvals(
    state: ApprovalState,
    after: AccountCursor | null,
    limit: number,
  ): Promise<StoredApproval[]> {
    const sql = this.#sql;
    const rows = await sql<ApprovalRow[]>`
      select * from driver_approvals where state = ${state}
        ${after === null ? sql`` : sql`and (changed_at, driver_id) > (${new Date(after.ms)}, ${after.accountId})`}
      order by changed_at, driver_id limit ${limit}`;
    return rows.map(approvalOf);
  }
}

function accountOf(row: AccountRow): StoredAccount {
  return {
    ...{ accountId: row.account_id, kind: row.kind, state: row.state, version: row.version },
    ...{ phoneSealed: row.phone_sealed, nameSealed: row.name_sealed },
    dataKey:
      row.data_key === null || row.key_id === null ? null : { keyId: row.key_id, wrapped: row.data_key },
    createdMs: row.created_at.getTime(),
  };
}

function approvalOf(row: ApprovalRow): StoredApproval {
  return {
    ...{ driverId: row.driver_id, state: row.state, vehicleClass: row.vehicle_class, seats: row.seats },
    ...{ model: row.model, colour: row.colour, plateSealed: row.plate_sealed, reason: row.reason },
    ...{ version: row.version, changedMs: row.changed_at.getTime() },
  };
}
