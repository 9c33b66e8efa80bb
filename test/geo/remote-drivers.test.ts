import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneAt, type Zone } from '../../src/domain/cell.ts';
import type { DriverStatus } from '../../src/domain/driver-state.ts';
import type { DriverId, ReplicaId } from '../../src/domain/ids.ts';
import type { Place } from '../../src/domain/place.ts';
import { DriverIndex, HERE, NOBODY } from '../../src/geo/driver-index.ts';
import { MirrorPlanner } from '../../src/geo/driver-mirror.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { encodePlaces } from '../../src/geo/place-frame.ts';
import { HOSTS_MAX, LEAVING_MS, RemoteDrivers } from '../../src/geo/remote-drivers.ts';
import { createPrng } from '../../src/lib/prng.ts';

const GRID = { resolution: 9, zoneResolution: 6 };
const CAB = { vehicleClass: 'economy', seats: 4 } as const;
const [R1, R2] = ['replica1' as ReplicaId, 'replica2' as ReplicaId];
const D = 'd1' as DriverId;
const [A, B] = [
  { lat: 37.77, lng: -122.42 },
  { lat: 37.8, lng: -122.27 },
];
const driver = (n: number) => `d${n}` as DriverId;
const zoneOf = ({ lat, lng }: Place) => zoneAt(lat, lng, GRID);

/** A replica that has drivers and makes frames of them. */
function host() {
  const index = new DriverIndex({ grid: GRID, driversMax: 100 });
  const planner = new MirrorPlanner({ index, flushDriversMax: 1e6, removalsMax: 1e6, refreshMs: 10_000 });
  return {
    index,
    ping(driverId: DriverId, { lat, lng }: Place, atMs: number, status: DriverStatus = 'available') {
      const slot = index.add(driverId, CAB, status, atMs);
      index.columns.atMs[slot] = index.columns.receivedMs[slot] = atMs;
      index.place(slot, lat, lng);
      return slot;
    },
    frames(nowMs: number): [Zone, Uint8Array][] {
      return [...planner.plan(nowMs).values()].map((part) => [part.zone, encodePlaces(index, part, nowMs)]);
    },
  };
}

/** A replica that hears of them. */
function watcher(driversMax = 100) {
  const index = new DriverIndex({ grid: GRID, driversMax });
  const told: [DriverId, DriverStatus, Place | null][] = [];
  const remote = new RemoteDrivers({ index, onStatus: (...word) => told.push(word) });
  const apply = (from: ReplicaId, frames: [Zone, Uint8Array][], nowMs: number) => {
    for (const [zone, frame] of frames) remote.apply(from, zone, frame, nowMs);
  };
  const slot = () => index.slotOf(D);
  return { index, remote, told, apply, slot };
}

