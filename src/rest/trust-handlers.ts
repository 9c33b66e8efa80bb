import type { Principal } from '../dispatch/desk.ts';
import type { DriverId, TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { TripView } from '../protocol/messages.ts';
import {
  type RatingBody,
  SOS_PAGE_MAX,
  type SosHandle,
  type SosRaise,
  type SosView,
  type TRUST_OPERATIONS,
} from '../protocol/rest-trust.ts';
import type { Side, SosCall, SosCursor, TrustStore } from '../store/trust-store.ts';
import type { TripSharing } from '../trust/trip-sharing.ts';
import type { TripTrust } from '../trust/trip-trust.ts';
import type { HandlersOf } from './call.ts';

export interface TrustServices {
  readonly trust: TripTrust;
  readonly sharing: TripSharing;
  readonly store: Pick<TrustStore, 'suspicionsOf' | 'liftSuspicions'>;
  readonly nowMs: () => number;
  /** The trip with where its driver is, as this replica knows it. */
  readonly view: (trip: Trip) => TripView;
}

/** The newest, in an answer. */
const SUSPICIONS_MAX = 50;
const forbidden = rejected('forbidden');

/** The handlers of ratings, shared trips and calls for help. */
export function createTrustHandlers({
  trust,
  sharing,
  store,
  nowMs,
  view,
}: TrustServices): HandlersOf<typeof TRUST_OPERATIONS> {
  return {
    rateTrip: async ({ principal, params, body }) => {
      const side = sideOf(principal);
      if (side === null) return forbidden;
      const rated = await trust.rate(side, params.tripId as TripId, body as RatingBody);
      return rated.ok ? accepted({ stars: rated.value.stars, tags: rated.value.tags }) : rated;
    },
    ownRating: async ({ principal }) => {
      const side = sideOf(principal);
      if (side === null) return forbidden;
      const { ratings, stars } = await trust.ratingSum(side);
      return accepted({ ratings, meanStars: ratings === 0 ? null : stars / ratings });
    },
    shareTrip: async ({ principal, params }) => {
      if (principal?.role !== 'rider') return forbidden;
      const opened = await sharing.open(principal.riderId, params.tripId as TripId);
      if (!opened.ok) return opened;
      const { token } = opened.value;
      return accepted({ token, path: `/v1/track/${token}` });
    },
    unshareTrip: ({ principal, params }) =>
      principal?.role === 'rider' ? sharing.close(principal.riderId, params.tripId as TripId) : forbidden,
    track: async ({ params }) => {
      const found = await sharing.follow(params.token!);
      if (!found.ok) return found;
      const { status, pickup, dropoff, vehicleClass, driverAt, etaS } = view(found.value);
      return accepted({ status, pickup, dropoff, vehicleClass, driverAt, etaS });
    },
    raiseSos: async ({ principal, body, key }) => {
      const side = sideOf(principal);
      if (side === null) return forbidden;
      const { tripId, place } = body as SosRaise;
      return sosOf(await trust.raise(side, { tripId: tripId as TripId | null, place }, key));
    },
    sosCalls: async ({ query }) => {
      const after = cursorOf(query.after);
      if (!after.ok) return after;
      const limit = (query.limit ?? SOS_PAGE_MAX) as number;
      const calls = await trust.calls({ isOpen: query.state !== 'all', after: after.value, limit });
      const last = calls.length === limit ? calls.at(-1)! : null;
      return accepted({
        calls: calls.map(sosView),
        next: last === null ? null : `${last.raisedMs}.${last.sosId}`,
      });
    },
    handleSos: async ({ principal, params, body }) => {
      if (principal === null || !('operatorId' in principal)) return forbidden;
      return sosOf(await trust.handle(params.sosId!, principal.operatorId, (body as SosHandle).note));
    },
    driverSuspicions: async ({ params }) => {
      const suspicions = await store.suspicionsOf(params.driverId as DriverId, SUSPICIONS_MAX);
      return accepted({
        isSuspect: suspicions.some(({ untilMs }) => untilMs > nowMs()),
        suspicions: suspicions.map(({ sinceMs, untilMs, refused, jumps, isMock, liftedBy }) => ({
          ...{ sinceMs, untilMs, refused, jumps, isMock, liftedBy },
        })),
      });
    },
    liftSuspicions: async ({ principal, params }) => {
      if (principal === null || !('operatorId' in principal)) return forbidden;
      await store.liftSuspicions(params.driverId as DriverId, principal.operatorId, nowMs());
      return accepted(null);
    },
  };
}

function sideOf(principal: Principal | null): Side | null {
  if (principal?.role === 'rider') return { role: 'rider', accountId: principal.riderId };
  if (principal?.role === 'driver') return { role: 'driver', accountId: principal.driverId };
  return null;
}

function sosOf(call: Result<SosCall>): Result<SosView> {
  return call.ok ? accepted(sosView(call.value)) : call;
}

function sosView({ by, ...call }: SosCall): SosView {
  return { ...call, role: by.role, accountId: by.accountId };
}

const CURSOR = /^(\d{1,15})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function cursorOf(text: string | number | undefined): Result<SosCursor | null> {
  if (text === undefined) return accepted(null);
  const [, ms, sosId] = CURSOR.exec(String(text)) ?? [];
  if (sosId === undefined) return rejected('bad_message', 'query after: give `next` of the page before');
  return accepted({ raisedMs: Number(ms), sosId });
}
