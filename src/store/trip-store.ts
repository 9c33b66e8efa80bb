import type { FareLine } from '../domain/fare.ts';
import type { DriverId, MarketId, OfferId, RiderId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Place } from '../domain/place.ts';
import type { Result } from '../domain/rejection.ts';
import type { Actor, Trip, TripEvent, TripEventKind } from '../domain/trip.ts';
import type { Vehicle } from '../domain/vehicle.ts';

/**
 * The truth about trips (R1 to R5). Every command is one transaction: the idempotency key is looked up, the state is
 * locked and compared, the change and its event are written and the answer is stored under the key, or nothing is.
 * A promise that resolves is durable; one that rejects (an Error: the store is out of reach) may or may not have happened,
 * and the same command with the same key may be sent again.
 *
 * Implementations: trip-store-postgres.ts (production), trip-store-memory.ts (simulation); one contract suite for both.
 */
export interface TripStore {
  /**
   * Runs one command; the same key with the same fingerprint answers what it answered first (R5), a rejection too, unless it is
   * a retryable one. Commands given without awaiting the one before may happen in either order.
   */
  execute(command: TripCommand): Promise<Result<TripChange>>;

  /**
   * Opens offers of one tick in one transaction, in order, each for itself: refused are those whose trip is no longer
   * searching, whose driver has a live offer (R3) or an active trip (R2).
   */
  openOffers(offers: readonly NewOffer[]): Promise<OfferOpening[]>;
  /** Closes live offers; answers what each offer's status is now (`accepted` when the driver was faster). */
  closeOffers(closings: readonly OfferClosing[]): Promise<Offer[]>;

  trip(tripId: TripId): Promise<Trip | null>;
  activeTripOfRider(riderId: RiderId): Promise<Trip | null>;
  activeTripOfDriver(driverId: DriverId): Promise<Trip | null>;
  liveOfferOfDriver(driverId: DriverId): Promise<Offer | null>;
  /** Searching trips of a market, oldest first, with the drivers each may not be offered to again (R9) and its live offers. */
  searchingTrips(marketId: MarketId, limit: number): Promise<SearchingTrip[]>;
  /** Trips with a driver, of a market: what a server takes up again when it starts. */
  tripsWithDriver(marketId: MarketId, limit: number): Promise<Trip[]>;
  /** May lag, as `offersOf` and `decisionsOf`: what was stored a moment ago may be missing. For people to read; decides nothing. */
  eventsOf(tripId: TripId): Promise<TripEvent[]>;
  /** May lag. */
  offersOf(tripId: TripId): Promise<Offer[]>;

  /** Why the matcher chose as it did (`explain`); kept beside the trip, newest last. */
  recordDecisions(decisions: readonly Decision[]): Promise<void>;
  /** May lag. */
  decisionsOf(tripId: TripId): Promise<Decision[]>;

  /** Appends points of the way with the rider aboard; a point repeated (same trip, same time) is kept once. */
  appendPath(points: readonly PathPoint[]): Promise<void>;
  /** Points in order of time. */
  pathOf(tripId: TripId): Promise<PathPoint[]>;

  setDuty(duty: Duty): Promise<void>;
  dutyOf(driverId: DriverId): Promise<Duty | null>;
  /** Drivers on duty in a market: what a server takes up again when it starts. */
  driversOnDuty(marketId: MarketId, limit: number): Promise<Duty[]>;
}

/** Client-made key of a command. `fingerprint` is a hash of the command's content: another content answers `key_reused`. */
export interface CommandKey {
  readonly accountId: string;
  readonly key: string;
  readonly fingerprint: string;
}

export type NewTrip = Pick<
  Trip,
  | 'tripId'
  | 'marketId'
  | 'riderId'
  | 'vehicleClass'
  | 'seats'
  | 'pickup'
  | 'dropoff'
  | 'pin'
  | 'quote'
  | 'requestedMs'
>;

/** Transitions that need no offer; `accepted` has a command of its own. */
export type PlainTransition = Exclude<TripEventKind, 'requested' | 'accepted'>;

export type TripCommand =
  | { readonly kind: 'request'; readonly key: CommandKey; readonly trip: NewTrip }
  | {
      readonly kind: 'accept' | 'decline';
      readonly key: CommandKey;
      readonly offerId: OfferId;
      readonly driverId: DriverId;
      readonly atMs: number;
    }
  | {
      readonly kind: 'transition';
      /** Null for the engine's own (expiry), which needs no key: its compare-and-set makes it idempotent. */
      readonly key: CommandKey | null;
      readonly event: PlainTransition;
      readonly tripId: TripId;
      readonly actor: Actor;
      /** Account id for riders, drivers and operators; a rider's or driver's must be the trip's own, or `not_found`. */
      readonly actorId: string | null;
      readonly atMs: number;
      /** `started`: must equal the trip's, or `wrong_pin`, which is the key's answer: another try needs another key. */
      readonly pin?: string;
      /** `no_show`: refused `too_early` when the driver arrived later than this. */
      readonly arrivedBeforeMs?: number;
      /** `completed`, `cancelled` on the way: what was driven. */
      readonly distanceM?: number;
      /** What is owed when the trip ends by this; only of trips that have a driver, for the others it is passed over. */
      readonly fareLines?: readonly FareLine[];
      /** `cancelled`, `released`: at most 200 characters. */
      readonly reason?: string;
    };

/** What a command changed. `event` is null where the trip did not change (a decline). */
export interface TripChange {
  readonly trip: Trip;
  readonly event: TripEvent | null;
  /** The trip's offers that this change closed: the one answered, and those withdrawn by it. */
  readonly closedOffers: readonly Offer[];
  /** True when this is the stored answer to a key seen before: nothing changed now, nothing is to be announced. */
  readonly replayed: boolean;
}

export type NewOffer = Pick<Offer, 'offerId' | 'tripId' | 'driverId' | 'etaS' | 'offeredMs' | 'expiresMs'>;

export type OfferOpening =
  | { readonly opened: true; readonly offer: Offer }
  | {
      readonly opened: false;
      readonly offerId: OfferId;
      /** `driver_excluded`: R9, the driver has answered or given up this trip before. */
      readonly why: 'trip_not_searching' | 'driver_has_offer' | 'driver_busy' | 'driver_excluded';
    };

export interface OfferClosing {
  readonly offerId: OfferId;
  readonly status: 'timed_out' | 'withdrawn';
  readonly atMs: number;
}

export interface SearchingTrip {
  readonly trip: Trip;
  readonly excluded: readonly DriverId[];
  readonly liveOffers: readonly Offer[];
}

/** One fix of a trip's path; `speedMps` as the device said, or null. */
export interface PathPoint extends Place {
  readonly tripId: TripId;
  readonly atMs: number;
  readonly speedMps: number | null;
}

/** A driver's duty: what was last announced by `online` or `offline`. */
export interface Duty {
  readonly driverId: DriverId;
  readonly marketId: MarketId;
  readonly vehicle: Vehicle;
  readonly onDuty: boolean;
  readonly sinceMs: number;
}

/** One choice of the matcher about one trip. `body` is the explanation as `GET …/explain` shows it. */
export interface Decision {
  readonly tripId: TripId;
  readonly atMs: number;
  readonly body: Readonly<Record<string, unknown>>;
}
