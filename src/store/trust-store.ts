import type { DriverId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import type { RatingTag, Stars } from '../domain/rating.ts';

/** A side of a trip, and who is on it. */
export interface Side {
  readonly role: 'rider' | 'driver';
  readonly accountId: string;
}

export interface Rating {
  readonly tripId: TripId;
  readonly rater: Side;
  readonly ratedId: string;
  readonly stars: Stars;
  readonly tags: readonly RatingTag[];
  readonly atMs: number;
}

/** How an account has been rated by the other side. */
export interface RatingSum {
  readonly ratings: number;
  /** Of all of them together. */
  readonly stars: number;
}

export interface SosCall {
  readonly sosId: string;
  readonly by: Side;
  readonly tripId: TripId | null;
  /** Where the device was, if it said. */
  readonly place: Place | null;
  readonly raisedMs: number;
  readonly handledBy: string | null;
  readonly handledMs: number | null;
  readonly note: string | null;
}

/** A time for which a driver's places are not believed, and what spoke against them. */
export interface LocationSuspicion {
  readonly driverId: DriverId;
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly refused: number;
  readonly jumps: number;
  /** The device said itself that its places are made up. */
  readonly isMock: boolean;
  /** The operator who ended it before its time. */
  readonly liftedBy: string | null;
}

/** A place in a list that is read page by page: what comes after this call. */
export interface SosCursor {
  readonly raisedMs: number;
  readonly sosId: string;
}

/**
 * Ratings, shared trips and calls for help. Every method is one transaction; a promise that resolves is durable, one that rejects (the store is out
 * of reach) may have happened, and may be called again: the same call twice is as once.
 */
export interface TrustStore {
  /** Keeps the rater's one rating of the trip, in place of an earlier one, and the sums with it. */
  rate(rating: Rating): Promise<void>;
  ratingOf(tripId: TripId, role: Side['role']): Promise<Rating | null>;
  /** Of all ratings that the account was given in this role. */
  ratingSum(account: Side): Promise<RatingSum>;

  /** Lets the trip be followed; answers the number that its link is made with: the same one while it is open. */
  openShare(tripId: TripId): Promise<number>;
  /** Ends every link of the trip. */
  closeShare(tripId: TripId): Promise<void>;
  /** The number of the open link; null when there is none. */
  openShareOf(tripId: TripId): Promise<number | null>;

  /** Keeps a call; the same `callKey` of the same account answers the first call of that key. */
  raise(call: Omit<SosCall, 'handledBy' | 'handledMs' | 'note'>, callKey: string): Promise<SosCall>;
  sosCall(sosId: string): Promise<SosCall | null>;
  /** Calls after `after`, oldest first, at most `limit`; of those not handled yet, or of all. */
  sosCalls(filter: {
    readonly isOpen: boolean;
    readonly after: SosCursor | null;
    readonly limit: number;
  }): Promise<SosCall[]>;
  /** Marks a call as handled; the call as it is then, by whoever was first, or null when there is none. */
  handle(
    sosId: string,
    by: { readonly operatorId: string; readonly note: string | null; readonly atMs: number },
  ): Promise<SosCall | null>;

  suspect(suspicion: LocationSuspicion): Promise<void>;
  /** The suspicion in force at `nowMs`. */
  suspicionOf(driverId: DriverId, nowMs: number): Promise<LocationSuspicion | null>;
  /** The newest suspicions first, at most `limit`. */
  suspicionsOf(driverId: DriverId, limit: number): Promise<LocationSuspicion[]>;
  /** Ends what is in force; answers whether anything was. */
  liftSuspicions(driverId: DriverId, operatorId: string, nowMs: number): Promise<boolean>;
}
