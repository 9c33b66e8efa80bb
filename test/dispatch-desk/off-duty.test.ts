import { describe, expect, it } from 'vitest';
import type { Announcement } from '../../src/dispatch/announcer.ts';
import { createEngine } from '../../src/dispatch/create-engine.ts';
import { NO_DISPATCH_METER } from '../../src/dispatch/dispatch-meter.ts';
import { DEFAULT_ENGINE_LIMITS } from '../../src/dispatch/engine.ts';
import { ALONE } from '../../src/dispatch/peers.ts';
import { type Approval, FrontDesk } from '../../src/dispatch/front-desk.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import { createMemoryClaims } from '../../src/geo/claims-memory.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { accepted, rejected } from '../../src/domain/rejection.ts';
import { idleLoop } from '../../src/lib/clock.ts';
import { randomPin, randomUuidV7 } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import type { Duty } from '../../src/store/trip-store.ts';
import { at, RIDE } from '../integration/city.ts';
import { MovedClock } from '../integration/moved-clock.ts';

const DRIVER = 'driver' as DriverId;
const RIDER = 'rider' as RiderId;

/** A store whose change of duty can be made to take its time. */
class SlowDutyStore extends MemoryTripStore {
  private letGo: () => void = () => undefined;
  private gate: Promise<void> = Promise.resolve();

  holdDuty(): () => void {
    this.gate = new Promise((resolve) => (this.letGo = resolve));
    return () => this.letGo();
  }

  override async setDuty(duty: Duty): Promise<void> {
    await this.gate;
    return super.setDuty(duty);
  }
}

/** A desk over an engine whose ticks come when the test says so. */
function openDesk(approval?: Approval) {
  const clock = new MovedClock();
  const store = new SlowDutyStore();
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 10 });
  const told: Announcement[] = [];
  const engine = createEngine({
    ...{ store, index, clock, log: SILENT_LOG, meter: NO_DISPATCH_METER, stopwatchMs: () => 0 },
    markets: [DEFAULT_MARKET],
    claims: createMemoryClaims(clock),
    ingest: createIngest({ index, limits: DEFAULT_PING_LIMITS }),
    announcer: {
      toDriver: (_, one) => void told.push(one),
      toRider: () => undefined,
      hasDriver: () => true,
      hasRider: () => true,
      dropDriver: () => undefined,
      dropRider: () => undefined,
    },
    peers: ALONE,
    ids: { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin },
    limits: DEFAULT_ENGINE_LIMITS,
  });
  const desk = new FrontDesk(engine, approval);
  const { dispatcher } = engine.markets.get(DEFAULT_MARKET.marketId)!;
  const tick = async (): Promise<void> => {
    dispatcher.input({ kind: 'tick' });
    await dispatcher.stop();
  };
  const hear = (): void => {
    const { lat, lng } = at(-100);
    desk.pings(DRIVER, Float64Array.of(clock.nowMs(), lat, lng, 5, 0, NaN), 1);
  };
  return { desk, store, dispatcher, told, tick, hear };
}

describe('a driver who goes off duty', () => {
  it('R3: while an offer is being made has no live offer in the end, and the ride is open for others', async () => {
    const { desk, store, dispatcher, told, tick, hear } = openDesk();
    await desk.driver(DRIVER, { t: 'online', id: 'on', vehicleClass: 'economy', seats: 4 });
    hear();
    await desk.rider(RIDER, { t: 'request', id: 'ride', ...RIDE });
    const letGo = store.holdDuty();
    const leaving = desk.driver(DRIVER, { t: 'offline', id: 'off' });
    await idleLoop();
    await tick();
    expect(told.map((one) => one.t)).toEqual(['offer']);
    letGo();
    expect(await leaving).toMatchObject({ ok: true });
    await dispatcher.stop();
    expect(await store.liveOfferOfDriver(DRIVER)).toBeNull();
    expect([...dispatcher.state.requests.values()].map(({ offers }) => offers.size)).toEqual([0]);
    expect(told.at(-1)).toMatchObject({ t: 'offer_closed' });
  });
});

describe('a driver who is not approved', () => {
  const ONLINE = { t: 'online', id: 'on', vehicleClass: 'economy', seats: 4 } as const;

  it('does not go on duty', async () => {
    const { desk, store } = openDesk(() => Promise.resolve(rejected('not_approved')));
    expect(await desk.driver(DRIVER, ONLINE)).toMatchObject({ ok: false, code: 'not_approved' });
    expect(await store.dutyOf(DRIVER)).toBeNull();
  });

  it('goes off duty again when that came while going on it, and is asked about with the vehicle', async () => {
    const answers = [accepted(null), rejected('not_approved')];
    const asked: unknown[] = [];
    const { desk, store } = openDesk((driverId, vehicle) => {
      asked.push([driverId, vehicle]);
      return Promise.resolve(answers.shift()!);
    });
    expect(await desk.driver(DRIVER, ONLINE)).toMatchObject({ ok: false, code: 'not_approved' });
    expect(await store.dutyOf(DRIVER)).toMatchObject({ onDuty: false });
    expect(asked[0]).toMatchObject([DRIVER, { vehicleClass: 'economy', seats: 4 }]);
  });
});
