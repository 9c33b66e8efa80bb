import { accepted } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { TripView } from '../protocol/messages.ts';
import { TRIP_PAGE_MAX, type TRIP_SEARCH_OPERATIONS } from '../protocol/rest-trip-search.ts';
import type { TripFilter, TripSearch } from '../store/trip-search.ts';
import type { Call, HandlersOf } from './call.ts';

export interface TripSearchServices {
  readonly search: TripSearch;
  /** The trip as an operator may see it: without its PIN. */
  readonly view: (trip: Trip) => TripView;
}

/** The handlers of looking for trips. */
export function createTripSearchHandlers({
  search,
  view,
}: TripSearchServices): HandlersOf<typeof TRIP_SEARCH_OPERATIONS> {
  return {
    searchTrips: async ({ query }) => {
      const limit = (query.limit ?? TRIP_PAGE_MAX) as number;
      const trips = await search.trips(filterOf(query), limit);
      return accepted({ trips: trips.map(view), next: trips.length === limit ? trips.at(-1)!.tripId : null });
    },
  };
}

/** The fields that were given. */
function filterOf(query: Call['query']): TripFilter {
  const { riderId, driverId, marketId, status, fromMs, toMs, after: before } = query;
  const given = Object.entries({ riderId, driverId, marketId, status, fromMs, toMs, before });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}
