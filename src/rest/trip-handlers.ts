import type { AckBody, Desk } from '../dispatch/desk.ts';
import { totalMinor } from '../domain/fare.ts';
import type { TripId } from '../domain/ids.ts';
import { minorDigits } from '../domain/money.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { assert } from '../lib/assert.ts';
import type { OperationId } from '../protocol/rest.ts';
import type { Assign, Cancel, Ride, TRIP_OPERATIONS, TripFare } from '../protocol/rest-trips.ts';
import type { NearbyDriver, TripView } from '../protocol/messages.ts';
import type { Json } from '../store/audit-log.ts';
import { type Audit, audited } from './audited.ts';
import type { Call, HandlersOf } from './call.ts';
import { nearbyJson } from './nearby-json.ts';

/** The JSON of an accepted value, by operation; valid until the next call. */
export const bodyOf = (id: OperationId, value: unknown): string | Uint8Array =>
  id === 'nearby' ? nearbyJson(value as readonly NearbyDriver[]) : JSON.stringify(value);

const forbidden = rejected('forbidden');

/** The command id of a quote, which changes nothing and so needs no key of the client's. */
const QUOTE_ID = 'rest-quote';

/** One handler per operation; each calls the desk as the socket would. What operators do to a trip is told to `audit`. */
export function createTripHandlers(
  desk: Desk,
  nearbyMax: number,
  audit: Audit | null = null,
): HandlersOf<typeof TRIP_OPERATIONS> {
  const handlers = plainHandlers(desk, nearbyMax);
  if (audit === null) return handlers;
  const trip = { kind: 'trip', param: 'tripId', after: shown } as const;
  return {
    ...handlers,
    cancelTrip: audited(handlers.cancelTrip, { ...trip, action: 'trip.cancel' }, audit),
    assignTrip: audited(handlers.assignTrip, { ...trip, action: 'trip.assign' }, audit),
  };
}

/** Not the reason: who writes one may name somebody. */
function shown(value: unknown): Json {
  const { status, version, driverId, fareMinor } = value as TripView;
  return { status, version, driverId, fareMinor };
}

function plainHandlers(desk: Desk, nearbyMax: number): HandlersOf<typeof TRIP_OPERATIONS> {
  return {
    requestTrip: async ({ principal, key, body }) => {
      if (principal?.role !== 'rider') return forbidden;
      return tripOf(await desk.rider(principal.riderId, { t: 'request', id: key, ...(body as Ride) }));
    },
    trip: ({ principal, params }) =>
      principal === null ? forbidden : desk.trip(principal, params.tripId as TripId),
    tripFare: async ({ principal, params }) => {
      if (principal === null) return forbidden;
      const trip = await desk.trip(principal, params.tripId as TripId);
      return trip.ok ? accepted(fareOf(trip.value)) : trip;
    },
    cancelTrip: async ({ principal, params, key, body }) => {
      const tripId = params.tripId!;
      const cancel = { t: 'cancel', id: key, tripId, reason: (body as Cancel).reason } as const;
      if (principal?.role === 'rider') return tripOf(await desk.rider(principal.riderId, cancel));
      if (principal?.role === 'driver') return tripOf(await desk.driver(principal.driverId, cancel));
      if (principal === null) return forbidden;
      return tripOf(await desk.operator(principal.operatorId, cancel));
    },
    quote: async ({ principal, body }) => {
      if (principal?.role !== 'rider') return forbidden;
      const answer = await desk.rider(principal.riderId, { t: 'quote', id: QUOTE_ID, ...(body as Ride) });
      if (!answer.ok) return answer;
      assert(answer.value.quote !== undefined, 'an accepted quote carries it');
      return accepted(answer.value.quote);
    },
    connect: ({ query }) => {
      const place = desk.connect(placeOf(query));
      if (!place.ok) return place;
      const { url, zone, isHere } = place.value;
      return accepted({ url, zone, here: isHere });
    },
    nearby: ({ query }) => desk.nearby(placeOf(query), nearbyMax),
    assignTrip: async ({ principal, params, key, body }) => {
      if (principal === null || !('operatorId' in principal)) return forbidden;
      const { driverId } = body as Assign;
      const assign = { t: 'assign', id: key, tripId: params.tripId!, driverId } as const;
      return tripOf(await desk.operator(principal.operatorId, assign));
    },
    explainTrip: ({ principal, params }) =>
      principal === null ? forbidden : desk.explain(principal, params.tripId as TripId),
  };
}

function fareOf({ tripId, quote, fareLines }: TripView): TripFare {
  const fare = (lines: TripView['quote']['lines']) => ({ totalMinor: totalMinor(lines), lines });
  const { currency } = quote;
  const owed = fareLines === null ? null : fare(fareLines);
  return { tripId, currency, minorDigits: minorDigits(currency), quote: fare(quote.lines), fare: owed };
}

const placeOf = (query: Call['query']) => ({ lat: query.lat as number, lng: query.lng as number });

function tripOf(answer: Result<AckBody>): Result<unknown> {
  if (!answer.ok) return answer;
  assert(answer.value.trip !== undefined, 'an accepted change of a trip carries the trip');
  return accepted(answer.value.trip);
}
