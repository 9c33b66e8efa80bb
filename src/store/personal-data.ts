import type { Result } from '../domain/rejection.ts';
import type { AuditEntry } from './audit-log.ts';

/** Values as they lie in the database, by their columns' names. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** What is kept of somebody beside the account itself. */
export interface PersonalRows {
  readonly sessions: readonly StoredRow[];
  /** The newest first, at most `TRIPS_MAX`. */
  readonly trips: readonly StoredRow[];
  readonly ratingsGiven: readonly StoredRow[];
  readonly callsForHelp: readonly StoredRow[];
  readonly suspicions: readonly StoredRow[];
}

/** Trips in one export; who has had more asks an operator for the rest. */
export const TRIPS_MAX = 5_000;

/** All that is kept of one person. Rejects when the store is out of reach. */
export interface PersonalDataStore {
  rowsOf(accountId: string): Promise<PersonalRows>;
  /**
   * Deletes the account's data key and all that is sealed by it or names devices, with its entry in the audit log; trips keep the id. `not_found`, or
   * `rider_busy` or `driver_busy` during a trip. An account that was erased before is no error.
   */
  erase(accountId: string, by: Pick<AuditEntry, 'actor' | 'address' | 'atMs'>): Promise<Result<null>>;
}
