import type { DriverId, RiderId } from '../domain/ids.ts';

/** Seats of each side; beyond it who has been seated for longest is forgotten, and is seated again by connecting. */
const SEATS_MAX = 500_000;
/** Two connections so close in time may have been told of crosswise: then the moment decides; else the later news. */
const CROSSING_MS = 2_000;

/**
 * Which accounts are seated at this replica: have connected here, and nowhere else since, as far as is known. `atMs` is when,
 * by the clock of the replica that seats them.
 */
export class Seats {
  private readonly drivers = new Map<DriverId, number>();
  private readonly riders = new Map<RiderId, number>();

  takeDriver(driverId: DriverId, atMs: number): void {
    take(this.drivers, driverId, atMs);
  }

  takeRider(riderId: RiderId, atMs: number): void {
    take(this.riders, riderId, atMs);
  }

  hasDriver(driverId: DriverId): boolean {
    return this.drivers.has(driverId);
  }

  hasRider(riderId: RiderId): boolean {
    return this.riders.has(riderId);
  }

  leaveDriver(driverId: DriverId): void {
    this.drivers.delete(driverId);
  }

  /** The driver has connected elsewhere at `atMs`: answers whether the seat here is given up for it. */
  yieldDriver(driverId: DriverId, atMs: number, nowMs: number): boolean {
    return yieldSeat(this.drivers, driverId, atMs, nowMs);
  }

  yieldRider(riderId: RiderId, atMs: number, nowMs: number): boolean {
    return yieldSeat(this.riders, riderId, atMs, nowMs);
  }
}

function take<Id>(seats: Map<Id, number>, id: Id, atMs: number): void {
  seats.delete(id);
  if (seats.size >= SEATS_MAX) seats.delete(seats.keys().next().value!);
  seats.set(id, atMs);
}

function yieldSeat<Id>(seats: Map<Id, number>, id: Id, atMs: number, nowMs: number): boolean {
  const ownMs = seats.get(id);
  if (ownMs === undefined) return true;
  // The clocks of replicas differ: only where both have just been told do they have to agree on one.
  if (nowMs - ownMs < CROSSING_MS && atMs < ownMs) return false;
  seats.delete(id);
  return true;
}
