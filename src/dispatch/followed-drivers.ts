import type { DriverId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { hasDriver, type Trip } from '../domain/trip.ts';
import type { Clock } from '../lib/clock.ts';
import type { Announcer } from './announcer.ts';
import type { DriverAt, Peers } from './peers.ts';
import type { Seats } from './seats.ts';

/** Drivers followed; beyond it a rider sees the trip's changes but not the driver move. */
const FOLLOWED_MAX = 100_000;
/** Silence after which the driver's replica is asked again: it may be another one now, or the asking was lost. */
const SILENT_MS = 10_000;
/** Asked again in one sweep. */
const ASKED_MAX = 1_000;

interface Followed {
  readonly driverId: DriverId;
  place: Place | null;
  /** Heard of, or asked for. */
  heardMs: number;
}

/** Drivers on trips of riders seated here who are themselves at another replica, which is asked to show where they are. */
export class FollowedDrivers {
  private readonly options: {
    readonly announcer: Pick<Announcer, 'hasRider'>;
    readonly seats: Seats;
    readonly peers: Pick<Peers, 'tell'>;
    readonly clock: Clock;
  };
  private readonly byTrip = new Map<TripId, Followed>();

  constructor(options: FollowedDrivers['options']) {
    this.options = options;
  }

  get count(): number {
    return this.byTrip.size;
  }

  note(trip: Trip): void {
    const { announcer, seats } = this.options;
    const { tripId, driverId, riderId, status } = trip;
    const isWanted =
      driverId !== null && hasDriver(status) && announcer.hasRider(riderId) && !seats.hasDriver(driverId);
    if (!isWanted) this.byTrip.delete(tripId);
    else if (this.byTrip.get(tripId)?.driverId !== driverId) this.follow(tripId, driverId);
  }

  /** Where the driver of a followed trip was last; null when that is not known. */
  placeOf(tripId: TripId): Place | null {
    return this.byTrip.get(tripId)?.place ?? null;
  }

  heard({ tripId, place }: DriverAt): void {
    const followed = this.byTrip.get(tripId as TripId);
    if (followed === undefined) return;
    followed.place = place;
    followed.heardMs = this.options.clock.nowMs();
  }

  /** Asks again for those that have gone silent. */
  sweep(): void {
    const nowMs = this.options.clock.nowMs();
    let asked = 0;
    for (const [tripId, followed] of this.byTrip) {
      if (nowMs - followed.heardMs < SILENT_MS) continue;
      if (++asked > ASKED_MAX) return;
      followed.heardMs = nowMs;
      this.options.peers.tell({ kind: 'driver_followed', driverId: followed.driverId, tripId });
    }
  }

  private follow(tripId: TripId, driverId: DriverId): void {
    if (this.byTrip.size >= FOLLOWED_MAX) return;
    this.byTrip.set(tripId, { driverId, place: null, heardMs: this.options.clock.nowMs() });
    this.options.peers.tell({ kind: 'driver_followed', driverId, tripId });
  }
}
