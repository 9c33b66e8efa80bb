import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId, TripId } from '../domain/ids.ts';
import { HERE, NOBODY } from '../geo/driver-index.ts';
import type { DispatchInput } from './dispatch-input.ts';
import type { DispatchState } from './dispatch-state.ts';

type Input<K extends DispatchInput['kind']> = Extract<DispatchInput, { kind: K }>;

/** The driver's app is connected here. */
export function driverOnDuty(state: DispatchState, input: Input<'driver_on_duty'>, nowMs: number): void {
  const { index } = state;
  const slot = index.slotOf(input.driverId);
  const status = slot < 0 ? 'available' : keptOnDuty(index.statusOf(slot));
  const added = index.add(input.driverId, input.vehicle, status, nowMs);
  if (added >= 0 && !index.isHere(added)) index.setHost(added, HERE);
}

const keptOnDuty = (status: DriverStatus): DriverStatus => (status === 'offline' ? 'available' : status);

export function driverOffDuty(state: DispatchState, driverId: DriverId): void {
  const slot = state.index.slotOf(driverId);
  if (slot >= 0) state.index.remove(slot);
}

/** Kept, for the place is still good when the new host tells of the driver; not to be offered anything until then. */
export function driverLeft(state: DispatchState, driverId: DriverId, nowMs: number): void {
  const { index } = state;
  const slot = index.slotOf(driverId);
  if (slot < 0 || !index.isHere(slot)) return;
  index.setHost(slot, NOBODY);
  index.setStatus(slot, 'offline', nowMs);
}

/** What the host says, unless this dispatcher has just given the driver something to answer. */
export function driverSeen(state: DispatchState, input: Input<'driver_seen'>, nowMs: number): void {
  const { index } = state;
  const slot = index.slotOf(input.driverId);
  if (slot < 0 || index.isHere(slot)) return;
  if (input.status === 'available' && isOffered(state, input.driverId, () => true)) return;
  index.setStatus(slot, input.status, nowMs);
  index.setFree(slot, input.free);
}

/** The store is the truth and the index a picture of it: whatever is not older than what is known is painted, also twice. */
export function driverStatus(state: DispatchState, input: Input<'driver_status'>, nowMs: number): void {
  const { driverId, status, dropoff, mark } = input;
  if (mark !== undefined && state.latestTrips.note(driverId, mark, status !== 'available') === 'older')
    return;
  const { index } = state;
  const slot = index.slotOf(driverId);
  if (slot < 0) return;
  const present = index.statusOf(slot);
  // Out of reach: what has become of the driver's trip does not bring them back.
  if (present === 'offline' && status === 'available') return;
  // The end of a trip heard of late, when the next offer is already out.
  if (status === 'available' && present === 'offered') {
    if (isOffered(state, driverId, (tripId) => tripId !== (mark?.tripId ?? null))) return;
  }
  if (status !== 'available') state.foreignOffers.delete(driverId);
  if (present !== status) index.setStatus(slot, status, nowMs);
  index.setFree(slot, dropoff);
}

/** An offer of this replica for a trip that `counts`, or one of another replica. */
function isOffered(state: DispatchState, driverId: DriverId, counts: (tripId: TripId) => boolean): boolean {
  if (state.foreignOffers.has(driverId)) return true;
  for (const offer of state.offers.values())
    if (offer.driverId === driverId && counts(offer.tripId)) return true;
  return false;
}
