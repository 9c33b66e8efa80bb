import { rejected, type Result, accepted } from '../domain/rejection.ts';
import type { ChangedBy } from '../store/account-store.ts';
import type { PersonalDataStore, PersonalRows } from '../store/personal-data.ts';
import type { AccountDesk, OpenedAccount } from './account-desk.ts';
import type { AccountSessions } from './sessions.ts';

export interface PrivacyOptions {
  readonly store: PersonalDataStore;
  readonly accounts: Pick<AccountDesk, 'read' | 'readFor'>;
  readonly sessions: Pick<AccountSessions, 'endAll'>;
  /** Off duty by no wish of the driver's. */
  readonly takeOffDuty: (driverId: string) => Promise<unknown>;
}

/** All that is kept of somebody. */
export interface PersonExport extends PersonalRows {
  readonly account: OpenedAccount;
}

/** What people may ask of their data: all of it, and its end. */
export class Privacy {
  readonly #options: PrivacyOptions;

  constructor(options: PrivacyOptions) {
    this.#options = options;
  }

  /** `by` is the operator who asks, whose reading is in the audit log; null: the owner. */
  async export(accountId: string, by: ChangedBy | null): Promise<Result<PersonExport>> {
    const { accounts, store } = this.#options;
    const account = by === null ? await accounts.read(accountId) : await accounts.readFor(accountId, by);
    if (!account.ok) return account;
    return accepted({ account: account.value, ...(await store.rowsOf(accountId)) });
  }

  /** For ever. Every session ends at once; asked again it does what was cut off. */
  async erase(accountId: string, by: ChangedBy): Promise<Result<null>> {
    const { accounts, store, sessions, takeOffDuty } = this.#options;
    const account = await accounts.read(accountId);
    if (!account.ok) return rejected('not_found');
    const erased = await store.erase(accountId, by);
    if (!erased.ok) return erased;
    const { kind } = account.value;
    await sessions.endAll({ role: kind, subject: accountId, atMs: by.atMs, why: 'erased' });
    if (kind === 'driver') await takeOffDuty(accountId);
    return accepted(null);
  }
}
