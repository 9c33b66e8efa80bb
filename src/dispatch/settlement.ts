import type { DriverId } from '../domain/ids.ts';
import type { Result } from '../domain/rejection.ts';
import { isFinal, type Trip } from '../domain/trip.ts';
import type { TripChange, TripCommand } from '../store/trip-store.ts';
import { statusInput, type DispatchInput } from './dispatch-input.ts';
import type { Doubt } from './doubts.ts';
import type { Engine } from './engine.ts';

/**
 * What follows from a trip as the store has it, when nobody here saw how it came to be so (see Doubts): the same as from its
 * change, as far as it is still news. A searching trip that is not known is for the sweep, which knows who is ruled out.
 */
export function catchUp(engine: Engine, trip: Trip, { driverId }: Doubt): void {
  const dispatcher = engine.markets.get(trip.marketId)?.dispatcher;
  const inputs: DispatchInput[] = [];
  if (driverId !== null && driverId !== trip.driverId) {
    engine.active.release(driverId, trip);
    inputs.push(statusInput(driverId, trip));
  }
  if (trip.status !== 'searching') inputs.push({ kind: 'request_closed', tripId: trip.tripId });
  if (trip.driverId !== null) {
    engine.active.update(trip);
    inputs.push(statusInput(trip.driverId, trip));
  }
  dispatcher?.input(...inputs);
  engine.views.announceTrip(trip);
}

/**
 * Runs a command that changes a trip. When its answer is lost nobody knows whether it was done: the trip is in doubt until it
 * has been looked up.
 */
export async function execute(
  engine: Engine,
  command: TripCommand,
  about: Doubt,
): Promise<Result<TripChange>> {
  try {
    return await engine.store.execute(command);
  } catch (error) {
    engine.doubts.add(about);
    throw error;
  }
}

/**
 * What follows from a stored change of a trip: the matcher learns it, then both sides are told (R6). `driverId` is the
 * driver before the change, where there was one. A replayed answer has had its consequences already.
 */
export function settle(engine: Engine, change: TripChange, driverId: DriverId | null): void {
  const { trip, closedOffers, replayed } = change;
  // Its consequences may have been another server's, which died of it or was deposed: look the trip up.
  if (replayed) return engine.doubts.add({ tripId: trip.tripId, driverId: trip.driverId ?? driverId });
  const dispatcher = engine.markets.get(trip.marketId)?.dispatcher;
  const inputs: DispatchInput[] = closedOffers.map((offer) => ({ kind: 'offer_closed', offer }));
  if (change.event?.kind === 'released' && driverId !== null) {
    engine.active.release(driverId, trip);
    inputs.push(statusInput(driverId, trip));
    const sinceMs = engine.clock.nowMs();
    inputs.push({ kind: 'request_opened', trip, excluded: [driverId], sinceMs });
  } else if (change.event !== null) {
    if (trip.status !== 'searching') inputs.push({ kind: 'request_closed', tripId: trip.tripId });
    if (trip.driverId !== null) {
      engine.active.update(trip);
      inputs.push(statusInput(trip.driverId, trip));
    }
  }
  dispatcher?.input(...inputs);
  for (const offer of closedOffers) dispatcher?.announceClosed(offer);
  if (change.event === null) return;
  engine.views.announceTrip(trip);
  if (change.event.kind === 'released' && driverId !== null)
    engine.announcer.toDriver(driverId, { t: 'duty', status: 'available' });
  const { tripId, status, endReason } = trip;
  const fields = { tripId, driverId: trip.driverId, riderId: trip.riderId, status, version: trip.version };
  engine.log.info(isFinal(status) ? { ...fields, endReason } : fields, `trip ${change.event.kind}`);
}
