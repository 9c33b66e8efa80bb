import type { DriverId, TripId } from '../domain/ids.ts';
import type { Trip } from '../domain/trip.ts';
import type { Clock } from '../lib/clock.ts';
import type { TripStore } from '../store/trip-store.ts';

/** Trips in doubt; beyond it the oldest doubt is dropped, and its client learns the outcome by asking again. */
const DOUBTS_MAX = 100_000;
/** A statement whose connection broke may still be carried out: so long the trip is looked at again. */
const DOUBT_MS = 10_000;
/** Trips looked up at once. */
const LOOKUPS_MAX = 100;

/** `tripId` null: the driver's active trip, whichever it is. `driverId`: who may have been let go meanwhile. */
export interface Doubt {
  readonly tripId: TripId | null;
  readonly driverId: DriverId | null;
  /** The change was told to all, and only this replica may have missed it. */
  readonly isTold?: boolean;
}

interface OpenDoubt extends Doubt {
  readonly untilMs: number;
  /** What was last told about it; 0 = nothing yet. */
  toldVersion: number;
}

/**
 * Changes that may have been stored without anybody here knowing: the answer was lost, or another server made them. Each is
 * looked up until it is certain, so that riders and drivers hear of it even if no client asks again (R6).
 */
export class Doubts {
  private readonly store: TripStore;
  private readonly clock: Clock;
  private readonly open = new Map<string, OpenDoubt>();

  constructor(options: { store: TripStore; clock: Clock }) {
    this.store = options.store;
    this.clock = options.clock;
  }

  add(doubt: Doubt): void {
    const key = doubt.tripId ?? doubt.driverId;
    if (key === null) return;
    const before = this.open.get(key);
    this.open.delete(key);
    if (this.open.size >= DOUBTS_MAX) this.open.delete(this.open.keys().next().value!);
    this.open.set(key, {
      tripId: doubt.tripId,
      driverId: doubt.driverId ?? before?.driverId ?? null,
      isTold: doubt.isTold === true && (before === undefined || before.isTold === true),
      untilMs: this.clock.nowMs() + DOUBT_MS,
      toldVersion: before?.toldVersion ?? 0,
    });
  }

  /** Looks up every doubt and tells `learnt` of what is news. Rejects when the store is out of reach: call it again. */
  async resolve(learnt: (trip: Trip, doubt: Doubt) => void): Promise<void> {
    const keys = [...this.open.keys()];
    for (let from = 0; from < keys.length; from += LOOKUPS_MAX) {
      await Promise.all(keys.slice(from, from + LOOKUPS_MAX).map((key) => this.lookUp(key, learnt)));
    }
  }

  private async lookUp(key: string, learnt: (trip: Trip, doubt: Doubt) => void): Promise<void> {
    const doubt = this.open.get(key);
    if (doubt === undefined) return;
    const askedMs = this.clock.nowMs();
    const trip = await this.find(doubt);
    if (trip !== null && trip.version > doubt.toldVersion) {
      doubt.toldVersion = trip.version;
      learnt(trip, doubt);
    }
    if (askedMs >= doubt.untilMs && this.open.get(key) === doubt) this.open.delete(key);
  }

  private async find({ tripId, driverId }: Doubt): Promise<Trip | null> {
    if (tripId !== null) return this.store.trip(tripId);
    return driverId === null ? null : this.store.activeTripOfDriver(driverId);
  }
}
