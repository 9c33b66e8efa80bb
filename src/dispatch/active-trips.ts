import type { DriverId, ReplicaId, TripId } from '../domain/ids.ts';
import { hasDriver, type Trip } from '../domain/trip.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { PathPoint, TripStore } from '../store/trip-store.ts';
import type { Announcer } from './announcer.ts';
import { LatestTrips } from './latest-trips.ts';
import type { DriverAt, Peers } from './peers.ts';
import type { Seats } from './seats.ts';
import type { TripViews } from './trip-view.ts';

/** Points waiting to be stored; at this many the oldest are dropped, which costs a path detail and no money beyond metres. */
const PATH_POINTS_MAX = 200_000;
/** Points stored in one go. */
const PATH_BATCH_MAX = 5_000;
/** The rider sees the driver move at most so often. */
const FANOUT_MS = 1_000;

interface ActiveTrip {
  trip: Trip;
  toldMs: number;
  /** The replica of the trip's rider, where that has asked to be shown the driver. */
  follower: ReplicaId | null;
}

export interface ActiveTripsOptions {
  readonly store: TripStore;
  readonly index: DriverIndex;
  readonly announcer: Announcer;
  readonly views: TripViews;
  readonly seats: Pick<Seats, 'hasDriver'>;
  readonly peers: Pick<Peers, 'showDriverAt'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The trips under way of drivers seated here: what their pings mean. Riders see the driver move, and with the rider aboard
 * each fix becomes a point of the path, stored in batches.
 */
export class ActiveTrips {
  /** Path points dropped because the store did not keep up. */
  droppedPoints = 0;
  private readonly options: ActiveTripsOptions;
  private readonly byDriver = new Map<DriverId, ActiveTrip>();
  private readonly latest: LatestTrips;
  private points: PathPoint[] = [];
  private flushing: Promise<void> = Promise.resolve();

  constructor(options: ActiveTripsOptions) {
    this.options = options;
    this.latest = new LatestTrips(options.index.driversMax);
  }

  get count(): number {
    return this.byDriver.size;
  }

  of(driverId: DriverId): Trip | null {
    return this.byDriver.get(driverId)?.trip ?? null;
  }

  /** Takes note of how a trip stands; what is older than the driver's newest is ignored. */
  update(trip: Trip): void {
    const { driverId } = trip;
    if (driverId === null || !this.options.seats.hasDriver(driverId)) return;
    if (this.latest.note(driverId, trip, hasDriver(trip.status)) === 'older') return;
    const before = this.byDriver.get(driverId);
    const follower = before?.trip.tripId === trip.tripId ? before.follower : null;
    if (hasDriver(trip.status)) this.byDriver.set(driverId, { trip, toldMs: before?.toldMs ?? 0, follower });
    else this.byDriver.delete(driverId);
  }

  /** Another replica has the rider of this trip, and wants to know where the driver is. */
  follow(driverId: DriverId, tripId: TripId, follower: ReplicaId): void {
    const active = this.byDriver.get(driverId);
    if (active?.trip.tripId === tripId) active.follower = follower;
  }

  /** The driver is another replica's now; what has been gathered of the path is stored at once, the rest comes in there. */
  letGo(driverId: DriverId): void {
    if (this.byDriver.delete(driverId)) void this.flush();
  }

  /** The driver gave the trip up, which has none now. */
  release(driverId: DriverId, trip: Trip): void {
    if (this.latest.note(driverId, trip, false) !== 'older') this.byDriver.delete(driverId);
  }

  /** A usable fix of a driver; `isNewest`: the index moved with it. */
  moved(
    driverId: DriverId,
    fix: { atMs: number; lat: number; lng: number; speedMps: number },
    isNewest: boolean,
  ): void {
    const active = this.byDriver.get(driverId);
    if (active === undefined) return;
    const { trip } = active;
    if (trip.status === 'on_trip' && fix.atMs >= (trip.startedMs ?? 0)) this.addPoint(trip.tripId, fix);
    const nowMs = this.options.clock.nowMs();
    if (!isNewest || nowMs - active.toldMs < FANOUT_MS) return;
    active.toldMs = nowMs;
    const place = { lat: fix.lat, lng: fix.lng };
    const slot = this.options.index.slotOf(driverId);
    const headingDeg = slot < 0 ? NaN : this.options.index.columns.headingDeg[slot]!;
    const message: DriverAt = {
      t: 'driver_at',
      tripId: trip.tripId,
      place,
      headingDeg: Number.isNaN(headingDeg) ? null : headingDeg,
      etaS: trip.status === 'at_pickup' ? 0 : this.options.views.etaS(trip, place),
    };
    if (active.follower !== null) this.options.peers.showDriverAt(active.follower, trip.riderId, message);
    this.options.announcer.toRider(trip.riderId, message);
  }

  private addPoint(
    tripId: TripId,
    { atMs, lat, lng, speedMps }: { atMs: number; lat: number; lng: number; speedMps: number },
  ): void {
    if (this.points.length >= PATH_POINTS_MAX) {
      this.points.splice(0, PATH_BATCH_MAX);
      this.droppedPoints += PATH_BATCH_MAX;
    }
    this.points.push({ tripId, atMs, lat, lng, speedMps: Number.isNaN(speedMps) ? null : speedMps });
  }

  /** Stores what has gathered; resolves when it is durable. Points of a failed batch are kept for the next call. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.flushBatches());
    return this.flushing;
  }

  private async flushBatches(): Promise<void> {
    while (this.points.length > 0) {
      const batch = this.points.splice(0, PATH_BATCH_MAX);
      try {
        await this.options.store.appendPath(batch);
      } catch (error) {
        this.points.unshift(...batch);
        this.options.log.warn({ err: error, points: this.points.length }, 'path points could not be stored');
        return;
      }
    }
  }
}
