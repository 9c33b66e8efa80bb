import type { CarDescription, Review } from '../domain/driver-approval.ts';
import { phoneIn } from '../domain/phone.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Vehicle } from '../domain/vehicle.ts';
import type {
  AccountCursor,
  AccountKind,
  AccountStore,
  ChangedBy,
  StoredAccount,
  StoredApproval,
} from '../store/account-store.ts';
import type { ApprovalState } from '../domain/driver-approval.ts';
import type { AuditLog } from '../store/audit-log.ts';
import type { AccountVault } from './account-vault.ts';
import type { AccountSessions } from './sessions.ts';

export interface AccountDeskOptions {
  readonly store: AccountStore;
  readonly vault: AccountVault;
  readonly sessions: Pick<AccountSessions, 'endAll'>;
  readonly auditLog: Pick<AuditLog, 'append'>;
  /** No ride for who may not drive any more; called when the store has it. */
  readonly takeOffDuty: (driverId: string) => Promise<unknown>;
  readonly wallNowMs: () => number;
}

/** An account as its owner and operators see it, opened. */
export interface OpenedAccount {
  readonly accountId: string;
  readonly kind: AccountKind;
  readonly state: StoredAccount['state'];
  /** Null once erased. */
  readonly phone: string | null;
  readonly name: string | null;
  readonly createdMs: number;
  /** Of a driver who has described a car; null else. */
  readonly approval: OpenedApproval | null;
}

export interface OpenedApproval extends CarDescription {
  readonly state: ApprovalState;
  readonly reason: string | null;
  readonly changedMs: number;
}

/** What owners do with their accounts and operators with everybody's, except signing in. */
export class AccountDesk {
  readonly #options: AccountDeskOptions;

  constructor(options: AccountDeskOptions) {
    this.#options = options;
  }

  async read(accountId: string): Promise<Result<OpenedAccount>> {
    const account = await this.#options.store.account(accountId);
    return account === null ? rejected('not_found') : accepted(await this.opened(account));
  }

