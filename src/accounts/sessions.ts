import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { isOperatorRole, type Role } from '../domain/role.ts';
import { randomUuidV7, secretBytes } from '../lib/entropy.ts';
import type { SessionEnd, SessionOwner, SessionStore, StoredSession } from '../store/session-store.ts';
import { isRefreshToken, refreshClaimIn, refreshTokenOf } from './refresh-token.ts';
import { ACCESS_TOKEN_TTL_MS } from './revocations.ts';
import type { NewSession, SessionOpener, SessionTokens } from './session-opener.ts';

/** Signed in without coming back for so long, a session is over, ms: an app a month, an operator's page a night. */
const IDLE_MS = { member: 30 * 24 * 3_600_000, operator: 12 * 3_600_000 } as const;
/** A refresh whose answer was lost may be asked again for so long, ms; later the token is somebody else's. */
const RETRY_MS = 10_000;
/** Of one account; the one not seen for longest ends. */
const SESSIONS_MAX = 20;
const SALT_BYTES = 16;

export interface SessionsOptions {
  readonly store: SessionStore;
  /** 32 bytes each, of this purpose alone; the first makes tokens, all are accepted. */
  readonly keys: readonly Uint8Array[];
  readonly issueAccess: (
    token: SessionOwner & { readonly sessionId: string; readonly ttlS: number },
  ) => Promise<string>;
  /** Told once the store has it: no access token of these is good any more, anywhere. */
  readonly onEnded: (sessionIds: readonly string[]) => void;
  readonly wallNowMs: () => number;
}

/** Sessions of everybody: opened by a sign-in, kept by refreshing, listed and ended. */
export class AccountSessions implements SessionOpener {
  readonly #options: SessionsOptions;

  constructor(options: SessionsOptions) {
    this.#options = options;
  }

  async open({ role, subject, device, address, atMs }: NewSession): Promise<SessionTokens> {
    const { store, onEnded } = this.#options;
    const session = {
      ...{ sessionId: randomUuidV7(atMs), role, subject, device, address, salt: secretBytes(SALT_BYTES) },
      ...{ createdMs: atMs, seenMs: atMs, rotatedMs: atMs, expiresMs: atMs + idleMs(role) },
    };
    onEnded(await store.open(session, SESSIONS_MAX));
    return this.tokensOf({ ...session, generation: 1, endedMs: null }, atMs);
  }

  /**
   * The next two tokens for a refresh token; `unauthorized` when it is none, or its session is over. Asked again within `RETRY_MS` it answers
   * the same token: the first answer was lost. One that comes later was taken from somebody, and nobody can tell who is who: the session ends.
   */
  async refresh(token: string, address: string): Promise<Result<SessionTokens>> {
    const { store, keys, wallNowMs } = this.#options;
    const no = rejected('unauthorized', 'sign in again');
    const claim = refreshClaimIn(token);
    const session = claim === null ? null : await store.session(claim.sessionId);
    if (claim === null || session === null || !isRefreshToken(token, session.salt, keys)) return no;
    const atMs = wallNowMs();
    if (session.endedMs !== null || session.expiresMs <= atMs) return no;
    if (claim.generation === session.generation) {
      const expiresMs = atMs + idleMs(session.role);
      const rotation = { from: claim.generation, address, atMs, expiresMs };
      if (await store.rotate(session.sessionId, rotation)) {
        const next = { ...session, generation: claim.generation + 1, expiresMs };
        return accepted(await this.tokensOf(next, atMs));
      }
      // Another request with the same token was faster, a moment ago.
      return this.repeat(session.sessionId, claim.generation, atMs);
    }
    return this.repeat(session.sessionId, claim.generation, atMs);
  }

  /** Those that are not over, the newest first. */
  sessionsOf(owner: SessionOwner): Promise<StoredSession[]> {
    return this.#options.store.sessionsOf(owner, this.#options.wallNowMs());
  }

  /** Ends one of the owner's sessions; `not_found` when it is none or over. */
  async end(sessionId: string, owner: SessionOwner, why: SessionEnd): Promise<Result<null>> {
    const { store, onEnded, wallNowMs } = this.#options;
    const isEnded = await store.end(sessionId, owner, { why, atMs: wallNowMs() });
    // Also when it was over: the word of that may have been lost with the answer.
    const session = isEnded ? null : await store.session(sessionId);
    const wasTheirs = session?.subject === owner.subject && session.role === owner.role;
    if (!isEnded && !wasTheirs) return rejected('not_found');
    onEnded([sessionId]);
    return accepted(null);
  }

  async endAll({
    role,
    subject,
    atMs,
    why = 'revoked',
  }: SessionOwner & { atMs: number; why?: SessionEnd }): Promise<void> {
    const { store, onEnded } = this.#options;
    onEnded(await store.endAll({ role, subject }, { why, atMs }));
  }

  private async repeat(sessionId: string, generation: number, atMs: number): Promise<Result<SessionTokens>> {
    const { store, onEnded } = this.#options;
    const session = await store.session(sessionId);
    const no = rejected('unauthorized', 'sign in again');
    if (session === null || session.endedMs !== null) return no;
    if (generation === session.generation - 1 && atMs - session.rotatedMs <= RETRY_MS)
      return accepted(await this.tokensOf(session, atMs));
    await store.end(sessionId, null, { why: 'reused', atMs });
    onEnded([sessionId]);
    return no;
  }

  private async tokensOf(session: StoredSession, atMs: number): Promise<SessionTokens> {
    const { issueAccess, keys } = this.#options;
    const { sessionId, role, subject, generation, salt, expiresMs } = session;
    const ttlS = ACCESS_TOKEN_TTL_MS / 1_000;
    return {
      sessionId,
      accessToken: await issueAccess({ role, subject, sessionId, ttlS }),
      accessExpiresMs: atMs + ACCESS_TOKEN_TTL_MS,
      refreshToken: refreshTokenOf({ sessionId, generation }, salt, keys[0]!),
      refreshExpiresMs: expiresMs,
    };
  }
}

const idleMs = (role: Role): number => (isOperatorRole(role) ? IDLE_MS.operator : IDLE_MS.member);