describe('drivers of other replicas', () => {
  it('are in the index as their host has them, and not marked for the mirror', () => {
    const { index, remote, apply, slot } = watcher();
    const r1 = host();
    const theirs = r1.ping(D, A, 5_000, 'on_trip');
    r1.index.setFree(theirs, B);
    r1.ping(driver(2), A, 5_000);
    apply(R1, r1.frames(7_000), 90_000);
    expect(index.placeOf(slot())).toEqual(A);
    expect(index.statusOf(slot())).toBe('on_trip');
    expect(index.columns.atMs[slot()]).toBe(5_000);
    expect(index.columns.receivedMs[slot()]).toBe(88_000);
    expect(index.columns.freeLat[slot()]).toBeCloseTo(B.lat, 5);
    expect(index.columns.idleSinceMs[index.slotOf(driver(2))]).toBe(88_000);
    expect(index.isHere(slot())).toBe(false);
    expect(remote.hostOf(D)).toBe(R1);
    expect(index.dirty.count).toBe(0);
    expect(remote.counts).toEqual({ rows: 2, removals: 0, badFrames: 0, refused: 0 });
  });

  it('R8 an older row of the same host changes nothing, one of equal age no place', () => {
    const { index, remote, apply, slot } = watcher();
    const r1 = host();
    r1.ping(D, A, 1_000);
    const old = r1.frames(1_000);
    r1.ping(D, B, 2_000, 'on_trip');
    apply(R1, r1.frames(2_000), 2_000);
    apply(R1, old, 2_500);
    expect(index.placeOf(slot())).toEqual(B);
    expect(index.statusOf(slot())).toBe('on_trip');
    expect(remote.counts.rows).toBe(1);
    r1.index.touch(0);
    apply(R1, r1.frames(4_000), 9_000);
    expect(index.columns.receivedMs[slot()]).toBe(2_000);
  });

  it('are left alone when they are here', () => {
    const { index, remote, apply } = watcher();
    const r1 = host();
    const slot = index.add(D, CAB, 'available', 0);
    index.place(slot, A.lat, A.lng);
    r1.ping(D, B, 9_000, 'on_trip');
    apply(R1, r1.frames(9_000), 9_000);
    r1.index.remove(0);
    apply(R1, r1.frames(9_001), 9_001);
    remote.settle(99_000);
    expect(index.placeOf(slot)).toEqual(A);
    expect(index.statusOf(slot)).toBe('available');
    expect(remote.hostOf(D)).toBeNull();
  });

  it('follow the seat: let go here, taken over by whoever has them, also with another device’s clock', () => {
    const { index, remote, apply } = watcher();
    const slot = index.add(D, CAB, 'available', 0);
    index.columns.atMs[slot] = 50_000;
    index.place(slot, A.lat, A.lng);
    index.setHost(slot, NOBODY);
    expect(remote.hostOf(D)).toBeNull();
    const [r1, r2] = [host(), host()];
    r1.ping(D, B, 40_000);
    apply(R1, r1.frames(40_000), 60_000);
    expect(remote.hostOf(D)).toBe(R1);
    expect(index.placeOf(slot)).toEqual(B);
    r2.ping(D, A, 30_000);
    apply(R2, r2.frames(30_000), 61_000);
    expect(remote.hostOf(D)).toBe(R2);
    expect(index.placeOf(slot)).toEqual(A);
    index.setHost(slot, HERE);
    expect(remote.hostOf(D)).toBeNull();
    expect(index.dirty.take()).toBe(slot);
  });

  it('have another status only through the engine, and not while one set here is fresh', () => {
    const { index, told, apply, slot } = watcher();
    const r1 = host();
    r1.ping(D, A, 1_000);
    apply(R1, r1.frames(1_000), 1_000);
    r1.index.setStatus(0, 'on_trip', 1_500);
    r1.index.setFree(0, B);
    apply(R1, r1.frames(2_000), 2_000);
    const free = { lat: Math.fround(B.lat), lng: Math.fround(B.lng) };
    expect(told).toEqual([[D, 'on_trip', free]]);
    expect(index.statusOf(slot())).toBe('available');
    index.setStatus(slot(), 'offered', 3_000);
    r1.index.touch(0);
    apply(R1, r1.frames(4_999), 4_999);
    expect(told).toHaveLength(1);
    r1.index.touch(0);
    apply(R1, r1.frames(5_000), 5_000);
    expect(told).toHaveLength(2);
  });

  it('leave with the host’s word, after a moment, and only the zone it is about', () => {
    const { index, remote, apply, slot } = watcher();
    const r1 = host();
    r1.ping(D, A, 1_000);
    apply(R1, r1.frames(1_000), 1_000);
    r1.index.remove(0);
    const removal = r1.frames(2_000);
    apply(R2, removal, 2_000);
    remote.apply(R1, zoneOf(B), removal[0]![1], 2_000);
    remote.settle(9_000);
    expect(slot()).toBe(0);
    apply(R1, removal, 10_000);
    remote.settle(10_000 + LEAVING_MS - 1);
    expect(slot()).toBe(0);
    remote.settle(10_000 + LEAVING_MS);
    expect(slot()).toBe(-1);
    expect(remote.counts.removals).toBe(1);
    expect(index.count).toBe(0);
  });

  it.each(['as sent', 'the other way round'])(
    'keep what is known of them when they cross into another zone, the frames coming %s',
    (order) => {
      const { index, remote, apply, slot } = watcher();
      const r1 = host();
      r1.ping(D, A, 1_000);
      apply(R1, r1.frames(1_000), 1_000);
      index.setStatus(slot(), 'offered', 2_000);
      const generation = index.columns.generation[slot()]!;
      r1.ping(D, B, 2_000);
      const frames = r1.frames(2_000);
      expect(frames).toHaveLength(2);
      apply(R1, order === 'as sent' ? frames : frames.reverse(), 2_500);
      remote.settle(60_000);
      expect(index.isCurrent(slot(), generation)).toBe(true);
      expect(index.placeOf(slot())).toEqual(B);
      expect(index.statusOf(slot())).toBe('offered');
    },
  );

  it('R11 of a replica that is gone are kept, offline, until another tells of them or they have been silent', () => {
    const { index, remote, apply, told } = watcher();
    const [r1, r2] = [host(), host()];
    r1.ping(D, A, 1_000, 'on_trip');
    r1.ping(driver(2), A, 1_000);
    r2.ping(driver(3), A, 1_000);
    apply(R1, r1.frames(1_000), 1_000);
    apply(R2, r2.frames(1_000), 1_000);
    remote.gone(R1, 4_000);
    expect([1, 2, 3].map((n) => index.statusOf(index.slotOf(driver(n))))).toEqual([
      'offline',
      'offline',
      'available',
    ]);
    expect([1, 2, 3].map((n) => remote.hostOf(driver(n)))).toEqual([null, null, R2]);
    expect(index.placeOf(index.slotOf(D))).toEqual(A);
    r2.ping(D, B, 5_000, 'on_trip');
    apply(R2, r2.frames(5_000), 5_000);
    expect(index.statusOf(index.slotOf(D))).toBe('on_trip');
    expect(remote.hostOf(D)).toBe(R2);
    expect(told).toEqual([]);
    const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
    expect(ingest.sweepSilent(62_000, 60_000)).toEqual([]);
    expect([1, 2, 3].map((n) => index.slotOf(driver(n)) >= 0)).toEqual([true, false, false]);
  });

  it('change nothing by a frame that cannot be read', () => {
    const { index, remote, apply } = watcher();
    const r1 = host();
    r1.ping(D, A, 1_000);
    r1.ping(driver(2), A, 1_000);
    const [[zone, frame]] = r1.frames(1_000) as [[Zone, Uint8Array]];
    for (let length = 0; length < frame.length; length++)
      apply(R1, [[zone, frame.subarray(0, length)]], 1_000);
    expect(remote.counts).toEqual({ rows: 0, removals: 0, badFrames: frame.length, refused: 0 });
    expect(index.count).toBe(0);
  });

  it('R10 beyond what the index holds, or of too many replicas, are counted and passed over', () => {
    const { index, remote, apply } = watcher(HOSTS_MAX + 5);
    const big = host();
    for (let n = 0; n < HOSTS_MAX; n++) {
      const r = host();
      r.ping(driver(n), A, 1_000);
      apply(`replica-${n}` as ReplicaId, r.frames(1_000), 1_000);
    }
    for (let n = 0; n < 10; n++) big.ping(`more-${n}` as DriverId, A, 1_000);
    const frames = big.frames(1_000);
    apply(R1, frames, 1_000);
    expect(remote.counts.refused).toBe(10);
    expect(index.count).toBe(HOSTS_MAX);
    // A number is free again when no driver of that replica is left.
    index.remove(index.slotOf(driver(7)));
    apply(R1, frames, 1_000);
    expect(remote.hostOf('more-0' as DriverId)).toBe(R1);
    expect(remote.counts.refused).toBe(10 + 4);
    remote.gone('replica-3' as ReplicaId, 1_000);
    apply(R2, frames, 1_000);
    expect(remote.hostOf('more-0' as DriverId)).toBe(R2);
  });

  it('of a zone are forgotten, those who are here stay', () => {
    const { index, remote, apply } = watcher();
    const r1 = host();
    for (let n = 0; n < 20; n++) r1.ping(driver(n), n % 4 < 2 ? A : B, 1_000);
    apply(R1, r1.frames(1_000), 1_000);
    const ours: number[] = [];
    for (let n = 0; n < 20; n += 2) {
      index.setHost(index.slotOf(driver(n)), HERE);
      if (n % 4 < 2) ours.push(index.slotOf(driver(n)));
    }
    remote.forgetZone(zoneOf(A));
    expect(index.count).toBe(15);
    expect(ours.every((slot) => index.isLive(slot))).toBe(true);
  });

  it('R12 are where their hosts have them once frames come through again, however many were lost, late or repeated', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 60n }), (seed) => {
        const prng = createPrng(seed);
        const { index, remote, apply } = watcher();
        const hosts = [host(), host()];
        const ids = [R1, R2];
        const under: [number, Zone, Uint8Array][] = [];
        let nowMs = 0;
        for (let step = 0; step < 60; step++) {
          nowMs += 1 + prng.int(1_000);
          const n = prng.int(8);
          const at = hosts.findIndex((it) => it.index.slotOf(driver(n)) >= 0);
          if (at >= 0 && prng.chance(0.15)) hosts[at]!.index.remove(hosts[at]!.index.slotOf(driver(n)));
          else {
            const place = { lat: 37 + prng.int(3) / 10 + prng.float() / 1e3, lng: -122 + prng.int(2) / 10 };
            hosts[at < 0 ? prng.int(2) : at]!.ping(driver(n), place, nowMs);
          }
          hosts.forEach((it, i) => {
            if (!prng.chance(0.5)) return;
            for (const [zone, frame] of it.frames(nowMs)) if (!prng.chance(0.3)) under.push([i, zone, frame]);
          });
          for (let more = prng.int(4); more > 0 && under.length > 0; more--) {
            const pick = prng.int(under.length);
            const [i, zone, frame] = under[pick]!;
            apply(ids[i]!, [[zone, frame]], nowMs);
            if (!prng.chance(0.2)) under.splice(pick, 1);
          }
        }
        for (const [i, zone, frame] of under) apply(ids[i]!, [[zone, frame]], nowMs);
        remote.settle((nowMs += LEAVING_MS));
        // Quiet: everybody pings once more and is told of; who is told of no more goes by silence.
        nowMs += 60_000;
        hosts.forEach((it, i) => {
          for (let slot = 0; slot < it.index.slotsEnd; slot++) {
            if (it.index.isLive(slot)) it.ping(it.index.driverOf(slot)!, it.index.placeOf(slot)!, nowMs);
          }
          apply(ids[i]!, it.frames(nowMs), nowMs);
        });
        remote.settle((nowMs += LEAVING_MS));
        createIngest({ index, limits: DEFAULT_PING_LIMITS }).sweepSilent(nowMs, 30_000);
        const held = (from: DriverIndex, hostName: (driverId: DriverId) => ReplicaId | null) =>
          Array.from({ length: from.slotsEnd }, (_, slot) => slot)
            .filter((slot) => from.isLive(slot))
            .map(
              (slot) => [from.driverOf(slot)!, from.placeOf(slot), hostName(from.driverOf(slot)!)] as const,
            );
        const theirs = hosts.flatMap((it, i) => held(it.index, () => ids[i]!));
        const byId = <T extends readonly [DriverId, ...unknown[]]>(rows: T[]) =>
          rows.sort(([a], [b]) => (a < b ? -1 : 1));
        expect(byId(held(index, (driverId) => remote.hostOf(driverId)))).toEqual(byId(theirs));
        expect(index.dirty.count).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
