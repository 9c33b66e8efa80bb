import assert from 'node:assert/strict';
import { createEngine } from '../../src/dispatch/create-engine.ts';
import { NO_DISPATCH_METER } from '../../src/dispatch/dispatch-meter.ts';
import type { Dispatcher } from '../../src/dispatch/dispatcher.ts';
import { DEFAULT_ENGINE_LIMITS, type Engine, publish } from '../../src/dispatch/engine.ts';
import { FrontDesk } from '../../src/dispatch/front-desk.ts';
import { ALONE } from '../../src/dispatch/peers.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import { DEFAULT_MATCH_POLICY } from '../../src/domain/market.ts';
import { interpolate, type Place } from '../../src/domain/place.ts';
import { createMemoryClaims } from '../../src/geo/claims-memory.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { type Clock, stopwatchMs } from '../../src/lib/clock.ts';
import { randomPin, randomUuidV7 } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import type { Decision } from '../../src/store/trip-store.ts';
import type { TickCase } from './tick-case.ts';

/** A square of 15 km in San Francisco. */
const SOUTH_WEST: Place = { lat: 37.66, lng: -122.5 };
const NORTH_EAST: Place = { lat: 37.795, lng: -122.33 };
/** The bench times offers out by putting the clock on: a ride waits through many of these. */
const NEVER_MS = 10 * 24 * 3_600_000;
/** Rounds begin as soon as they may. */
const TICK_MS = 5;
const LIMITS = { ...DEFAULT_ENGINE_LIMITS, openRequestsMax: 100_000 };

export const MARKET = {
  ...DEFAULT_MARKET,
  match: { ...DEFAULT_MATCH_POLICY, tickMs: TICK_MS, requestTtlMs: NEVER_MS },
};

/** Keeps no reasons for offers: the real store writes their text out, and nothing of it stays in this process. */
class LeanStore extends MemoryTripStore {
  /** Text written. */
  decisionBytes = 0;

  override async recordDecisions(decisions: readonly Decision[]): Promise<void> {
    for (const { body } of decisions) this.decisionBytes += JSON.stringify(body).length;
  }
}

/** The real engine with everybody of a case on duty and waiting; stores are in memory, so that what is measured is the loop's own work. */
export class TickCity {
  readonly dispatcher: Dispatcher;
  readonly desk: FrontDesk;
  /** Offers told to drivers since the last look. */
  readonly told: DriverId[] = [];
  private readonly engine: Engine;
  private readonly clock: Clock;
  private readonly index: DriverIndex;
  private readonly prng: Prng;
  private readonly fix = new Float64Array(6);

  constructor({ drivers, seed }: TickCase, clock: Clock, onTick: () => void) {
    this.clock = clock;
    this.prng = createPrng(seed);
    this.index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: drivers });
    this.engine = createEngine({
      ...{ store: new LeanStore(), index: this.index, clock, stopwatchMs, log: SILENT_LOG },
      meter: { ...NO_DISPATCH_METER, ticked: onTick },
      markets: [MARKET],
      claims: createMemoryClaims(clock),
      ingest: createIngest({ index: this.index, limits: DEFAULT_PING_LIMITS }),
      announcer: {
        toDriver: (driverId, one) => {
          if (one.t === 'offer') this.told.push(driverId);
        },
        toRider() {},
        hasDriver: () => true,
        hasRider: () => true,
        dropDriver() {},
        dropRider() {},
      },
      ...{ peers: ALONE, limits: LIMITS },
      ids: { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin },
    });
    this.desk = new FrontDesk(this.engine);
    this.dispatcher = this.engine.markets.get(MARKET.marketId)!.dispatcher;
  }

  /** All drivers on duty, all riders waiting. Rejects when one is not. */
  async fill({ drivers, freeDrivers, riders }: TickCase): Promise<void> {
    for (let n = 0; n < drivers; n++) {
      const driverId = `driver-${n}` as DriverId;
      const vehicle = { vehicleClass: 'economy', seats: 4 } as const;
      this.dispatcher.input({ kind: 'driver_on_duty', driverId, vehicle });
      this.place(driverId, this.somewhere());
      if (n < freeDrivers) continue;
      const dropoff = this.somewhere();
      this.dispatcher.input({ kind: 'driver_status', driverId, status: 'on_trip', dropoff });
    }
    for (let n = 0; n < riders; n++) {
      const ride = { pickup: this.somewhere(), dropoff: this.somewhere() };
      const request = { t: 'request', id: 'ride', ...ride, vehicleClass: 'economy', seats: 1 } as const;
      const answer = await this.desk.rider(`rider-${n}` as RiderId, request);
      assert.ok(answer.ok, 'a ride request is taken');
    }
    assert.equal(this.dispatcher.state.requests.size, riders);
  }

  /** Ends all offers by word of the store: their drivers are free and their riders wait, as before the tick. */
  async takeBack(): Promise<void> {
    const atMs = this.clock.nowMs();
    const live = [...this.dispatcher.state.offers.values()];
    const closings = live.map(({ offerId }) => ({ offerId, status: 'withdrawn' as const, atMs }));
    publish(this.engine, { kind: 'offers_closed', offers: await this.engine.store.closeOffers(closings) });
    await this.dispatcher.stop();
    assert.equal(this.dispatcher.state.offers.size, 0, 'every offer has ended');
    this.told.length = 0;
  }

  /** So many pings of any drivers, each some metres on. */
  ping(count: number): void {
    for (let i = 0; i < count; i++) this.hear(this.prng.int(this.index.slotsEnd));
  }

  /** Everybody is heard of, so that nobody falls silent for the clock's being put on. */
  pingAll(): void {
    for (let slot = 0; slot < this.index.slotsEnd; slot++) this.hear(slot);
  }

  private hear(slot: number): void {
    const { lat, lng } = this.index.placeOf(slot)!;
    const on = (this.prng.float() - 0.5) * 1e-4;
    this.place(this.index.driverOf(slot)!, { lat: lat + on, lng: lng - on });
  }

  private place(driverId: DriverId, { lat, lng }: Place): void {
    this.fix.set([this.clock.nowMs(), lat, lng, 5, 0, NaN]);
    this.desk.pings(driverId, this.fix, 1);
  }

  private somewhere(): Place {
    const { lat } = interpolate(SOUTH_WEST, NORTH_EAST, this.prng.float());
    return { lat, lng: interpolate(SOUTH_WEST, NORTH_EAST, this.prng.float()).lng };
  }
}
