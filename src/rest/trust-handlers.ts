import type { Principal } from '../dispatch/desk.ts';
import type { TripId } from '../domain/ids.ts';
import { accepted, rejected } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { TripView } from '../protocol/messages.ts';
import type { RatingBody, TRUST_OPERATIONS } from '../protocol/rest-trust.ts';
import type { Side } from '../store/trust-store.ts';
import type { TripSharing } from '../trust/trip-sharing.ts';
import type { TripTrust } from '../trust/trip-trust.ts';
import type { HandlersOf } from './call.ts';

export interface TrustServices {
  readonly trust: TripTrust;
  readonly sharing: TripSharing;
  /** The trip with where its driver is, as this replica knows it. */
  readonly view: (trip: Trip) => TripView;
}

const forbidden = rejected('forbidden');

/** The handlers of ratings and shared trips. */
export function createTrustHandlers({
  trust,
  sharing,
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
  };
}

/** The side of a trip that an account is on; null for operators. */
export function sideOf(principal: Principal | null): Side | null {
  if (principal?.role === 'rider') return { role: 'rider', accountId: principal.riderId };
  if (principal?.role === 'driver') return { role: 'driver', accountId: principal.driverId };
  return null;
}
