import { expect } from 'vitest';
import type { DriverId, MarketId, OfferId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { Rejection, Result } from '../../src/domain/rejection.ts';
import type {
  CommandKey,
  NewOffer,
  NewTrip,
  PlainTransition,
  TripChange,
  TripCommand,
  TripStore,
} from '../../src/store/trip-store.ts';

type TransitionCommand = Extract<TripCommand, { kind: 'transition' }>;

/** A moment of the records, long before the machine's clock: nothing may depend on now. */
export const START_MS = Date.UTC(2008, 5, 6, 18, 0, 0);

let made = 0;

/** A UUID never made before in this process; later ones sort behind earlier ones. */
export function newId(): string {
  made++;
  return `00000000-0000-7000-8000-${made.toString(16).padStart(12, '0')}`;
}

export const newTripId = (): TripId => newId() as TripId;
export const newOfferId = (): OfferId => newId() as OfferId;
export const newRider = (): RiderId => `rider-${newId()}` as RiderId;
export const newDriver = (): DriverId => `driver-${newId()}` as DriverId;
export const newMarket = (): MarketId => `market-${newId()}` as MarketId;

/** A key never used before by this account. */
export const newKey = (accountId: string): CommandKey => ({ accountId, key: newId(), fingerprint: 'f' });

export function newTrip(over: Partial<NewTrip> = {}): NewTrip {
  return {
    tripId: newTripId(),
    marketId: 'san-francisco' as MarketId,
    riderId: newRider(),
    vehicleClass: 'economy',
    seats: 1,
    pickup: { lat: 37.7749295, lng: -122.4194155 },
    dropoff: { lat: 37.6213129, lng: -122.3789554 },
    pin: '0417',
    quote: {
      fareMinor: 4_250,
      currency: 'USD',
      distanceM: 21_034.5,
      durationS: 1_530.25,
      lines: [{ kind: 'base', amountMinor: 4_250 }],
      terms: null,
    },
    requestedMs: START_MS,
    ...over,
  };
}

export function requestOf(trip: NewTrip, key: CommandKey = newKey(trip.riderId)): TripCommand {
  return { kind: 'request', key, trip };
}

export function offerOf(tripId: TripId, driverId: DriverId, over: Partial<NewOffer> = {}): NewOffer {
  const offeredMs = over.offeredMs ?? START_MS + 1_000;
  return {
    offerId: newOfferId(),
    tripId,
    driverId,
    etaS: 123.5,
    offeredMs,
    expiresMs: offeredMs + 15_000,
    ...over,
  };
}

export function answerOf(
  kind: 'accept' | 'decline',
  offer: Pick<NewOffer, 'offerId' | 'driverId'>,
  over: { key?: CommandKey; atMs?: number; driverId?: DriverId } = {},
): TripCommand {
  const driverId = over.driverId ?? offer.driverId;
  return {
    kind,
    key: over.key ?? newKey(driverId),
    offerId: offer.offerId,
    driverId,
    atMs: over.atMs ?? START_MS + 2_000,
  };
}

export function transitionOf(
  event: PlainTransition,
  tripId: TripId,
  by: Pick<TransitionCommand, 'actor' | 'actorId'>,
  over: Partial<TransitionCommand> = {},
): TransitionCommand {
  const key = by.actorId === null ? null : newKey(by.actorId);
  return { kind: 'transition', key, event, tripId, ...by, atMs: START_MS + 3_000, ...over };
}

export const byDriver = (driverId: DriverId) => ({ actor: 'driver', actorId: driverId }) as const;
export const byRider = (riderId: RiderId) => ({ actor: 'rider', actorId: riderId }) as const;
export const bySystem = { actor: 'system', actorId: null } as const;

/** The value, or the test fails with the rejection. */
export function valueOf(result: Result<TripChange>): TripChange {
  if (!result.ok) expect.fail(`rejected: ${result.code} ${result.detail ?? ''}`);
  return result.value;
}

export const rejectionOf = (code: Rejection['code'], detail?: string): Rejection =>
  detail === undefined ? { ok: false, code } : { ok: false, code, detail };

/** A stored trip that is searching. */
export async function searchingTrip(store: TripStore, over: Partial<NewTrip> = {}): Promise<NewTrip> {
  const trip = newTrip(over);
  valueOf(await store.execute(requestOf(trip)));
  return trip;
}

/** A live offer of the trip to a new driver. */
export async function openOffer(
  store: TripStore,
  tripId: TripId,
  over: Partial<NewOffer> = {},
): Promise<NewOffer> {
  const offer = offerOf(tripId, over.driverId ?? newDriver(), over);
  const [opening] = await store.openOffers([offer]);
  expect(opening).toMatchObject({ opened: true });
  return offer;
}

/** A trip that a driver has accepted and moved along `steps`. */
export async function tripWithDriver(
  store: TripStore,
  steps: readonly PlainTransition[] = [],
  over: Partial<NewTrip> = {},
): Promise<{ trip: NewTrip; driverId: DriverId; offer: NewOffer }> {
  const trip = await searchingTrip(store, over);
  const offer = await openOffer(store, trip.tripId);
  valueOf(await store.execute(answerOf('accept', offer)));
  for (const step of steps) {
    const fields = step === 'started' ? { pin: trip.pin } : {};
    valueOf(await store.execute(transitionOf(step, trip.tripId, byDriver(offer.driverId), fields)));
  }
  return { trip, driverId: offer.driverId, offer };
}
