import type { DriverId } from '../domain/ids.ts';
import { isFinal } from '../domain/trip.ts';
import type { TripChange } from '../store/trip-store.ts';
import { statusInput, type DispatchInput } from './dispatch-input.ts';
import type { Engine } from './engine.ts';

/**
 * What follows from a stored change of a trip: the matcher learns it, then both sides are told (R6). `driverId` is the
 * driver before the change, where there was one. A replayed answer has had its consequences already.
 */
export function settle(engine: Engine, change: TripChange, driverId: DriverId | null): void {
  const { trip, closedOffers, replayed } = change;
  if (replayed) return;
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
