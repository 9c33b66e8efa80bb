import type { FareLine, FareTerms } from './fare.ts';
import type { DriverId, MarketId, RiderId, TripId } from './ids.ts';
import type { Place } from './place.ts';
import type { VehicleClass } from './vehicle.ts';

/** The states of a trip; the last three are final (R1). */
export const TRIP_STATUSES = [
  'searching',
  'to_pickup',
  'at_pickup',
  'on_trip',
  'completed',
  'cancelled',
  'expired',
] as const;
export type TripStatus = (typeof TRIP_STATUSES)[number];

/** Who did it. `system` is the engine itself (expiry), `operator` a person of the company. */
export const ACTORS = ['rider', 'driver', 'operator', 'system'] as const;
export type Actor = (typeof ACTORS)[number];

/** Kinds of `trip_events`, in past tense: what has happened. */
export const TRIP_EVENTS = [
  'requested',
  'accepted',
  'arrived',
  'started',
  'completed',
  'released',
  'cancelled',
  'no_show',
  'expired',
] as const;
export type TripEventKind = (typeof TRIP_EVENTS)[number];

interface Transition {
  readonly from: readonly TripStatus[];
  readonly to: TripStatus;
  readonly actors: readonly Actor[];
}

/**
 * The trip state machine, whole: what may follow what, and who may do it. `released` puts a trip back to searching when
 * its driver gives it up before the rider is aboard; after that a cancellation by either side ends it.
 */
export const TRIP_TRANSITIONS: Readonly<Record<Exclude<TripEventKind, 'requested'>, Transition>> = {
  accepted: { from: ['searching'], to: 'to_pickup', actors: ['driver', 'operator'] },
  arrived: { from: ['to_pickup'], to: 'at_pickup', actors: ['driver'] },
  started: { from: ['at_pickup'], to: 'on_trip', actors: ['driver'] },
  completed: { from: ['on_trip'], to: 'completed', actors: ['driver', 'operator'] },
  released: { from: ['to_pickup', 'at_pickup'], to: 'searching', actors: ['driver', 'operator'] },
  cancelled: {
    from: ['searching', 'to_pickup', 'at_pickup', 'on_trip'],
    to: 'cancelled',
    actors: ['rider', 'driver', 'operator'],
  },
  no_show: { from: ['at_pickup'], to: 'cancelled', actors: ['driver'] },
  expired: { from: ['searching'], to: 'expired', actors: ['system'] },
};

const FINAL: readonly TripStatus[] = ['completed', 'cancelled', 'expired'];
const WITH_DRIVER: readonly TripStatus[] = ['to_pickup', 'at_pickup', 'on_trip'];

/** True once a trip has ended; nothing follows (R1). */
export const isFinal = (status: TripStatus): boolean => FINAL.includes(status);
/** True while a driver is bound to the trip (the states of R2's index over drivers). */
export const hasDriver = (status: TripStatus): boolean => WITH_DRIVER.includes(status);

/** What the rider was told it would cost; amounts in minor units of `currency` (ISO 4217). */
export interface Quote {
  readonly fareMinor: number;
  readonly currency: string;
  readonly distanceM: number;
  readonly durationS: number;
  /** Their sum is `fareMinor`. */
  readonly lines: readonly FareLine[];
  /** Null for trips from before terms were kept: the market's prices hold. */
  readonly terms: FareTerms | null;
}

/** A trip as PostgreSQL holds it. Times are Unix milliseconds; `null` = has not happened. */
export interface Trip {
  readonly tripId: TripId;
  readonly marketId: MarketId;
  readonly riderId: RiderId;
  readonly driverId: DriverId | null;
  readonly status: TripStatus;
  /** Rises by one with every transition, from 1; equals the number of the trip's events (R4). */
  readonly version: number;
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
  readonly pickup: Place;
  readonly dropoff: Place;
  /** Four digits the rider tells the driver; the driver's app never receives it. */
  readonly pin: string;
  readonly quote: Quote;
  readonly requestedMs: number;
  readonly acceptedMs: number | null;
  readonly arrivedMs: number | null;
  readonly startedMs: number | null;
  readonly endedMs: number | null;
  /** Metres driven with the rider aboard, from the recorded path; null until it ends. */
  readonly distanceM: number | null;
  /** What is to be paid, minor units; null until it ends. */
  readonly fareMinor: number | null;
  /** Their sum is `fareMinor`; null where that is. */
  readonly fareLines: readonly FareLine[] | null;
  readonly endedBy: Actor | null;
  readonly endReason: string | null;
}

/** One row of `trip_events`; `seq` equals the trip's version after it (R4: 1, 2, 3 … without gaps). */
export interface TripEvent {
  readonly tripId: TripId;
  readonly seq: number;
  readonly kind: TripEventKind;
  readonly status: TripStatus;
  readonly actor: Actor;
  readonly actorId: string | null;
  readonly atMs: number;
  readonly detail: Readonly<Record<string, unknown>>;
}
