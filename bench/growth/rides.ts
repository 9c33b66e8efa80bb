import type { DriverId, MarketId, OfferId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { Result } from '../../src/domain/rejection.ts';
import { randomUuidV7 } from '../../src/lib/entropy.ts';
import type { Clock } from '../../src/lib/clock.ts';
import type {
  CommandKey,
  NewTrip,
  PlainTransition,
  TripChange,
  TripStore,
} from '../../src/store/trip-store.ts';

/** Commands of a whole ride, each a durable transition. */
export const TRANSITIONS_PER_RIDE = 5;
const MARKET = 'present' as MarketId;

/** Rides as the engine stores them, by accounts that have never had one. Every method rejects when the store refuses a command. */
export class Rides {
  private readonly store: TripStore;
  private readonly clock: Clock;

  constructor(store: TripStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Asks for one; it is searching. */
  async request(): Promise<NewTrip> {
    const riderId = `rider-${this.newId()}` as RiderId;
    const trip: NewTrip = {
      ...{ tripId: this.newId() as TripId, marketId: MARKET, riderId, vehicleClass: 'economy', seats: 1 },
      ...{ pickup: { lat: 37.7749, lng: -122.4194 }, dropoff: { lat: 37.6213, lng: -122.3789 }, pin: '0417' },
      quote: {
        fareMinor: 4_250,
        currency: 'USD',
        distanceM: 21_034.5,
        durationS: 1_530.25,
        lines: [{ kind: 'base', amountMinor: 4_250 }],
        terms: null,
      },
      requestedMs: this.clock.nowMs(),
    };
    valueOf(await this.store.execute({ kind: 'request', key: this.keyOf(riderId), trip }));
    return trip;
  }

  /** Asks for one and has a driver accept it. */
  async accepted(): Promise<{ trip: NewTrip; driverId: DriverId }> {
    const trip = await this.request();
    const driverId = `driver-${this.newId()}` as DriverId;
    const offeredMs = this.clock.nowMs();
    const offerId = this.newId() as OfferId;
    const offer = {
      offerId,
      tripId: trip.tripId,
      driverId,
      etaS: 120,
      offeredMs,
      expiresMs: offeredMs + 15_000,
    };
    const [opening] = await this.store.openOffers([offer]);
    if (opening?.opened !== true) throw new Error('an offer was refused');
    const atMs = this.clock.nowMs();
    valueOf(await this.store.execute({ kind: 'accept', key: this.keyOf(driverId), offerId, driverId, atMs }));
    return { trip, driverId };
  }

  /** From the request to the end: TRANSITIONS_PER_RIDE transitions. */
  async whole(): Promise<void> {
    const { trip, driverId } = await this.accepted();
    await this.step('arrived', trip, driverId);
    await this.step('started', trip, driverId);
    await this.step('completed', trip, driverId);
  }

  /** Searching trips of the market that all rides are in, as the engine's sweep reads them. */
  searching(): Promise<unknown[]> {
    return this.store.searchingTrips(MARKET, 50_000);
  }

  private async step(event: PlainTransition, { tripId, pin }: NewTrip, driverId: DriverId): Promise<void> {
    const atMs = this.clock.nowMs();
    const more =
      event === 'started'
        ? { pin }
        : event === 'completed'
          ? ({ distanceM: 1, fareLines: [{ kind: 'base', amountMinor: 1 }] } as const)
          : {};
    const by = { actor: 'driver', actorId: driverId, key: this.keyOf(driverId) } as const;
    valueOf(await this.store.execute({ kind: 'transition', event, tripId, atMs, ...by, ...more }));
  }

  private newId(): string {
    return randomUuidV7(this.clock.nowMs());
  }

  private keyOf(accountId: string): CommandKey {
    return { accountId, key: this.newId(), fingerprint: 'f' };
  }
}

function valueOf(result: Result<TripChange>): TripChange {
  if (!result.ok) throw new Error(`a command was refused: ${result.code}`);
  return result.value;
}
