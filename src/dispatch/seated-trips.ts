import type { DriverId, TripId } from '../domain/ids.ts';
import { isFinal, type Trip } from '../domain/trip.ts';
import type { Announcer } from './announcer.ts';
import type { Doubt } from './doubts.ts';

/** Open trips remembered; beyond it the one heard of longest ago is forgotten, and its accounts learn by asking. */
const SEATED_TRIPS_MAX = 100_000;

/** Open trips of accounts that have a session here: what has to be looked up when news were lost. */
export class SeatedTrips {
  private readonly announcer: Pick<Announcer, 'hasDriver' | 'hasRider'>;
  private readonly drivers = new Map<TripId, DriverId | null>();

  constructor(announcer: Pick<Announcer, 'hasDriver' | 'hasRider'>) {
    this.announcer = announcer;
  }

  get count(): number {
    return this.drivers.size;
  }

  note(trip: Trip): void {
    const { tripId, driverId, riderId } = trip;
    this.drivers.delete(tripId);
    const isHere =
      this.announcer.hasRider(riderId) || (driverId !== null && this.announcer.hasDriver(driverId));
    if (isFinal(trip.status) || !isHere) return;
    if (this.drivers.size >= SEATED_TRIPS_MAX) this.drivers.delete(this.drivers.keys().next().value!);
    this.drivers.set(tripId, driverId);
  }

  /** All of them, as doubts that are this replica's alone. */
  *doubts(): Generator<Doubt> {
    for (const [tripId, driverId] of this.drivers) yield { tripId, driverId, isTold: true };
  }
}
