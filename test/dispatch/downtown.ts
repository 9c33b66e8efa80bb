import type { DispatchInput } from '../../src/dispatch/dispatch-input.ts';
import { createDispatchState, type DispatchState } from '../../src/dispatch/dispatch-state.ts';
import type { Effect } from '../../src/dispatch/effect.ts';
import { step } from '../../src/dispatch/step.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId, IdSource, MarketId, RiderId, TripId } from '../../src/domain/ids.ts';
import { type MatchPolicy, PLAIN_MARKET } from '../../src/domain/market.ts';
import type { Offer, OfferStatus } from '../../src/domain/offer.ts';
import { destination, type Place } from '../../src/domain/place.ts';
import type { Trip } from '../../src/domain/trip.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createStraightLineEta } from '../../src/maps/eta.ts';
import type { NewOffer } from '../../src/store/trip-store.ts';

export const START_MS = Date.UTC(2008, 5, 6, 18, 0, 0);
export const CENTRE: Place = { lat: 37.78, lng: -122.41 };
export const CAB = { vehicleClass: 'economy', seats: 4 } as const;
export const driverId = (n: number): DriverId => `driver-${n}` as DriverId;
export const tripId = (n: number): TripId => `trip-${n}` as TripId;
/** `eastM` metres east of the centre. */
export const at = (eastM: number): Place => destination(CENTRE, 90, eastM);

export const POLICY: MatchPolicy = {
  mode: 'batch',
  tickMs: 1_000,
  windowMsMax: 0,
  horizonS: 0,
  dropoffS: 0,
  offerTtlMs: 10_000,
  requestTtlMs: 120_000,
  radiusM: 1_000,
  radiusMMax: 5_000,
  candidatesMax: 10,
  broadcastWidth: 3,
  starvationMs: 60_000,
  fairnessSPerIdleHour: 0,
  fairnessSMax: 0,
};
/** Along the road; the detour factor is 1, so 10 m are a second. */
export const SPEED_MPS = 10;
export const STALE_MS = 30_000;

export type Opening = Extract<Effect, { kind: 'open_offer' }>;

/** A dispatcher's state with its drivers, and what has come out of it so far. */
export class Downtown {
  nowMs = START_MS;
  readonly state: DispatchState;
  readonly effects: Effect[] = [];

  /** `turnUs` 0: every piece of a tick's work is a turn of its own. */
  constructor(policy: Partial<MatchPolicy> = {}, turnUs = Infinity) {
    const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 100 });
    const driveSpeed = {
      detourFactor: 1,
      speedMpsByHour: Array.from({ length: 24 }, () => SPEED_MPS),
      motorwayFromM: 1e9,
      motorwaySpeedMps: 1,
    };
    this.state = createDispatchState({
      market: {
        ...PLAIN_MARKET,
        marketId: 'downtown' as MarketId,
        bounds: { south: 37, north: 38, west: -123, east: -122 },
        timeZone: 'UTC',
        currency: 'USD',
        fares: {},
        driveSpeed,
        match: { ...POLICY, ...policy },
        noShowMs: 60_000,
      },
      index,
      eta: createStraightLineEta(driveSpeed, 'UTC'),
      ids: countedIds(),
      staleMs: STALE_MS,
      turnUs,
    });
  }

  /** Learns, and answers what is to be done about it. */
  learn(...inputs: DispatchInput[]): Effect[] {
    const effects = step(this.state, inputs, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }

  /** A tick `afterMs` later, to its end; what it opens. */
  tick(afterMs = 1_000): Opening[] {
    this.nowMs += afterMs;
    const effects = this.learn({ kind: 'tick' });
    while (this.state.tick !== null) effects.push(...this.learn({ kind: 'tick_on' }));
    return effects.filter((effect) => effect.kind === 'open_offer');
  }

  /** On duty and heard, so far east of the centre. */
  driver(n: number, eastM: number): void {
    this.learn({ kind: 'driver_on_duty', driverId: driverId(n), vehicle: CAB });
    this.hear(n, eastM);
  }

  hear(n: number, eastM: number): void {
    const { index } = this.state;
    const slot = index.slotOf(driverId(n));
    index.columns.receivedMs[slot] = this.nowMs;
    index.place(slot, at(eastM).lat, at(eastM).lng);
  }

  statusOf(n: number): string {
    return this.state.index.statusOf(this.state.index.slotOf(driverId(n)));
  }

  request(n: number, eastM: number, excluded: readonly DriverId[] = []): void {
    this.learn({ kind: 'request_opened', trip: this.trip(n, eastM), excluded, sinceMs: this.nowMs });
  }

  trip(n: number, eastM: number, changes: Partial<Trip> = {}): Trip {
    return {
      tripId: tripId(n),
      marketId: this.state.market.marketId,
      riderId: `rider-${n}` as RiderId,
      driverId: null,
      status: 'searching',
      version: 1,
      vehicleClass: 'economy',
      seats: 1,
      pickup: at(eastM),
      dropoff: at(eastM + 2_000),
      pin: '1234',
      quote: {
        fareMinor: 900,
        currency: 'USD',
        distanceM: 2_000,
        durationS: 200,
        lines: [{ kind: 'base', amountMinor: 900 }],
        terms: null,
      },
      requestedMs: this.nowMs,
      acceptedMs: null,
      arrivedMs: null,
      startedMs: null,
      endedMs: null,
      distanceM: null,
      fareMinor: null,
      fareLines: null,
      endedBy: null,
      endReason: null,
      ...changes,
    };
  }

  /** The store took the offer. */
  opened(offer: NewOffer): Effect[] {
    return this.learn({ kind: 'offer_opened', offer: stored(offer, 'live', null) });
  }

  closed(offer: NewOffer, status: OfferStatus): Effect[] {
    return this.learn({ kind: 'offer_closed', offer: stored(offer, status, this.nowMs) });
  }
}

function stored(offer: NewOffer, status: OfferStatus, answeredMs: number | null): Offer {
  return { ...offer, status, answeredMs };
}

function countedIds(): IdSource {
  let made = 0;
  return { newId: () => `offer-${made++}`, newPin: () => '1234' };
}
