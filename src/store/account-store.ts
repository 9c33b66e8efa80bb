import type { ApprovalState } from '../domain/driver-approval.ts';
import type { Result } from '../domain/rejection.ts';
import type { VehicleClass } from '../domain/vehicle.ts';
import type { WrappedKey } from '../lib/envelope.ts';
import type { AuditEntry } from './audit-log.ts';

export type AccountKind = 'rider' | 'driver';
export type AccountState = 'active' | 'suspended' | 'erased';

/** An account as it is stored: what is personal is sealed, and gone once the account is erased. */
export interface StoredAccount {
  readonly accountId: string;
  readonly kind: AccountKind;
  readonly state: AccountState;
  readonly phoneSealed: Buffer | null;
  readonly nameSealed: Buffer | null;
  readonly dataKey: WrappedKey | null;
  readonly version: number;
  readonly createdMs: number;
}

export interface NewAccount {
  readonly accountId: string;
  readonly kind: AccountKind;
  readonly phoneIndex: Buffer;
  readonly phoneSealed: Buffer;
  readonly dataKey: WrappedKey;
  readonly createdMs: number;
}

/** A driver's car and its approval. */
export interface StoredApproval {
  readonly driverId: string;
  readonly state: ApprovalState;
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
  readonly model: string;
  readonly colour: string;
  readonly plateSealed: Buffer;
  /** Why it was rejected or suspended. */
  readonly reason: string | null;
  readonly version: number;
  readonly changedMs: number;
}

/** Who changes something as an operator: goes into the audit log in the same transaction. */
export type ChangedBy = Pick<AuditEntry, 'actor' | 'address' | 'atMs'>;

/** A place in a list that is read page by page, the newest first. */
export interface AccountCursor {
  readonly ms: number;
  readonly accountId: string;
}

/** A code about to be sent. */
export interface NewCode {
  readonly phoneIndex: Buffer;
  readonly kind: AccountKind;
  readonly codeHash: Buffer;
  readonly atMs: number;
}

/** Accounts, their sign-in codes and approvals. A promise that resolves is durable; one that rejects may have happened. */
export interface AccountStore {
  /** Keeps the code in place of the one before; `rate_limited` when the number was sent enough of them of late. */
  keepCode(code: NewCode): Promise<Result<null>>;
  /** Counts a try, and spends the code if it is right: of many tries at once with the right one, one is true. */
  spendCode(code: NewCode): Promise<boolean>;

  /** The account of this number and kind: the one there is, or `fresh`. */
  accountFor(fresh: NewAccount): Promise<{ readonly account: StoredAccount; readonly isNew: boolean }>;
  account(accountId: string): Promise<StoredAccount | null>;
  byPhone(kind: AccountKind, phoneIndex: Buffer): Promise<StoredAccount | null>;
  /** The newest first, at most `limit`. */
  accounts(kind: AccountKind, after: AccountCursor | null, limit: number): Promise<StoredAccount[]>;
  /** Replaces the name; false when the account is erased or none. */
  rename(accountId: string, nameSealed: Buffer): Promise<boolean>;
  /** `suspended` or `active` again; null when there is no such account or it is erased. With its entry in the audit log. */
  setState(accountId: string, state: 'active' | 'suspended', by: ChangedBy): Promise<StoredAccount | null>;

  approval(driverId: string): Promise<StoredApproval | null>;
  /** Keeps the car, and the state that `approvalAfter` gives; `wrong_state` when none follows. */
  submit(approval: Omit<StoredApproval, 'state' | 'reason' | 'version'>): Promise<Result<StoredApproval>>;
  /** What an operator decides, with its entry in the audit log; `not_found`, or `wrong_state`. */
  review(
    driverId: string,
    decision: {
      readonly review: 'approve' | 'reject' | 'suspend' | 'reinstate';
      readonly reason: string | null;
    },
    by: ChangedBy,
  ): Promise<Result<StoredApproval>>;
  /** Of a state, who has waited longest first, after `after`. */
  approvals(state: ApprovalState, after: AccountCursor | null, limit: number): Promise<StoredApproval[]>;
}
