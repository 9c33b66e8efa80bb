import { Type, type Static, type TSchema } from 'typebox';
import { FARE_LINE_KINDS } from '../domain/fare.ts';
import { SEATS_MAX, VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { ACTORS, TRIP_STATUSES } from '../domain/trip.ts';
import { DRIVER_STATUSES } from '../domain/driver-state.ts';
import { REJECTIONS } from '../domain/rejection.ts';

/** The one schema source of the wire: types, validators, `proto/` and the REST bodies all come from here. */

export const oneOf = <const T extends readonly string[]>(values: T, description: string) =>
  Type.Unsafe<T[number]>(Type.Enum([...values], { description }));

const text = (max: number, description: string) => Type.String({ minLength: 1, maxLength: max, description });
const unixMs = (description: string) =>
  Type.Number({ minimum: 0, maximum: 1e14, description: `${description} (Unix milliseconds)` });

export const PlaceSchema = Type.Object(
  { lat: Type.Number({ minimum: -90, maximum: 90 }), lng: Type.Number({ minimum: -180, maximum: 180 }) },
  { $id: 'Place', description: 'WGS 84 degrees' },
);
export const COMMAND_ID_PATTERN = '^[!-~]{1,64}$';
const CommandId = Type.String({
  pattern: COMMAND_ID_PATTERN,
  description:
    'made by the client, new for every command, the same for every repeat of it: the idempotency key, and what ack or error answer to',
});
// Patterns, not lengths: what PostgreSQL would refuse (no UUID, a NUL) is refused here, as the client's mistake.
export const UUID_PATTERN = '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$';
const Uuid = (description: string) => Type.String({ pattern: UUID_PATTERN, description });
const Class = oneOf(VEHICLE_CLASSES, 'vehicle class');
const Seats = Type.Integer({ minimum: 1, maximum: SEATS_MAX, description: 'seats for riders' });
export const ReasonSchema = Type.String({
  pattern: '^[^\\u0000-\\u001f\\u007f]{1,200}$',
  description: 'free text, 1 to 200 characters, no control characters',
});

/** One GPS fix as a row of six, to keep pings small: see the items. Accuracy, speed and heading may be null. */
const FixSchema = Type.Tuple(
  [
    unixMs('time of the fix'),
    Type.Number({ minimum: -90, maximum: 90, description: 'lat, degrees' }),
    Type.Number({ minimum: -180, maximum: 180, description: 'lng, degrees' }),
    Type.Union([Type.Number({ minimum: 0, maximum: 1e6 }), Type.Null()], { description: 'accuracy, metres' }),
    Type.Union([Type.Number({ minimum: 0, maximum: 1e3 }), Type.Null()], {
      description: 'speed, metres per second',
    }),
    Type.Union([Type.Number({ minimum: 0, maximum: 360 }), Type.Null()], {
      description: 'heading, degrees from north',
    }),
  ],
  { $id: 'Fix' },
);

/** Fixes in one `pings` message. */
export const PINGS_MAX = 200;

const message = <T extends string, P extends Record<string, TSchema>>(
  t: T,
  properties: P,
  description: string,
) => Type.Object({ t: Type.Literal(t), ...properties }, { $id: t, description });

/** What a rider asks for, in `quote` and `request` and in the REST bodies. */
export const RideFields = { pickup: PlaceSchema, dropoff: PlaceSchema, vehicleClass: Class, seats: Seats };

/** What a driver app may send. `ping` and `pings` are not answered; everything with an `id` is. */
export const DRIVER_MESSAGES = {
  ping: message('ping', { p: FixSchema }, 'one GPS fix'),
  pings: message(
    'pings',
    { p: Type.Array(FixSchema, { minItems: 1, maxItems: PINGS_MAX }) },
    'fixes gathered while offline or to save power',
  ),
  online: message(
    'online',
    {
      id: CommandId,
      vehicleClass: Class,
      seats: Seats,
      marketId: Type.Optional(text(64, 'which city; needed where the server has several')),
      mockLocation: Type.Optional(
        Type.Boolean({
          description:
            'true: the device makes its places up. Refused, and ends the duty: send it when that begins, also on duty',
        }),
      ),
    },
    'go on duty with this vehicle',
  ),
  offline: message('offline', { id: CommandId }, 'go off duty; refused during a trip'),
  accept: message('accept', { id: CommandId, offerId: Uuid('of the offer') }, 'take the offered trip'),
  decline: message('decline', { id: CommandId, offerId: Uuid('of the offer') }, 'do not take it'),
  arrived: message('arrived', { id: CommandId, tripId: Uuid('of the trip') }, 'at the pickup'),
  start: message(
    'start',
    { id: CommandId, tripId: Uuid('of the trip'), pin: Type.String({ pattern: '^[0-9]{4}$' }) },
    'rider aboard; the PIN is the one the rider tells',
  ),
  complete: message('complete', { id: CommandId, tripId: Uuid('of the trip') }, 'rider dropped off'),
  no_show: message(
    'no_show',
    { id: CommandId, tripId: Uuid('of the trip') },
    'the rider did not come; ends the trip after the waiting time',
  ),
  cancel: message(
    'cancel',
    { id: CommandId, tripId: Uuid('of the trip'), reason: ReasonSchema },
    'give the trip up: before the rider is aboard it is matched anew, after that it ends',
  ),
  get_trip: message(
    'get_trip',
    { id: CommandId, tripId: Uuid('of the trip') },
    'how one of this account’s trips stands or ended',
  ),
  snapshot: message('snapshot', { id: CommandId }, 'ask for the present state; the ack carries it'),
} as const;

/** What a rider app may send. */
export const RIDER_MESSAGES = {
  quote: message('quote', { id: CommandId, ...RideFields }, 'what would it cost'),
  request: message('request', { id: CommandId, ...RideFields }, 'ask for a ride; acknowledged once stored'),
  cancel: message(
    'cancel',
    { id: CommandId, tripId: Uuid('of the trip'), reason: ReasonSchema },
    'do not want it any more',
  ),
  nearby: message('nearby', { id: CommandId, place: PlaceSchema }, 'free drivers around a place'),
  get_trip: message(
    'get_trip',
    { id: CommandId, tripId: Uuid('of the trip') },
    'how one of this account’s trips stands or ended',
  ),
  snapshot: message('snapshot', { id: CommandId }, 'ask for the present state; the ack carries it'),
} as const;

const Money = {
  fareMinor: Type.Integer({ description: 'minor units of the currency' }),
  currency: text(3, 'ISO 4217'),
};

const FareLineSchema = Type.Object(
  {
    kind: oneOf(FARE_LINE_KINDS, 'what for'),
    amountMinor: Type.Integer({ description: 'minor units of the currency; only rounding may be below 0' }),
    about: Type.Optional(
      Type.String({ description: 'which fee or toll, by name; of surge the factor, as in 1.4' }),
    ),
  },
  { $id: 'FareLine' },
);
export const FareLinesSchema = Type.Array(FareLineSchema, { description: 'their sum is the fare' });
export const QuoteSchema = Type.Object(
  { ...Money, distanceM: Type.Number(), durationS: Type.Number(), lines: FareLinesSchema },
  { $id: 'Quote' },
);
const OfferViewSchema = Type.Object(
  {
    offerId: Uuid('of the offer'),
    tripId: Uuid('of the trip'),
    pickup: PlaceSchema,
    dropoff: PlaceSchema,
    seats: Seats,
    etaS: Type.Number({ description: 'seconds to the pickup' }),
    ...Money,
    expiresMs: unixMs('answer before'),
  },
  { $id: 'OfferView' },
);
export const Maybe = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const TripViewSchema = Type.Object(
  {
    tripId: Uuid('of the trip'),
    status: oneOf(TRIP_STATUSES, 'state of the trip'),
    version: Type.Integer({ minimum: 1, description: 'rises by one with every change' }),
    pickup: PlaceSchema,
    dropoff: PlaceSchema,
    vehicleClass: Class,
    seats: Seats,
    quote: QuoteSchema,
    driverId: Maybe(Type.String()),
    riderId: Type.String(),
    pin: Maybe(Type.String({ description: 'only in the rider’s view' })),
    driverAt: Maybe(PlaceSchema),
    etaS: Maybe(Type.Number({ description: 'seconds to the pickup, or to the dropoff once aboard' })),
    requestedMs: unixMs('request'),
    acceptedMs: Maybe(unixMs('acceptance')),
    arrivedMs: Maybe(unixMs('arrival at the pickup')),
    startedMs: Maybe(unixMs('start')),
    endedMs: Maybe(unixMs('end')),
    distanceM: Maybe(Type.Number({ description: 'driven with the rider aboard' })),
    fareMinor: Maybe(Type.Integer()),
    fareLines: Maybe(FareLinesSchema),
    endedBy: Maybe(oneOf(ACTORS, 'who ended it')),
    endReason: Maybe(Type.String()),
  },
  { $id: 'TripView' },
);
const SnapshotSchema = Type.Object(
  {
    status: Maybe(oneOf(DRIVER_STATUSES, 'a driver’s duty; null for riders')),
    offer: Maybe(OfferViewSchema),
    trip: Maybe(TripViewSchema),
  },
  { $id: 'Snapshot', description: 'all that a client needs to draw its screen anew' },
);
export const NearbyDriverSchema = Type.Object(
  {
    lat: Type.Number(),
    lng: Type.Number(),
    headingDeg: Maybe(Type.Number()),
    vehicleClass: Class,
    etaS: Type.Number(),
  },
  { $id: 'NearbyDriver' },
);

const Seq = Type.Integer({
  minimum: 1,
  description: 'rises by one per session epoch; resume with the last one seen',
});

/** What the server sends. Those with `seq` are kept for resuming; the hints `driver_at` and `move` are not. */
export const SERVER_MESSAGES = {
  welcome: message(
    'welcome',
    {
      epoch: text(64, 'of this session; another one than asked for means: throw away, take the snapshot'),
      seq: Type.Integer({
        minimum: 0,
        description:
          'all up to this number is in what you have (resumed) or in the snapshot; those after it follow',
      }),
      resumed: Type.Boolean({
        description: 'true: what was missed follows; false: snapshot holds the state',
      }),
      serverMs: unixMs('server’s clock'),
      heartbeatS: Type.Integer({
        description: 'a client silent for so long is let go; before that it is sent a WebSocket ping',
      }),
      snapshot: Type.Union([SnapshotSchema, Type.Null()], { description: 'null when resumed' }),
    },
    'first message on every connection',
  ),
  ack: message(
    'ack',
    {
      id: CommandId,
      trip: Type.Optional(TripViewSchema),
      quote: Type.Optional(QuoteSchema),
      drivers: Type.Optional(Type.Array(NearbyDriverSchema, { maxItems: 50 })),
      snapshot: Type.Optional(SnapshotSchema),
    },
    'done, and durable',
  ),
  error: message(
    'error',
    {
      id: Maybe(CommandId),
      code: oneOf(Object.keys(REJECTIONS) as (keyof typeof REJECTIONS)[], 'why not'),
      message: Type.String(),
      retryable: Type.Boolean({ description: 'the same command, with the same id, may succeed later' }),
    },
    'refused; nothing has changed',
  ),
  offer: message('offer', { seq: Seq, offer: OfferViewSchema }, 'a trip is offered to this driver'),
  offer_closed: message(
    'offer_closed',
    { seq: Seq, offerId: Uuid('of the offer'), reason: oneOf(['timed_out', 'withdrawn'], 'why') },
    'the offer is gone',
  ),
  trip: message('trip', { seq: Seq, trip: TripViewSchema }, 'a trip of this account has changed'),
  driver_at: message(
    'driver_at',
    {
      tripId: Uuid('of the trip'),
      place: PlaceSchema,
      headingDeg: Maybe(Type.Number()),
      etaS: Type.Number({ description: 'to the pickup, or to the dropoff once aboard' }),
    },
    'the driver moved; at most once a second',
  ),
  duty: message(
    'duty',
    { seq: Seq, status: oneOf(DRIVER_STATUSES, 'the driver’s duty now') },
    'duty changed by the server',
  ),
  move: message(
    'move',
    {
      url: Maybe(
        text(
          255,
          'base URL of the replica that does best, e.g. wss://r1.example.com; null: use the address you came by',
        ),
      ),
      zone: text(16, 'your zone: append ?zone= to the socket’s address, for a load balancer to go by'),
    },
    'a hint: another replica serves your zone. Connect there when it suits you; this connection serves you all the same',
  ),
} as const;

type Messages<M extends Record<string, TSchema>> = { [K in keyof M]: Static<M[K]> }[keyof M];
export type DriverMessage = Messages<typeof DRIVER_MESSAGES>;
export type RiderMessage = Messages<typeof RIDER_MESSAGES>;
export type ServerMessage = Messages<typeof SERVER_MESSAGES>;
export type Fix = Static<typeof FixSchema>;
export type OfferView = Static<typeof OfferViewSchema>;
export type TripView = Static<typeof TripViewSchema>;
export type Snapshot = Static<typeof SnapshotSchema>;
export type NearbyDriver = Static<typeof NearbyDriverSchema>;
