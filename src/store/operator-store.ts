import type { Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import type { WrappedKey } from '../lib/envelope.ts';
import type { AuditEntry } from './audit-log.ts';

/** `invited`: has a link, or had one; signs in for the first time to become `active`. */
export type OperatorState = 'invited' | 'active' | 'disabled';

export interface Operator {
  readonly operatorId: string;
  readonly role: OperatorRole;
  readonly state: OperatorState;
  /** Sealed by the data key, as is `totpSealed`. */
  readonly emailSealed: Buffer;
  readonly dataKey: WrappedKey;
  /** As argon2 writes it; null before the link was used. */
  readonly passwordHash: string | null;
  readonly totpSealed: Buffer | null;
  readonly createdMs: number;
  /** Null: not locked, or not any more since then. */
  readonly lockedUntilMs: number | null;
}

/** What opens the door to set password and code device, once: only its hash is stored. */
export interface OperatorLink {
  readonly hash: Buffer;
  readonly expiresMs: number;
}

export interface NewOperator {
  readonly operatorId: string;
  readonly role: OperatorRole;
  readonly emailIndex: Buffer;
  readonly emailSealed: Buffer;
  readonly dataKey: WrappedKey;
  readonly link: OperatorLink;
}

/** Who does it, for the audit log: stored in one transaction with what is done. */
export type AuditedBy = Pick<AuditEntry, 'atMs' | 'actor' | 'address'>;

/** A try at signing in, counted before anything of it was looked at. */
export interface SignInTry {
  readonly operator: Operator;
  /** Too many tries have failed: whatever comes, it is not let in. */
  readonly isLocked: boolean;
}

/** Tries that fail in a row until the account is locked, and for how long. */
export interface LockPolicy {
  readonly triesMax: number;
  readonly lockMs: number;
}

/** A place in a list that is read page by page: what comes after this operator. */
export interface OperatorCursor {
  readonly createdMs: number;
  readonly operatorId: string;
}

export interface OperatorChange {
  readonly role?: OperatorRole;
  /** `active` gives back what was disabled; an account that has never been signed in to becomes `invited`. */
  readonly state?: 'active' | 'disabled';
  /** A new link, with which password and code device are set anew: the old ones are gone at once. */
  readonly link?: OperatorLink;
}

/**
 * Operators. Every method is one transaction; a promise that resolves is durable, one that rejects (the store is out of reach) may have
 * happened. Each change is in the audit log when it has happened.
 */
export interface OperatorStore {
  /** Answers the operator as kept; `conflict` when the e-mail is another's. */
  invite(operator: NewOperator, by: AuditedBy): Promise<Result<Operator>>;
  operator(operatorId: string): Promise<Operator | null>;
  byEmail(emailIndex: Buffer): Promise<Operator | null>;
  /** By age, the oldest first, at most `limit`. */
  operators(after: OperatorCursor | null, limit: number): Promise<Operator[]>;
  /**
   * The operator as it was and as it is after; `not_found`, or `conflict` when nobody who can sign in would be left to
   * administer, whatever happens at the same time; who has the machine itself (no actor) may do that too.
   */
  change(
    operatorId: string,
    change: OperatorChange,
    by: AuditedBy,
  ): Promise<Result<{ before: Operator; after: Operator }>>;

  /** Whose link it is; null when it is nobody's, or out of date. */
  byLink(linkHash: Buffer, atMs: number): Promise<Operator | null>;
  /** Sets both, and leaves the link good until the first sign-in; false when the link is not any more. */
  setCredentials(
    linkHash: Buffer,
    credentials: { readonly passwordHash: string; readonly totpSealed: Buffer },
    by: Omit<AuditedBy, 'actor'>,
  ): Promise<boolean>;

  /** Counts a try at the account with this e-mail; null when there is none. Tries at a locked account are not counted. */
  beginTry(emailIndex: Buffer, policy: LockPolicy, atMs: number): Promise<SignInTry | null>;
  /**
   * Forgets the tries, ends the link, and takes the code's step: false, and nothing is changed, when this code or a later one was taken
   * already, or the operator was disabled or given a new link meanwhile.
   */
  finishSignIn(
    operator: Operator,
    used: { readonly totpStep: number; readonly passwordHash: string },
    by: Omit<AuditedBy, 'actor'>,
  ): Promise<boolean>;
}
