import type { TSchema } from 'typebox';
import type { Permission } from '../domain/permission.ts';

/** How often: what guesses a secret seldom, what is read often. See the limits in src/rest/. */
export type RateClass = 'sign_in' | 'read' | 'write';

/** One operation over REST: the row from which route, checks, OpenAPI and the walk over all roles are made. */
export interface Operation {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** As OpenAPI writes it: `/v1/trips/{tripId}`; each parameter has a schema in `params`. */
  readonly path: string;
  readonly summary: string;
  /** Null: nobody has to be signed in. */
  readonly permission: Permission | null;
  readonly rate: RateClass;
  /**
   * What an `Idempotency-Key` header does (R5); nothing where nobody is signed in, and with GET. Not given: a write that comes with a key gets the same answer again,
   * which the server keeps by it, sealed, for some days. True: the same, and the key must be there. `command`: it must be there, and the handler's store keeps the
   * answer, as trips do. `never`: the answer has a secret in it, which is not kept.
   */
  readonly idempotent?: true | 'command' | 'never';
  /** A string each. What does not fit is `not_found`: no such thing can be. */
  readonly params?: Readonly<Record<string, TSchema>>;
  readonly body?: TSchema;
  /** Numbers and strings; `Type.Optional` where it may be left out. */
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly status: 200 | 201 | 202 | 204;
  /** Null for 204. */
  readonly answer: TSchema | null;
  /** A request that fits, for the documentation and the test that sends it. */
  readonly example?: { readonly body?: unknown; readonly query?: Readonly<Record<string, string>> };
}

/** Whether a request brings an Idempotency-Key, and whose the answer is to keep; null: a key is not looked at. */
export function keyUseOf({ method, permission, rate, idempotent }: Operation): KeyUse | null {
  if (method === 'get' || permission === null || idempotent === 'never') return null;
  if (idempotent === 'command') return { isRequired: true, keepsAnswer: false };
  if (idempotent === true) return { isRequired: true, keepsAnswer: true };
  return rate === 'write' ? { isRequired: false, keepsAnswer: true } : null;
}

export interface KeyUse {
  readonly isRequired: boolean;
  /** The server keeps the answer; else the handler does. */
  readonly keepsAnswer: boolean;
}
