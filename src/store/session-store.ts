import type { Role } from '../domain/role.ts';

/** Why a session is over. */
export type SessionEnd = 'signed_out' | 'revoked' | 'reused' | 'replaced' | 'suspended' | 'erased';

/** An account's stay on one device, from its sign-in on. Times are Unix ms. */
export interface StoredSession {
  /** A UUID. */
  readonly sessionId: string;
  readonly role: Role;
  readonly subject: string;
  readonly device: string;
  /** Where it was opened from or last refreshed. */
  readonly address: string;
  readonly createdMs: number;
  readonly seenMs: number;
  /** Without a refresh until then it is over. */
  readonly expiresMs: number;
  readonly salt: Buffer;
  /** Of the refresh token that is good now; rises with each refresh. */
  readonly generation: number;
  readonly rotatedMs: number;
  readonly endedMs: number | null;
}

export interface SessionOwner {
  readonly role: Role;
  readonly subject: string;
}

/** Sessions. A promise that resolves is durable; one that rejects (the store is out of reach) may have happened, and may be called again. */
export interface SessionStore {
  /** Opens a session, and ends the owner's oldest ones beyond `sessionsMax`: answers the ids of those. */
  open(session: Omit<StoredSession, 'generation' | 'endedMs'>, sessionsMax: number): Promise<string[]>;
  session(sessionId: string): Promise<StoredSession | null>;
  /** From this generation to the next; false when it is not the present one, or the session is over. */
  rotate(
    sessionId: string,
    rotation: {
      readonly from: number;
      readonly address: string;
      readonly atMs: number;
      readonly expiresMs: number;
    },
  ): Promise<boolean>;
  /** Sessions that are not over, the newest first. */
  sessionsOf(owner: SessionOwner, nowMs: number): Promise<StoredSession[]>;
  /** Ends one session, if it is the owner's (whoever's, when that is null) and not over; answers whether it did. */
  end(
    sessionId: string,
    owner: SessionOwner | null,
    how: { readonly why: SessionEnd; readonly atMs: number },
  ): Promise<boolean>;
  /** Ends all sessions of the owner; answers their ids. */
  endAll(owner: SessionOwner, how: { readonly why: SessionEnd; readonly atMs: number }): Promise<string[]>;
  /** Ids of sessions that ended at `sinceMs` or later. */
  endedSince(sinceMs: number): Promise<string[]>;
}
