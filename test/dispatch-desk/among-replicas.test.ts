import { describe, expect, it } from 'vitest';
import { createEngine } from '../../src/dispatch/create-engine.ts';
import { NO_DISPATCH_METER } from '../../src/dispatch/dispatch-meter.ts';
import { DEFAULT_ENGINE_LIMITS } from '../../src/dispatch/engine.ts';
import { FrontDesk } from '../../src/dispatch/front-desk.ts';
import { learn } from '../../src/dispatch/learn.ts';
import { catchUp } from '../../src/dispatch/settlement.ts';
import { ALONE, type News } from '../../src/dispatch/peers.ts';
import { Upkeep } from '../../src/dispatch/upkeep.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId, ReplicaId, RiderId } from '../../src/domain/ids.ts';
import { createMemoryClaims } from '../../src/geo/claims-memory.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import type { Result } from '../../src/domain/rejection.ts';
import { randomPin, randomUuidV7 } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import type { TripChange, TripCommand } from '../../src/store/trip-store.ts';
import { byDriver, newDriver, searchingTrip, transitionOf, tripWithDriver } from '../store/town.ts';
import { RIDE } from '../integration/city.ts';
import { MovedClock } from '../integration/moved-clock.ts';

const OTHER = 'other' as ReplicaId;
/** A number that RemoteDrivers would give. */
const ELSEWHERE = 1;

class LossyStore extends MemoryTripStore {
  losesAnswers = false;
  isOut = false;

  override async execute(command: TripCommand): Promise<Result<TripChange>> {
    const result = await super.execute(command);
    if (this.losesAnswers) throw Object.assign(new Error('the answer was lost'), { code: 'ECONNRESET' });
    return result;
  }

  override dutyOf(driverId: DriverId): ReturnType<MemoryTripStore['dutyOf']> {
    if (this.isOut) return Promise.reject(Object.assign(new Error('out'), { code: 'ECONNREFUSED' }));
    return super.dutyOf(driverId);
  }
}

/** One replica among others, of which it is told here what they have. */
function openReplica() {
  const clock = new MovedClock();
  const store = new LossyStore();
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 10 });
  const told: News[] = [];
  const elsewhere = new Set<DriverId>();
  const engine = createEngine({
    ...{ store, index, clock, log: SILENT_LOG, meter: NO_DISPATCH_METER, stopwatchMs: () => 0 },
    markets: [DEFAULT_MARKET],
    claims: createMemoryClaims(clock),
    ingest: createIngest({ index, limits: DEFAULT_PING_LIMITS }),
    announcer: {
      ...{ toDriver: () => undefined, toRider: () => undefined, hasDriver: () => true, hasRider: () => true },
      ...{ dropDriver: () => undefined, dropRider: () => undefined },
    },
    peers: {
      ...ALONE,
      tell: (news) => void told.push(news),
      hosted: (driverIds) => Promise.resolve(new Set(driverIds.filter((one) => elsewhere.has(one)))),
    },
    ids: { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin },
    limits: DEFAULT_ENGINE_LIMITS,
  });
  const { dispatcher } = engine.markets.get(DEFAULT_MARKET.marketId)!;
  const desk = new FrontDesk(engine);
  const upkeep = new Upkeep(engine, clock);
  const found = (): News[] => told.filter(({ kind }) => kind === 'trip_found');
  return { engine, desk, dispatcher, upkeep, store, index, clock, told, found, elsewhere };
}

const VEHICLE = { vehicleClass: 'economy', seats: 4 } as const;

