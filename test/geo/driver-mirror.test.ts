import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneAt, type Zone } from '../../src/domain/cell.ts';
import { DRIVER_STATUSES } from '../../src/domain/driver-state.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { SEATS_MAX, VEHICLE_CLASSES } from '../../src/domain/vehicle.ts';
import { DriverIndex, HERE, NOBODY } from '../../src/geo/driver-index.ts';
import { MirrorPlanner, type FlushPlan, type MirrorPlannerOptions } from '../../src/geo/driver-mirror.ts';
import { packRecord, unpackRecord } from '../../src/geo/driver-record.ts';
import { PlanBacklog } from '../../src/geo/plan-backlog.ts';
import { createPrng } from '../../src/lib/prng.ts';

const GRID = { resolution: 9, zoneResolution: 6 };
const CAB = { vehicleClass: 'economy', seats: 4 } as const;
const driver = (n: number) => `d${n}` as DriverId;

function setUp(options: Partial<MirrorPlannerOptions> = {}) {
  const index = new DriverIndex({ grid: GRID, driversMax: 1_000 });
  const planner = new MirrorPlanner({
    index,
    flushDriversMax: 1_000,
    removalsMax: 1_000,
    refreshMs: 10_000,
    ...options,
  });
  const put = (n: number, lat: number, lng: number, nowMs = 0) => {
    const slot = index.add(driver(n), CAB, 'available', nowMs);
    index.place(slot, lat, lng);
    return slot;
  };
  return { index, planner, put };
}

/** What a store holds after the plans, driver by zone: removals first, as the contract says. */
function carryOut(store: Map<Zone, Set<DriverId>>, index: DriverIndex, plan: FlushPlan): void {
  for (const { zone, removals, slots } of plan.values()) {
    const drivers = store.get(zone) ?? new Set();
    store.set(zone, drivers);
    for (const driverId of removals) drivers.delete(driverId);
    for (const slot of slots) drivers.add(index.driverOf(slot)!);
  }
}

const written = (plan: FlushPlan) => [...plan.values()].flatMap(({ slots }) => slots);

describe('the record', () => {
  it('keeps all of a driver, places to a centimetre', () => {
    const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(
        fc.record({
          lat: number(-90, 90),
          lng: number(-180, 180),
          atMs: fc.integer({ min: 0, max: 2 ** 52 }),
          speedMps: fc.option(number(0, 650)),
          headingDeg: fc.option(number(0, 360)),
          status: fc.constantFrom(...DRIVER_STATUSES),
          vehicleClass: fc.constantFrom(...VEHICLE_CLASSES),
          seats: fc.integer({ min: 1, max: SEATS_MAX }),
        }),
        ({ lat, lng, atMs, speedMps, headingDeg, status, vehicleClass, seats }) => {
          const { index } = setUp();
          const slot = index.add(driver(1), { vehicleClass, seats }, status, 77);
          index.columns.atMs[slot] = atMs;
          index.columns.speedMps[slot] = speedMps ?? NaN;
          index.columns.headingDeg[slot] = headingDeg ?? NaN;
          index.place(slot, lat, lng);
          const record = unpackRecord(packRecord(index, slot))!;
          expect(record).toMatchObject({
            atMs,
            receivedMs: 77,
            status,
            vehicleClass,
            seats,
            cell: index.cellOf(slot),
          });
          expect(Math.abs(record.lat - lat)).toBeLessThanOrEqual(1e-7);
          expect(Math.abs(record.lng - lng)).toBeLessThanOrEqual(1e-7);
          if (speedMps === null) expect(record.speedMps).toBeNull();
          else expect(Math.abs(record.speedMps! - speedMps)).toBeLessThanOrEqual(0.006);
          if (headingDeg === null) expect(record.headingDeg).toBeNull();
          else expect(Math.abs(record.headingDeg! - headingDeg)).toBeLessThanOrEqual(0.006);
        },
      ),
    );
  });

  it('is passed over when another version wrote it, or it is none', () => {
    const { index, put } = setUp();
    const record = packRecord(index, put(1, 1, 1));
    expect(unpackRecord(record.subarray(1))).toBeNull();
    expect(unpackRecord(Buffer.from(record).fill(99, 36, 37))).toBeNull();
    expect(unpackRecord(Buffer.from(record).fill(99, 37, 38))).toBeNull();
    expect(unpackRecord(Buffer.alloc(0))).toBeNull();
  });
});

