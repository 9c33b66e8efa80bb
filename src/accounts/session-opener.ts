import type { Role } from '../domain/role.ts';

/** Who signed in, with what. */
export interface NewSession {
  readonly role: Role;
  readonly subject: string;
  /** What the client calls itself, for the list of sessions. */
  readonly device: string;
  readonly address: string;
  readonly atMs: number;
}

/** What a client gets when it signs in, or refreshes. */
export interface SessionTokens {
  readonly sessionId: string;
  /** Goes with every request, for minutes. */
  readonly accessToken: string;
  readonly accessExpiresMs: number;
  /** Good once, for the next two. */
  readonly refreshToken: string;
  readonly refreshExpiresMs: number;
}

/** Opens and ends sessions of any role. */
export interface SessionOpener {
  open(session: NewSession): Promise<SessionTokens>;
  /** Ends all sessions of the account, on every replica at once. */
  endAll(account: { readonly role: Role; readonly subject: string; readonly atMs: number }): Promise<void>;
}
