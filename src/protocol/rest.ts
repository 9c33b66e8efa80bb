import { Type } from 'typebox';
import type { RejectionCode } from '../domain/rejection.ts';
import { COMMAND_ID_PATTERN } from './messages.ts';
import type { Operation } from './operation.ts';
import { ACCOUNT_OPERATIONS } from './rest-accounts.ts';
import { OPERATOR_OPERATIONS } from './rest-operators.ts';
import { TRIP_SEARCH_OPERATIONS } from './rest-trip-search.ts';
import { PRIVACY_OPERATIONS } from './rest-privacy.ts';
import { TRIP_OPERATIONS } from './rest-trips.ts';
import { SAFETY_OPERATIONS } from './rest-safety.ts';
import { TRUST_OPERATIONS } from './rest-trust.ts';

/** The REST half of the contract: all operations, and which status each rejection has. */

/** Errors (RFC 9457), as `application/problem+json`. */
export const ProblemSchema = Type.Object(
  {
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'the same codes as on the socket, and those of HTTP itself' }),
    detail: Type.Optional(Type.String()),
    retryable: Type.Boolean(),
  },
  { $id: 'Problem' },
);

export const IDEMPOTENCY_KEY_PATTERN = COMMAND_ID_PATTERN;

/** One table from code to status; the gateway's own refusals (405, 411, 413, 415, 408) are in src/rest/. */
export const STATUS_OF: Readonly<Record<RejectionCode, number>> = {
  bad_message: 422,
  unknown_type: 404,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  rate_limited: 429,
  overloaded: 503,
  unavailable: 503,
  draining: 503,
  key_reused: 422,
  outside_area: 422,
  class_not_offered: 422,
  rider_busy: 409,
  driver_busy: 409,
  offer_gone: 409,
  wrong_state: 409,
  wrong_pin: 409,
  too_early: 409,
  account_suspended: 403,
  location_suspect: 403,
  not_approved: 403,
  conflict: 409,
  in_progress: 409,
  pickup_forbidden: 422,
};

/** Every operation, by its id. A test walks each with every role. */
export const OPERATIONS = {
  ...TRIP_OPERATIONS,
  ...ACCOUNT_OPERATIONS,
  ...PRIVACY_OPERATIONS,
  ...TRUST_OPERATIONS,
  ...SAFETY_OPERATIONS,
  ...OPERATOR_OPERATIONS,
  ...TRIP_SEARCH_OPERATIONS,
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
/** The table with the optional members visible. */
export const operation = (id: OperationId): Operation => OPERATIONS[id];
