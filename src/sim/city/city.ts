import type { Bounds } from '../../domain/market.ts';
import type { Place } from '../../domain/place.ts';
import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import type { CitySpeed } from './city-speed.ts';
import type { Trace } from './trace.ts';

/** A cab and the app in it. */
export interface CityDriver {
  /** Fit to be an account id: letters, digits, `_.:-`. */
  readonly driverId: string;
  /**
   * First and last moment on duty, Unix ms of the city's own time, the last up to STAY_MS after the city's end; in between
   * `positionAt` may still say off duty.
   */
  readonly startsMs: number;
  readonly endsMs: number;
  /** Where it is while idle. Recorded cabs follow their record, generated ones drift. */
  readonly trace: Trace;
}

/** Somebody who wants a ride. */
export interface CityRide {
  readonly rideId: string;
  /** Unix ms of the city's own time. */
  readonly requestedMs: number;
  readonly pickup: Place;
  readonly dropoff: Place;
  /** Passengers, 1 to 4. */
  readonly seats: number;
  /** What the real ride took, seconds, where the record says so. */
  readonly durationS?: number;
}

/** A city as it was or might have been: all that happens without the engine. */
export interface City {
  readonly name: string;
  /** The stretch of time it holds, Unix ms of its own time (recorded cities: the real date). */
  readonly startMs: number;
  readonly endMs: number;
  /** IANA name, and the offset that held in this stretch (local = UTC + offset). */
  readonly timeZone: string;
  readonly utcOffsetMs: number;
  /** ISO 4217. */
  readonly currency: string;
  readonly centre: Place;
  /** All pickups and dropoffs are inside; recorded cabs may leave it for a while. */
  readonly serviceArea: Bounds;
  readonly driveSpeed: CitySpeed;
  /** How long riders wait for a match, seconds. No record says it: 8 minutes, as in the sketches of issue 2. */
  readonly patienceS: number;
  /** Sorted by driverId. */
  readonly drivers: readonly CityDriver[];
  /** Sorted by requestedMs. */
  readonly rides: readonly CityRide[];
  /** What was left out of the records, by reason: rows or fixes. */
  readonly cleaning: Readonly<Record<string, number>>;
}

/** Drivers stay, where the record allows, so long after the last request that its rider gets home. */
export const STAY_MS = 3_600_000;

/** See `City.patienceS`. */
export const PATIENCE_S = 480;

/** Counts what is left out, by reason. */
export class CleaningCount {
  readonly #counts = new Map<string, number>();

  add(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** Reasons in alphabetical order, those that occurred. */
  toRecord(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The middle of a service area. */
export function centreOf(bounds: Bounds): Place {
  return { lat: (bounds.south + bounds.north) / 2, lng: (bounds.west + bounds.east) / 2 };
}

/**
 * A seeded choice of `fleet` drivers, order kept (the same seed: a smaller fleet is part of a larger one). Undefined: all.
 * Error when there are not so many.
 */
export function chooseFleet<T>(drivers: readonly T[], fleet: number | undefined, prng: Prng): readonly T[] {
  if (fleet === undefined || fleet === drivers.length) return drivers;
  assert(Number.isInteger(fleet) && fleet >= 0, 'fleet is a whole number from 0');
  if (fleet > drivers.length)
    throw new Error(
      `The fleet cannot be ${fleet}: the record has ${drivers.length} drivers in this stretch of time.`,
    );
  const ranked = drivers.map((_, index) => ({ index, rank: prng.float() }));
  ranked.sort((a, b) => a.rank - b.rank || a.index - b.index);
  const chosen = new Set(ranked.slice(0, fleet).map((entry) => entry.index));
  return drivers.filter((_, index) => chosen.has(index));
}