describe('one replica among others', () => {
  it('R6: a change whose answer was lost is told to the others once it has been looked up', async () => {
    const { desk, engine, store, found, told } = openReplica();
    const { trip, driverId } = await tripWithDriver(store);
    store.losesAnswers = true;
    const answer = await desk.driver(driverId, { t: 'arrived', id: 'a', tripId: trip.tripId });
    expect(answer).toMatchObject({ ok: false, code: 'unavailable' });
    expect(told).toEqual([]);
    await engine.doubts.resolve((one, doubt) => catchUp(engine, one, doubt));
    expect(found()).toMatchObject([
      { kind: 'trip_found', trip: { tripId: trip.tripId, status: 'at_pickup' } },
    ]);
  });

  it('R6: what only this replica has missed is not told to the others again', async () => {
    const { engine, store, found } = openReplica();
    const { trip, driverId } = await tripWithDriver(store);
    engine.doubts.add({ tripId: trip.tripId, driverId, isTold: true });
    let lookedUp = 0;
    await engine.doubts.resolve((one, doubt) => {
      lookedUp += 1;
      catchUp(engine, one, doubt);
    });
    expect([lookedUp, found()]).toEqual([1, []]);
  });

  it('R6: a trip that another replica has found ends here what was searched and who was bound', async () => {
    const { engine, dispatcher, store, index, clock } = openReplica();
    const driverId = newDriver();
    dispatcher.input({ kind: 'driver_on_duty', driverId, vehicle: VEHICLE });
    const { trip } = await tripWithDriver(store);
    const stored = (await store.trip(trip.tripId))!;
    const bound = { ...stored, marketId: DEFAULT_MARKET.marketId, driverId };
    learn(engine, { kind: 'trip_found', trip: bound, driverId: null }, OTHER);
    expect(index.statusOf(index.slotOf(driverId))).toBe('to_pickup');
    const ended = { ...bound, status: 'completed', version: 5, endedMs: clock.nowMs() } as const;
    learn(engine, { kind: 'trip_found', trip: ended, driverId }, OTHER);
    learn(engine, { kind: 'trip_found', trip: bound, driverId: null }, OTHER);
    expect(index.statusOf(index.slotOf(driverId))).toBe('available');
  });

  it('R6: a driver who connects here is as the store says, though the end of the trip was never heard of', async () => {
    const { desk, dispatcher, store, index, told } = openReplica();
    const driverId = newDriver();
    await store.setDuty({
      driverId,
      vehicle: VEHICLE,
      marketId: DEFAULT_MARKET.marketId,
      onDuty: true,
      sinceMs: 1,
    });
    const slot = index.add(driverId, VEHICLE, 'on_trip', 0, ELSEWHERE);
    await desk.seat({ role: 'driver', driverId });
    expect([index.statusOf(slot), index.isHere(slot)]).toEqual(['available', true]);
    expect(told.map(({ kind }) => kind)).toEqual(['driver_seated']);
    // Heard of while the store was being read: that is newer.
    index.setHost(slot, ELSEWHERE);
    const seating = desk.seat({ role: 'driver', driverId });
    dispatcher.input({ kind: 'driver_status', driverId, status: 'to_pickup', dropoff: null });
    index.columns.statusMs[slot] = Infinity;
    await seating;
    expect(index.statusOf(slot)).toBe('to_pickup');
  });

  it('R6: a request made here is looked up when news were lost: its end may have been among them', async () => {
    const { desk, engine } = openReplica();
    const made = await desk.rider('rider' as RiderId, { t: 'request', id: 'ride', ...RIDE });
    const tripId = made.ok ? made.value.trip?.tripId : null;
    expect([...engine.seatedTrips.doubts()]).toEqual([{ tripId, driverId: null, isTold: true }]);
  });

  it('R6: takes up a request that was stored by a replica whose clock is ahead', async () => {
    const { dispatcher, upkeep, store, clock } = openReplica();
    const requestedMs = clock.nowMs() + 4_000;
    const { tripId } = await searchingTrip(store, { requestedMs, marketId: DEFAULT_MARKET.marketId });
    await upkeep.takeUp();
    expect(dispatcher.state.requests.has(tripId)).toBe(true);
  });

  it('R6: late news that bind a driver who is seated here are looked up: their end may have been told and lost', async () => {
    const { engine, desk, store, index } = openReplica();
    const { trip, driverId } = await tripWithDriver(store, [], { marketId: DEFAULT_MARKET.marketId });
    const bound = (await store.trip(trip.tripId))!;
    await store.execute(transitionOf('released', trip.tripId, byDriver(driverId)));
    const onDuty = { vehicle: VEHICLE, marketId: DEFAULT_MARKET.marketId, onDuty: true, sinceMs: 1 };
    await store.setDuty({ driverId, ...onDuty });
    await desk.seat({ role: 'driver', driverId });
    const status = (): string => index.statusOf(index.slotOf(driverId));
    learn(engine, { kind: 'trip_found', trip: bound, driverId: null }, OTHER);
    expect(status()).toBe('to_pickup');
    await engine.doubts.resolve((one, doubt) => catchUp(engine, one, doubt));
    expect(status()).toBe('available');
  });

  it('takes no seat away while it cannot read the store', async () => {
    const { desk, store, told } = openReplica();
    store.isOut = true;
    const driverId = newDriver();
    expect(await desk.seat({ role: 'driver', driverId })).toMatchObject({ ok: false, code: 'unavailable' });
    expect(told).toEqual([]);
  });

  it('R8: who came back to some replica is not let go for having been with none before', async () => {
    const { upkeep, store, clock, elsewhere } = openReplica();
    const driverId = newDriver();
    const { offlineMs } = DEFAULT_ENGINE_LIMITS;
    await store.setDuty({
      driverId,
      vehicle: VEHICLE,
      marketId: DEFAULT_MARKET.marketId,
      onDuty: true,
      sinceMs: 1,
    });
    await upkeep.silence.sweep();
    elsewhere.add(driverId);
    clock.advance(10_000);
    await upkeep.silence.sweep();
    // The replica that has the driver is out of touch just when the time of silence would be over.
    elsewhere.clear();
    clock.advance(offlineMs);
    await upkeep.silence.sweep();
    expect((await store.dutyOf(driverId))?.onDuty).toBe(true);
    upkeep.silence.lookForOrphans();
    await upkeep.silence.sweep();
    clock.advance(offlineMs + 1);
    await upkeep.silence.sweep();
    expect((await store.dutyOf(driverId))?.onDuty).toBe(false);
  });
});
