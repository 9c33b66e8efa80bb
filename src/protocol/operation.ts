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
   * Needs an `Idempotency-Key` header (R5). `command`: the handler's store keeps it, as trips do. True: the server keeps the answer by it, sealed, for a day or so;
   * not for answers with a token or a key in them, and only where there is a permission.
   */
  readonly idempotent?: true | 'command';
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
