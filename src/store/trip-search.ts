import type { TripId } from '../domain/ids.ts';
import type { Trip, TripStatus } from '../domain/trip.ts';

/** What is looked for: all that is given must fit. */
export interface TripFilter {
  readonly riderId?: string;
  readonly driverId?: string;
  readonly marketId?: string;
  readonly status?: TripStatus;
  /** Unix ms of the request: from, inclusive, and to, exclusive. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Only trips asked for before this one. */
  readonly before?: TripId;
}

/** Finds trips, for people to read: may lag behind the truth by as much as a read replica does. */
export interface TripSearch {
  /** The newest first, at most `limit`. */
  trips(filter: TripFilter, limit: number): Promise<Trip[]>;
}
