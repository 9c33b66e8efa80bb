import type { OperatorRole } from '../domain/role.ts';
import type { AuditedBy } from './operator-store.ts';

/** A key that a machine acts with, as an operator of this role. The key itself is not kept. */
export interface ServiceKey {
  readonly keyId: string;
  readonly role: OperatorRole;
  /** What it is for, in the words of who made it. */
  readonly name: string;
  readonly createdBy: string;
  /** Unix ms, as are the others. */
  readonly createdMs: number;
  readonly expiresMs: number;
  /** Null: nobody has ended it. */
  readonly endedMs: number | null;
}

/** A place in a list that is read page by page: what comes after this key. */
export type ServiceKeyCursor = Pick<ServiceKey, 'keyId' | 'createdMs'>;

/** Service keys. A promise that resolves is durable; each change is in the audit log when it has happened. */
export interface ServiceKeyStore {
  make(key: ServiceKey & { readonly hash: Buffer }, by: AuditedBy): Promise<void>;
  byHash(hash: Buffer): Promise<ServiceKey | null>;
  /** By age, the oldest first, at most `limit`. */
  keys(after: ServiceKeyCursor | null, limit: number): Promise<ServiceKey[]>;
  /** The key as it is then; one that was ended before stays as it was. Null: there is none. */
  end(keyId: string, by: AuditedBy): Promise<ServiceKey | null>;
}
