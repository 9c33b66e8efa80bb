import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId, RiderId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Trip } from '../domain/trip.ts';
import type { OfferView, Snapshot } from '../protocol/messages.ts';
import type { Duty } from '../store/trip-store.ts';
import type { Engine } from './engine.ts';
import { offerView } from './trip-view.ts';

/** How a driver stands in the store. */
export interface DriverStanding {
  readonly trip: Trip | null;
  readonly offer: Offer | null;
  readonly duty: Duty | null;
}

export async function driverStanding({ store }: Engine, driverId: DriverId): Promise<DriverStanding> {
  const [trip, offer, duty] = await Promise.all([
    store.activeTripOfDriver(driverId),
    store.liveOfferOfDriver(driverId),
    store.dutyOf(driverId),
  ]);
  return { trip, offer, duty };
}

export async function snapshotOfDriver(engine: Engine, driverId: DriverId): Promise<Snapshot> {
  return driverSnapshot(engine, await driverStanding(engine, driverId));
}

/** All that a driver's app needs to draw its screen anew, from the store: true after any restart (R6). */
export async function driverSnapshot(
  engine: Engine,
  { trip, offer, duty }: DriverStanding,
): Promise<Snapshot> {
  const { views } = engine;
  const offered = offer === null ? null : await viewOf(engine, offer);
  let status: DriverStatus = duty?.onDuty === true ? 'available' : 'offline';
  if (trip !== null && trip.status !== 'searching') status = trip.status as DriverStatus;
  else if (offered !== null) status = 'offered';
  return { status, offer: offered, trip: trip === null ? null : views.forDriver(trip) };
}

export async function riderSnapshot(engine: Engine, riderId: RiderId): Promise<Snapshot> {
  const trip = await engine.store.activeTripOfRider(riderId);
  if (trip !== null) {
    engine.seatedTrips.note(trip);
    engine.followed.note(trip);
  }
  return { status: null, offer: null, trip: trip === null ? null : engine.views.forRider(trip) };
}

/** An offer past its time is no offer, though its end may not be stored yet. */
async function viewOf(engine: Engine, offer: Offer): Promise<OfferView | null> {
  if (offer.expiresMs <= engine.clock.nowMs()) return null;
  const trip = await engine.store.trip(offer.tripId);
  return trip === null ? null : offerView(offer, trip);
}
