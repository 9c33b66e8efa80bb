import { zoneAt, cellName } from '../domain/cell.ts';
import type { DriverId, RiderId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Snapshot } from '../protocol/messages.ts';
import type { ConnectPlace } from './desk.ts';
import { statusInput } from './dispatch-input.ts';
import { marketOf, publish, type Engine } from './engine.ts';
import { driverSnapshot, driverStanding, riderSnapshot, type DriverStanding } from './snapshots.ts';

/**
 * A driver's app has connected here: the seat is taken first, so that no news are missed while the store is read, then the driver
 * is taken up as the store has them, and only then the others are told: a replica that cannot serve takes no seat away. Rejects
 * when the store is out of reach; the seat is kept here, for the app may still be there.
 */
export async function seatDriver(engine: Engine, driverId: DriverId): Promise<Snapshot> {
  const atMs = engine.clock.nowMs();
  engine.seats.takeDriver(driverId, atMs);
  const standing = await driverStanding(engine, driverId);
  // Else connected elsewhere in the meantime: that replica has the driver now.
  if (engine.seats.hasDriver(driverId)) {
    publish(engine, { kind: 'driver_seated', driverId, atMs });
    takeUpDriver(engine, driverId, standing, atMs);
  }
  return driverSnapshot(engine, standing);
}

/** `asOfMs`: how they stood then, or later. */
function takeUpDriver(
  engine: Engine,
  driverId: DriverId,
  { trip, offer, duty }: DriverStanding,
  asOfMs: number,
): void {
  if (duty?.onDuty !== true) return;
  const { index } = engine;
  const dispatcher = engine.markets.get(duty.marketId)?.dispatcher;
  const slot = index.slotOf(driverId);
  // News of the end of a trip may have been lost while the driver was another replica's.
  if (trip === null && slot >= 0 && index.columns.statusMs[slot]! <= asOfMs)
    dispatcher?.input({ kind: 'driver_seen', driverId, status: 'available', free: null });
  dispatcher?.input({ kind: 'driver_on_duty', driverId, vehicle: duty.vehicle });
  if (trip !== null) {
    engine.active.update(trip);
    engine.seatedTrips.note(trip);
    dispatcher?.input(statusInput(driverId, trip));
  } else if (offer !== null) {
    dispatcher?.input({ kind: 'offered_elsewhere', offer });
  }
}

export async function seatRider(engine: Engine, riderId: RiderId): Promise<Snapshot> {
  const atMs = engine.clock.nowMs();
  engine.seats.takeRider(riderId, atMs);
  const snapshot = await riderSnapshot(engine, riderId);
  if (engine.seats.hasRider(riderId)) publish(engine, { kind: 'rider_seated', riderId, atMs });
  return snapshot;
}

/** Where clients at a place do best to connect: at the replica that matches there. */
export function connectPlace(engine: Engine, place: Place): Result<ConnectPlace> {
  if (marketOf(engine, place) === undefined) return rejected('outside_area');
  const zone = zoneAt(place.lat, place.lng, engine.index.grid);
  const elsewhere = engine.peers.elsewhere(zone);
  return accepted({ zone: cellName(zone), url: elsewhere?.url ?? null, isHere: elsewhere === null });
}
