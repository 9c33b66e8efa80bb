import { randomUUID } from 'node:crypto';
import type { Place } from '../../src/domain/place.ts';
import { type Clock, type Timer } from '../../src/lib/clock.ts';
import type { DriverPositions } from './driver-positions.ts';

/** A driver who has not answered by then is passed over. */
const OFFER_TTL_MS = Number(process.env['OFFER_TTL_MS'] ?? 10_000);

interface Ride extends Place {
  readonly id: string;
  readonly tried: Set<string>;
  timer: Timer | null;
}

/** How a server reaches a driver, wherever he is connected, and the rider of this desk. */
export interface RideLines {
  offer(driverId: string, ride: Place & { readonly ride: string; readonly rider: string }): void;
  tellNobody(rideId: string): void;
}

/** The rides that one rider, connected here, has asked for and that nobody has accepted yet. */
export class RideDesk {
  private readonly riderId: string;
  private readonly positions: DriverPositions;
  private readonly lines: RideLines;
  private readonly clock: Clock;
  private readonly rides = new Map<string, Ride>();

  constructor(riderId: string, positions: DriverPositions, lines: RideLines, clock: Clock) {
    this.riderId = riderId;
    this.positions = positions;
    this.lines = lines;
    this.clock = clock;
  }

  async request(pickup: Place): Promise<void> {
    await this.offer({ ...pickup, id: randomUUID(), tried: new Set(), timer: null });
  }

  /** Whether it was open here; it is not from now on. */
  settle(rideId: string): boolean {
    this.rides.get(rideId)?.timer?.cancel();
    return this.rides.delete(rideId);
  }

  close(): void {
    for (const rideId of [...this.rides.keys()]) this.settle(rideId);
  }

  private async offer(ride: Ride): Promise<void> {
    const { positions, lines, clock } = this;
    const driverId = await positions.claimNearest(ride.id, ride, ride.tried);
    if (driverId === null) {
      this.rides.delete(ride.id);
      return lines.tellNobody(ride.id);
    }
    ride.tried.add(driverId);
    this.rides.set(ride.id, ride);
    ride.timer = clock.after(OFFER_TTL_MS, () => void this.expire(ride, driverId).catch(console.error));
    lines.offer(driverId, { ride: ride.id, lat: ride.lat, lng: ride.lng, rider: this.riderId });
  }

  private async expire(ride: Ride, driverId: string): Promise<void> {
    if (!this.rides.has(ride.id)) return;
    await this.positions.release(driverId);
    await this.offer(ride);
  }
}