  /** As `read`, for an operator: that somebody's data was read is in the audit log before they are shown. */
  async readFor(accountId: string, by: ChangedBy): Promise<Result<OpenedAccount>> {
    const account = await this.#options.store.account(accountId);
    if (account === null) return rejected('not_found');
    await this.#options.auditLog.append({
      ...{ ...by, action: 'person.read', object: { kind: account.kind, id: accountId } },
      ...{ before: null, after: null },
    });
    return accepted(await this.opened(account));
  }

  async rename(accountId: string, name: string): Promise<Result<OpenedAccount>> {
    const { store, vault } = this.#options;
    const account = await store.account(accountId);
    if (account === null || account.state === 'erased') return rejected('not_found');
    await store.rename(accountId, await vault.seal(account, 'name', name));
    return this.read(accountId);
  }

  /** A driver describes the car, anew or first: to be looked at by an operator before the next duty. */
  async submitCar(driverId: string, car: CarDescription): Promise<Result<OpenedAccount>> {
    const { store, vault, wallNowMs } = this.#options;
    const account = await store.account(driverId);
    if (account === null || account.state === 'erased') return rejected('not_found');
    const { plate, ...rest } = car;
    const plateSealed = await vault.seal(account, 'plate', plate);
    const submitted = await store.submit({ driverId, ...rest, plateSealed, changedMs: wallNowMs() });
    if (!submitted.ok) return submitted;
    await this.#options.takeOffDuty(driverId);
    return this.read(driverId);
  }

  /** Accounts without what is sealed, the newest first. */
  list(kind: AccountKind, after: AccountCursor | null, limit: number): Promise<StoredAccount[]> {
    return this.#options.store.accounts(kind, after, limit);
  }

  /** Applications in a state, who has waited longest first. */
  applications(state: ApprovalState, after: AccountCursor | null, limit: number): Promise<StoredApproval[]> {
    return this.#options.store.approvals(state, after, limit);
  }

  /** The account of a number; `not_found` when there is none. Its being looked for is in the audit log. */
  async find(kind: AccountKind, text: string, by: ChangedBy): Promise<Result<OpenedAccount>> {
    const { store, vault } = this.#options;
    const phone = phoneIn(text);
    if (phone === null) return rejected('bad_message', '/phone is no phone number: + and country code first');
    const account = await store.byPhone(kind, vault.phoneIndex(phone));
    return account === null ? rejected('not_found') : this.readFor(account.accountId, by);
  }

  /** Decides about a driver's application; a driver who may not drive any more is off duty at once. */
  async review(
    driverId: string,
    decision: { readonly review: Review; readonly reason: string | null },
    by: ChangedBy,
  ): Promise<Result<OpenedAccount>> {
    const { store, takeOffDuty } = this.#options;
    const reviewed = await store.review(driverId, decision, by);
    if (!reviewed.ok) return reviewed;
    if (reviewed.value.state !== 'approved') await takeOffDuty(driverId);
    return this.read(driverId);
  }

  /** Ends every session of the account at once, and lets nobody sign in to it. */
  async suspend(accountId: string, kind: AccountKind, by: ChangedBy): Promise<Result<OpenedAccount>> {
    const { store, sessions, takeOffDuty } = this.#options;
    const before = await store.account(accountId);
    if (before?.kind !== kind) return rejected('not_found');
    const account = await store.setState(accountId, 'suspended', by);
    if (account === null) return rejected('not_found');
    await sessions.endAll({ role: kind, subject: accountId, atMs: by.atMs, why: 'suspended' });
    if (kind === 'driver') await takeOffDuty(accountId);
    return accepted(await this.opened(account));
  }

  async reinstate(accountId: string, kind: AccountKind, by: ChangedBy): Promise<Result<OpenedAccount>> {
    const before = await this.#options.store.account(accountId);
    if (before?.kind !== kind) return rejected('not_found');
    const account = await this.#options.store.setState(accountId, 'active', by);
    return account === null ? rejected('not_found') : accepted(await this.opened(account));
  }

  /** Whether the driver may drive no car at all. */
  async isBarred(driverId: string): Promise<boolean> {
    const { store } = this.#options;
    const [account, approval] = await Promise.all([store.account(driverId), store.approval(driverId)]);
    return account?.state !== 'active' || approval?.state !== 'approved';
  }

  /** Whether the driver may go on duty with this vehicle: account and car approved, the class theirs, no more seats than the car has. */
  async mayDrive(driverId: string, { vehicleClass, seats }: Vehicle): Promise<Result<null>> {
    const { store } = this.#options;
    const [account, approval] = await Promise.all([store.account(driverId), store.approval(driverId)]);
    if (account?.state !== 'active' || account.kind !== 'driver') return rejected('not_approved');
    if (approval?.state !== 'approved')
      return rejected('not_approved', approval?.state ?? 'no car described');
    if (approval.vehicleClass !== vehicleClass || seats > approval.seats)
      return rejected('not_approved', 'the approved car is another one');
    return accepted(null);
  }

  private async opened(account: StoredAccount): Promise<OpenedAccount> {
    const { store, vault } = this.#options;
    const { accountId, kind, state, createdMs } = account;
    const approval = kind === 'driver' ? await store.approval(accountId) : null;
    return {
      ...{ accountId, kind, state, createdMs },
      phone: await vault.open(account, 'phone', account.phoneSealed),
      name: await vault.open(account, 'name', account.nameSealed),
      approval: approval === null ? null : await this.openedApproval(account, approval),
    };
  }

  private async openedApproval(account: StoredAccount, approval: StoredApproval): Promise<OpenedApproval> {
    const { state, vehicleClass, seats, model, colour, reason, changedMs, plateSealed } = approval;
    const plate = (await this.#options.vault.open(account, 'plate', plateSealed)) ?? '';
    return { state, vehicleClass, seats, model, colour, plate, reason, changedMs };
  }
}