describe('the plan of a flush', () => {
  it('writes each changed driver once, into its zone', () => {
    const { planner, put, index } = setUp();
    const [a, b] = [put(1, 1, 1), put(2, 50, 50)];
    put(1, 1.0001, 1);
    index.setStatus(a, 'offered', 0);
    const plan = planner.plan(1);
    expect(plan.get(zoneAt(1.0001, 1, GRID))).toMatchObject({ slots: [a], removals: [] });
    expect(plan.get(zoneAt(50, 50, GRID))).toMatchObject({ slots: [b], removals: [] });
    expect(planner.plan(2).size).toBe(0);
  });

  it('removes from the zone that was left', () => {
    const { planner, put } = setUp();
    put(1, 1, 1);
    planner.plan(1);
    put(1, 2, 2);
    const plan = planner.plan(2);
    expect(plan.get(zoneAt(1, 1, GRID))).toMatchObject({ removals: [driver(1)], slots: [] });
    expect(plan.get(zoneAt(2, 2, GRID))).toMatchObject({ removals: [], slots: [0] });
  });

  it('leaves drivers beyond flushDriversMax for the next, those longest waiting first', () => {
    const { planner, put } = setUp({ flushDriversMax: 2, refreshMs: 1e9 });
    for (const n of [1, 2, 3]) put(n, 1, 1);
    planner.plan(0);
    for (const n of [1, 2]) put(n, 1.001, 1);
    expect(written(planner.plan(1))).toEqual([2, 0]);
    expect(written(planner.plan(2))).toEqual([1]);
  });

  it('R12 writes a driver who pings without moving again within refreshMs, and not one who is silent', () => {
    const { planner, put, index } = setUp({ refreshMs: 10_000 });
    for (let n = 0; n < 10; n++) put(n, 1, n);
    planner.plan(0);
    const again: number[] = [];
    for (let nowMs = 1_000; nowMs <= 10_000; nowMs += 1_000) {
      for (let slot = 0; slot < 9; slot++) index.columns.receivedMs[slot] = nowMs;
      index.columns.receivedMs[9] = -60_000;
      again.push(...written(planner.plan(nowMs)));
    }
    expect(again.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('R12 does not write again who was written since the last ping, and not in another driver’s place', () => {
    const { planner, put, index } = setUp({ refreshMs: 10_000 });
    const slot = put(1, 1, 1, 1_000);
    planner.plan(1_000);
    const again: number[] = [];
    for (let nowMs = 2_000; nowMs <= 11_000; nowMs += 1_000) again.push(...written(planner.plan(nowMs)));
    expect(again).toEqual([]);
    index.remove(slot);
    expect(put(2, 1, 1, 1_000)).toBe(slot);
    expect(written(planner.plan(11_000))).toEqual([slot]);
  });

  it('R10 forgets removals beyond removalsMax, and counts them', () => {
    const { planner, put, index } = setUp({ removalsMax: 2 });
    const slots = [1, 2, 3].map((n) => put(n, n, n));
    planner.plan(0);
    for (const slot of slots) index.remove(slot);
    expect([...planner.plan(1).values()].flatMap(({ removals }) => removals)).toHaveLength(2);
    expect(planner.droppedRemovals).toBe(1);
  });

  it('has only drivers who are here, and of who has gone to another host no removal', () => {
    const { planner, put, index } = setUp({ refreshMs: 1_000 });
    const [here, away, far] = [put(1, 1, 1), put(2, 1, 1), put(3, 1, 1)];
    index.setHost(far, 7);
    expect(written(planner.plan(0))).toEqual([here, away]);
    index.setHost(away, NOBODY);
    index.place(away, 2, 2);
    index.setStatus(far, 'on_trip', 0);
    for (const slot of [here, away, far]) index.columns.receivedMs[slot] = 1_000;
    const plan = planner.plan(1_000);
    expect(written(plan)).toEqual([here]);
    expect([...plan.values()].flatMap(({ removals }) => removals)).toEqual([]);
    index.remove(away);
    index.remove(far);
    expect(planner.plan(1_001).size).toBe(0);
  });

  it('has a driver who comes here, removed from where the host before had him', () => {
    const { planner, put, index } = setUp();
    const slot = put(1, 1, 1);
    index.setHost(slot, 7);
    planner.plan(0);
    index.setHost(slot, HERE);
    index.place(slot, 2, 2);
    const plan = planner.plan(1);
    expect(plan.get(zoneAt(1, 1, GRID))).toMatchObject({ removals: [driver(1)], slots: [] });
    expect(plan.get(zoneAt(2, 2, GRID))).toMatchObject({ removals: [], slots: [slot] });
  });
});

describe('the backlog of plans', () => {
  function withBacklog(options: Partial<MirrorPlannerOptions> = {}) {
    const { index, planner, put } = setUp(options);
    const zonePlanned = (slot: number) => planner.zonePlanned(slot);
    const limits = { flushDriversMax: 1_000, removalsMax: 1_000, ...options };
    return { index, planner, put, backlog: new PlanBacklog({ zonePlanned, ...limits }) };
  }

  it('joins later plans to those that wait: each driver once, where the newest has him', () => {
    const { planner, put, index, backlog } = withBacklog();
    const [a, b] = [put(1, 1, 1), put(2, 1, 1)];
    backlog.keep(planner.plan(0));
    put(1, 2, 2);
    index.remove(b);
    backlog.keep(planner.plan(1));
    const plan = backlog.take();
    expect(plan.get(zoneAt(1, 1, GRID))).toMatchObject({ removals: [driver(2), driver(1)], slots: [] });
    expect(plan.get(zoneAt(2, 2, GRID))).toMatchObject({ removals: [], slots: [a] });
    expect(backlog.take().size).toBe(0);
  });

  it('R10 gives at most flushDriversMax drivers at a time, and forgets removals beyond removalsMax', () => {
    const { planner, put, index, backlog } = withBacklog({ flushDriversMax: 2, removalsMax: 2 });
    for (const n of [1, 2, 3]) put(n, n, n);
    backlog.keep(planner.plan(0));
    backlog.keep(planner.plan(0));
    expect(written(backlog.take())).toEqual([0, 1]);
    expect(written(backlog.take())).toEqual([2]);
    index.remove(0);
    index.remove(1);
    backlog.keep(planner.plan(0));
    index.remove(2);
    backlog.keep(planner.plan(0));
    expect(backlog.droppedRemovals).toBe(1);
    expect([...backlog.take().values()].flatMap(({ removals }) => removals)).toHaveLength(2);
  });

  it('leaves the store as the index, whatever moves, leaves, changes hosts, and fails, wholly or in part', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), (seed) => {
        const prng = createPrng(seed);
        const { planner, put, index, backlog } = withBacklog({ flushDriversMax: 4 });
        const store = new Map<Zone, Set<DriverId>>();
        /** Drivers whom another replica has written: what it left behind is not this one's. */
        const elsewhere = new Set<DriverId>();
        for (let step = 0; step < 60; step++) {
          const n = prng.int(6);
          const slot = index.slotOf(driver(n));
          if (prng.chance(0.3) && slot >= 0) index.remove(slot);
          else if (prng.chance(0.1) && slot >= 0) {
            elsewhere.add(driver(n));
            index.setHost(slot, prng.chance(0.5) ? NOBODY : HERE);
          } else put(n, prng.int(3), prng.int(2), step);
          if (!prng.chance(0.5)) continue;
          backlog.keep(planner.plan(step));
          if (prng.chance(0.3)) continue;
          const plan = backlog.take();
          const done = prng.chance(0.5) ? [...plan] : [...plan].filter(() => prng.chance(0.5));
          carryOut(store, index, new Map(done));
          if (done.length < plan.size) backlog.keep(plan);
        }
        for (let more = 0; more < 20; more++) {
          backlog.keep(planner.plan(60));
          carryOut(store, index, backlog.take());
        }
        const ours = (driverId: DriverId) => !elsewhere.has(driverId);
        const held = [...store].flatMap(([zone, drivers]) =>
          [...drivers].filter(ours).map((driverId) => `${driverId} ${zone}`),
        );
        const live = [0, 1, 2, 3, 4, 5].map((n) => index.slotOf(driver(n))).filter((slot) => slot >= 0);
        const wanted = live.filter((slot) => ours(index.driverOf(slot)!));
        expect(held.sort()).toEqual(
          wanted.map((slot) => `${index.driverOf(slot)} ${index.zoneOf(slot)}`).sort(),
        );
        const here = live.filter((slot) => index.isHere(slot));
        for (const slot of here) expect(store.get(index.zoneOf(slot)!)).toContain(index.driverOf(slot));
      }),
      { numRuns: 300 },
    );
  });
});
