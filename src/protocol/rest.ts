import { Type, type Static, type TSchema } from 'typebox';
import type { RejectionCode } from '../domain/rejection.ts';
import {
  COMMAND_ID_PATTERN,
  NearbyDriverSchema,
  QuoteSchema,
  ReasonSchema,
  RideFields,
  TripViewSchema,
} from './messages.ts';

/** The REST half of the contract: operations, bodies, and which status each rejection has. */

const RideSchema = Type.Object(RideFields, { $id: 'Ride', description: 'what a rider asks for' });
const CancelSchema = Type.Object({ reason: ReasonSchema }, { $id: 'Cancel' });
const NearbySchema = Type.Object({ drivers: Type.Array(NearbyDriverSchema) }, { $id: 'Nearby' });
const ConnectSchema = Type.Object(
  {
    url: Type.Union([Type.String(), Type.Null()], {
      description:
        'base URL of the replica that serves the place, e.g. wss://r1.example.com; null: use the address this was asked at',
    }),
    zone: Type.String({ description: 'append ?zone= to the socket’s address, for a load balancer to go by' }),
    here: Type.Boolean({ description: 'true when the replica that answers is the one' }),
  },
  { $id: 'Connect', description: 'open url + /v1/socket?zone=ZONE' },
);
const ExplanationSchema = Type.Object(
  {},
  {
    $id: 'Explanation',
    description: 'each match of the trip: candidates, what ruled each out, costs, choice',
  },
);
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
export type Ride = Static<typeof RideSchema>;
export type Cancel = Static<typeof CancelSchema>;

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
};

export type RestRole = 'driver' | 'rider' | 'operator';

interface Operation {
  readonly method: 'get' | 'post';
  /** As OpenAPI writes it: `{tripId}`. */
  readonly path: string;
  readonly summary: string;
  readonly roles: readonly RestRole[];
  /** Needs an `Idempotency-Key` header: the command's id (R5). */
  readonly idempotent?: true;
  readonly body?: TSchema;
  readonly query?: Readonly<Record<string, TSchema>>;
  readonly status: 200 | 201;
  readonly answer: TSchema;
}

const PlaceQuery = {
  lat: Type.Number({ minimum: -90, maximum: 90 }),
  lng: Type.Number({ minimum: -180, maximum: 180 }),
};
const ALL: readonly RestRole[] = ['driver', 'rider', 'operator'];

/** Every operation; each is the twin of a command on the socket. */
export const OPERATIONS = {
  requestTrip: {
    method: 'post',
    path: '/v1/trips',
    summary: 'Ask for a ride; answered once stored. The same key gives the same answer again.',
    roles: ['rider'],
    idempotent: true,
    body: RideSchema,
    status: 201,
    answer: TripViewSchema,
  },
  trip: {
    method: 'get',
    path: '/v1/trips/{tripId}',
    summary: 'One trip: riders and drivers see their own, operators any.',
    roles: ALL,
    status: 200,
    answer: TripViewSchema,
  },
  cancelTrip: {
    method: 'post',
    path: '/v1/trips/{tripId}/cancel',
    summary: 'Give a trip up, as its rider or its driver.',
    roles: ['rider', 'driver'],
    idempotent: true,
    body: CancelSchema,
    status: 200,
    answer: TripViewSchema,
  },
  quote: {
    method: 'post',
    path: '/v1/quotes',
    summary: 'What a ride would cost.',
    roles: ['rider'],
    body: RideSchema,
    status: 200,
    answer: QuoteSchema,
  },
  connect: {
    method: 'get',
    path: '/v1/connect',
    summary:
      'Where an app at a place does best to open its socket. Every replica serves everybody; this one saves a hop.',
    roles: ['driver', 'rider'],
    query: PlaceQuery,
    status: 200,
    answer: ConnectSchema,
  },
  nearby: {
    method: 'get',
    path: '/v1/nearby',
    summary: 'Free drivers around a place, nearest first.',
    roles: ALL,
    query: PlaceQuery,
    status: 200,
    answer: NearbySchema,
  },
  explainTrip: {
    method: 'get',
    path: '/v1/admin/trips/{tripId}/explain',
    summary: 'Why each match of the trip went as it did.',
    roles: ['operator'],
    status: 200,
    answer: ExplanationSchema,
  },
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;
/** The table with the optional members visible. */
export const operation = (id: OperationId): Operation => OPERATIONS[id];
