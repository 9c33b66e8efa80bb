import type { AckBody, Desk, Principal } from '../dispatch/desk.ts';
import type { TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { assert } from '../lib/assert.ts';
import type { Cancel, OperationId, Ride } from '../protocol/rest.ts';
import { type NearbyDriver, UUID_PATTERN } from '../protocol/messages.ts';
import { nearbyJson } from './nearby-json.ts';

/** A request that has passed: who asks, and what, checked against the operation's schemas. */
export interface Call {
  readonly principal: Principal;
  /** The path's parameter, or empty. */
  readonly tripId: string;
  /** The Idempotency-Key, or empty where the operation takes none. */
  readonly key: string;
  readonly body: unknown;
  readonly query: Readonly<Record<string, number>>;
}

/** What to answer; a plain value where nothing has to be waited for. */
export type Handler = (call: Call) => Result<unknown> | Promise<Result<unknown>>;

/** The JSON of an accepted value, by operation; valid until the next call. */
export const bodyOf = (id: OperationId, value: unknown): string | Uint8Array =>
  id === 'nearby' ? nearbyJson(value as readonly NearbyDriver[]) : JSON.stringify(value);

const uuid = new RegExp(UUID_PATTERN, 'u');
const notATrip = rejected('not_found', 'no trip has such an id');
const forbidden = rejected('forbidden');

/** The command id of a quote, which changes nothing and so needs no key of the client's. */
const QUOTE_ID = 'rest-quote';

/** One handler per operation; each calls the desk as the socket would. */
export function createHandlers(desk: Desk, nearbyMax: number): Readonly<Record<OperationId, Handler>> {
  return {
    requestTrip: async ({ principal, key, body }) => {
      if (principal.role !== 'rider') return forbidden;
      return tripOf(await desk.rider(principal.riderId, { t: 'request', id: key, ...(body as Ride) }));
    },
    trip: ({ principal, tripId }) => (uuid.test(tripId) ? desk.trip(principal, tripId as TripId) : notATrip),
    cancelTrip: async ({ principal, tripId, key, body }) => {
      if (!uuid.test(tripId)) return notATrip;
      const cancel = { t: 'cancel', id: key, tripId, reason: (body as Cancel).reason } as const;
      if (principal.role === 'rider') return tripOf(await desk.rider(principal.riderId, cancel));
      if (principal.role === 'driver') return tripOf(await desk.driver(principal.driverId, cancel));
      return forbidden;
    },
    quote: async ({ principal, body }) => {
      if (principal.role !== 'rider') return forbidden;
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
    explainTrip: ({ principal, tripId }) =>
      uuid.test(tripId) ? desk.explain(principal, tripId as TripId) : notATrip,
  };
}

const placeOf = (query: Call['query']) => ({ lat: query.lat!, lng: query.lng! });

function tripOf(answer: Result<AckBody>): Result<unknown> {
  if (!answer.ok) return answer;
  assert(answer.value.trip !== undefined, 'an accepted change of a trip carries the trip');
  return accepted(answer.value.trip);
}
