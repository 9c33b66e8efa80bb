import { Type, type Static } from 'typebox';
import { ACCOUNT_ID_PATTERN } from '../domain/ids.ts';
import {
  FareLinesSchema,
  Maybe,
  NearbyDriverSchema,
  QuoteSchema,
  ReasonSchema,
  RideFields,
  TripViewSchema,
  UUID_PATTERN,
} from './messages.ts';
import type { Operation } from './operation.ts';

const RideSchema = Type.Object(RideFields, { $id: 'Ride', description: 'what a rider asks for' });
const CancelSchema = Type.Object({ reason: ReasonSchema }, { $id: 'Cancel' });
const AssignSchema = Type.Object(
  { driverId: Type.String({ pattern: ACCOUNT_ID_PATTERN }) },
  { $id: 'Assign' },
);
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
const FareSchema = Type.Object({ totalMinor: Type.Integer(), lines: FareLinesSchema }, { $id: 'Fare' });
const TripFareSchema = Type.Object(
  {
    tripId: Type.String({ pattern: UUID_PATTERN }),
    currency: Type.String({ description: 'ISO 4217' }),
    minorDigits: Type.Integer({
      minimum: 0,
      description: 'digits of an amount that stand behind the point: 2 for USD, 0 for JPY',
    }),
    quote: FareSchema,
    fare: Maybe(FareSchema),
  },
  { $id: 'TripFare', description: 'fare: null until the trip has ended, and where nothing is owed' },
);
const ExplanationSchema = Type.Object(
  {},
  {
    $id: 'Explanation',
    description: 'each match of the trip: candidates, what ruled each out, costs, choice',
  },
);
export type TripFare = Static<typeof TripFareSchema>;
export type Ride = Static<typeof RideSchema>;
export type Assign = Static<typeof AssignSchema>;
export type Cancel = Static<typeof CancelSchema>;

const PlaceQuery = {
  lat: Type.Number({ minimum: -90, maximum: 90 }),
  lng: Type.Number({ minimum: -180, maximum: 180 }),
};
const TripParams = { tripId: Type.String({ pattern: UUID_PATTERN }) };
const DOWNTOWN = { lat: '37.77', lng: '-122.41' };
const RIDE = {
  pickup: { lat: 37.77, lng: -122.41 },
  dropoff: { lat: 37.8, lng: -122.27 },
  vehicleClass: 'economy',
  seats: 1,
};

/** What is asked about trips; each is the twin of a command on the socket. */
export const TRIP_OPERATIONS = {
  requestTrip: {
    method: 'post',
    path: '/v1/trips',
    summary: 'Ask for a ride; answered once stored. The same key gives the same answer again.',
    permission: 'trip.request',
    rate: 'write',
    idempotent: 'command',
    body: RideSchema,
    status: 201,
    answer: TripViewSchema,
    example: { body: RIDE },
  },
  trip: {
    method: 'get',
    path: '/v1/trips/{tripId}',
    summary: 'One trip: riders and drivers see their own, operators any.',
    permission: 'trip.read',
    rate: 'read',
    params: TripParams,
    status: 200,
    answer: TripViewSchema,
  },
  tripFare: {
    method: 'get',
    path: '/v1/trips/{tripId}/fare',
    summary:
      'What was quoted and what is owed, line by line: riders and drivers see their own, operators any.',
    permission: 'trip.read',
    rate: 'read',
    params: TripParams,
    status: 200,
    answer: TripFareSchema,
  },
  cancelTrip: {
    method: 'post',
    path: '/v1/trips/{tripId}/cancel',
    summary: 'Give a trip up, as its rider or its driver; an operator ends anybody’s.',
    permission: 'trip.cancel',
    rate: 'write',
    idempotent: 'command',
    body: CancelSchema,
    params: TripParams,
    status: 200,
    answer: TripViewSchema,
    example: { body: { reason: 'plans have changed' } },
  },
  quote: {
    method: 'post',
    path: '/v1/quotes',
    summary: 'What a ride would cost.',
    permission: 'trip.quote',
    rate: 'read',
    body: RideSchema,
    status: 200,
    answer: QuoteSchema,
    example: { body: RIDE },
  },
  connect: {
    method: 'get',
    path: '/v1/connect',
    summary:
      'Where an app at a place does best to open its socket. Every replica serves everybody; this one saves a hop.',
    permission: 'place.connect',
    rate: 'read',
    query: PlaceQuery,
    status: 200,
    answer: ConnectSchema,
    example: { query: DOWNTOWN },
  },
  nearby: {
    method: 'get',
    path: '/v1/nearby',
    summary: 'Free drivers around a place, nearest first.',
    permission: 'place.nearby',
    rate: 'read',
    query: PlaceQuery,
    status: 200,
    answer: NearbySchema,
    example: { query: DOWNTOWN },
  },
  assignTrip: {
    method: 'post',
    path: '/v1/admin/trips/{tripId}/assign',
    summary: 'Give a searching trip to a driver on duty who has no other: by hand, without asking.',
    permission: 'trip.assign',
    rate: 'write',
    idempotent: 'command',
    body: AssignSchema,
    params: TripParams,
    status: 200,
    answer: TripViewSchema,
    example: { body: { driverId: 'driver-1' } },
  },
  explainTrip: {
    method: 'get',
    path: '/v1/admin/trips/{tripId}/explain',
    summary: 'Why each match of the trip went as it did.',
    permission: 'trip.explain',
    rate: 'read',
    params: TripParams,
    status: 200,
    answer: ExplanationSchema,
  },
} as const satisfies Record<string, Operation>;
