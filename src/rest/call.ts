import type { Principal } from '../dispatch/desk.ts';
import type { Result } from '../domain/rejection.ts';

/** A request that has passed: who asks, from where, and what, checked against the operation's schemas. */
export interface Call {
  /** Null where the operation asks for no token. */
  readonly principal: Principal | null;
  /** The session that the token was issued in; null for tokens that are signed elsewhere. */
  readonly sessionId: string | null;
  readonly params: Readonly<Record<string, string>>;
  /** The Idempotency-Key, or empty where the operation takes none. */
  readonly key: string;
  readonly body: unknown;
  readonly query: Readonly<Record<string, string | number | undefined>>;
  readonly address: string;
  /** What the client calls itself, at most 200 characters. */
  readonly userAgent: string;
}

/** What to answer; a plain value where nothing has to be waited for. `null` for an operation that answers 204. */
export type Handler = (call: Call) => Result<unknown> | Promise<Result<unknown>>;

/** One handler for each operation of a table. */
export type HandlersOf<Operations> = Readonly<Record<keyof Operations, Handler>>;
