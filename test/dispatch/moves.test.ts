import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOVE_AFTER_MS, MOVE_AGAIN_MS, Moves, MOVES_PER_S } from '../../src/dispatch/moves.ts';
import {
  cellCentre,
  cellFromName,
  cellName,
  DEFAULT_GRID,
  neighbours,
  type Zone,
  zoneAt,
} from '../../src/domain/cell.ts';
import { DRIVER_STATUSES, type DriverStatus } from '../../src/domain/driver-state.ts';
import type { DriverId, ReplicaId } from '../../src/domain/ids.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';

const VEHICLE = { vehicleClass: 'economy', seats: 4 } as const;
const HOME = zoneAt(37.77, -122.42, DEFAULT_GRID);
const [EAST, WEST] = neighbours(HOME) as [Zone, Zone];
const B = 'replicab' as ReplicaId;
const C = 'replicac' as ReplicaId;

interface Asked {
  readonly driverId: DriverId;
  readonly atMs: number;
  readonly url: string | null;
  readonly zone: string;
}

/** An index, owners in the test's hands, and who has been asked. */
function setUp() {
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 100_000 });
  const owners = new Map<Zone, { replicaId: ReplicaId; url: string | null }>();
  const connected = new Set<string>();
  const asked: Asked[] = [];
  let nowMs = 1_000_000;
  const moves = new Moves({
    index,
    peers: { elsewhere: (zone) => owners.get(zone) ?? null },
    announcer: {
      hasDriver: (driverId) => connected.has(driverId),
      toDriver: (driverId, message) => {
        if (message.t !== 'move') throw new Error('only moves are announced');
        asked.push({ driverId, atMs: nowMs, url: message.url, zone: message.zone });
      },
    },
  });
  const driver = (id: string, zone: Zone, status: DriverStatus = 'available'): number => {
    const slot = index.add(id as DriverId, VEHICLE, status, nowMs);
    put(slot, zone);
    connected.add(id);
    return slot;
  };
  const put = (slot: number, zone: Zone): void => {
    const { lat, lng } = cellCentre(zone);
    index.place(slot, lat, lng);
  };
  /** Sweeps once a second for so long. */
  const pass = (seconds: number): void => {
    for (let second = 0; second < seconds; second++) {
      nowMs += 1_000;
      moves.sweep(nowMs);
    }
  };
  return { index, owners, connected, asked, driver, put, pass, now: () => nowMs };
}

const AFTER_S = MOVE_AFTER_MS / 1_000 + 2;

describe('Moves', () => {
  it('asks an idle driver in another’s zone, once it has been so for a while, and names where to', () => {
    const { owners, driver, pass, asked } = setUp();
    owners.set(EAST, { replicaId: B, url: 'ws://b' });
    driver('d1', EAST);
    driver('d2', HOME);
    pass(MOVE_AFTER_MS / 1_000 - 1);
    expect(asked).toEqual([]);
    pass(3);
    expect(asked).toMatchObject([{ driverId: 'd1', url: 'ws://b', zone: cellName(EAST) }]);
    expect(cellFromName(asked[0]!.zone)).toBe(EAST);
  });

  it('asks again after five minutes, not before', () => {
    const { owners, driver, pass, asked } = setUp();
    owners.set(EAST, { replicaId: B, url: null });
    driver('d1', EAST);
    pass(AFTER_S);
    pass(MOVE_AGAIN_MS / 1_000 - 5);
    expect(asked).toHaveLength(1);
    pass(10);
    expect(asked.map(({ url }) => url)).toEqual([null, null]);
  });

  it.each(DRIVER_STATUSES.filter((status) => status !== 'available'))(
    'leaves a driver who is %s alone',
    (status) => {
      const { owners, driver, pass, asked, index, now } = setUp();
      owners.set(EAST, { replicaId: B, url: 'ws://b' });
      const slot = driver('d1', EAST, status);
      pass(AFTER_S * 2);
      expect(asked).toEqual([]);
      index.setStatus(slot, 'available', now());
      pass(2);
      expect(asked).toHaveLength(1);
    },
  );

  it('leaves alone who is connected elsewhere, and who has come home meanwhile', () => {
    const { owners, driver, put, pass, asked, connected, index } = setUp();
    owners.set(EAST, { replicaId: B, url: 'ws://b' });
    driver('gone', EAST);
    connected.delete('gone');
    index.setHost(driver('remote', EAST), 3);
    const slot = driver('back', EAST);
    pass(MOVE_AFTER_MS / 1_000 - 2);
    put(slot, HOME);
    pass(2);
    put(slot, EAST);
    pass(MOVE_AFTER_MS / 1_000 - 2);
    expect(asked).toEqual([]);
  });

  it('waits anew when the zone gets another owner', () => {
    const { owners, driver, pass, asked } = setUp();
    owners.set(EAST, { replicaId: B, url: 'ws://b' });
    driver('d1', EAST);
    pass(MOVE_AFTER_MS / 1_000 - 2);
    owners.set(EAST, { replicaId: C, url: 'ws://c' });
    pass(MOVE_AFTER_MS / 1_000 - 2);
    expect(asked).toEqual([]);
    pass(5);
    expect(asked).toMatchObject([{ url: 'ws://c' }]);
  });

  it('does not take a slot’s new driver for the one before', () => {
    const { owners, driver, pass, asked, index } = setUp();
    owners.set(EAST, { replicaId: B, url: 'ws://b' });
    index.remove(driver('d1', EAST));
    pass(MOVE_AFTER_MS / 1_000);
    const slot = driver('d2', EAST);
    pass(2);
    index.remove(slot);
    driver('d3', EAST);
    pass(MOVE_AFTER_MS / 1_000 - 2);
    expect(asked).toEqual([]);
  });

  it('R10: a new replica’s share is asked over minutes, everybody in the end, nobody twice', () => {
    const { owners, driver, pass, asked } = setUp();
    const drivers = 5_000;
    for (let i = 0; i < drivers; i++) driver(`d${i}`, i % 2 === 0 ? EAST : WEST);
    owners.set(EAST, { replicaId: B, url: 'ws://b' });
    pass(AFTER_S + drivers / 2 / MOVES_PER_S + 10);
    expect(new Set(asked.map(({ driverId }) => driverId)).size).toBe(drivers / 2);
    expect(asked).toHaveLength(drivers / 2);
    const perSecond = new Map<number, number>();
    for (const { atMs } of asked) perSecond.set(atMs, (perSecond.get(atMs) ?? 0) + 1);
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(MOVES_PER_S);
  });

  it('over any comings and goings: only the idle, only after the time, each once in five minutes', () => {
    const step = fc.record({
      what: fc.constantFrom('drive', 'status', 'remove', 'owner', 'pass', 'pass', 'pass'),
      who: fc.nat(7),
      zone: fc.constantFrom(HOME, EAST, WEST),
      status: fc.constantFrom<DriverStatus>('available', 'available', 'offered', 'on_trip'),
      owner: fc.constantFrom(null, B, C),
      seconds: fc.integer({ min: 1, max: 120 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { owners, driver, put, pass, asked, index, now } = setUp();
        /** Whose zone each driver was in at the last sweep, and since which sweep. */
        const away = new Map<string, { owner: string | null; sinceMs: number }>();
        const ownerOf = (id: string): string | null => {
          const slot = index.slotOf(id as DriverId);
          return slot < 0 ? null : (owners.get(index.zoneOf(slot)!)?.replicaId ?? null);
        };
        const note = (): void => {
          for (let i = 0; i < 8; i++) {
            const owner = ownerOf(`d${i}`);
            if (away.get(`d${i}`)?.owner !== owner) away.set(`d${i}`, { owner, sinceMs: now() });
          }
        };
        let checked = 0;
        for (const { what, who, zone, status, owner, seconds } of steps) {
          const slot = index.slotOf(`d${who}` as DriverId);
          if (what === 'drive') void (slot < 0 ? driver(`d${who}`, zone, status) : put(slot, zone));
          if (what === 'status' && slot >= 0) index.setStatus(slot, status, now());
          if (what === 'remove' && slot >= 0) index.remove(slot);
          if (what === 'owner') owners.delete(zone);
          if (what === 'owner' && owner !== null)
            owners.set(zone, { replicaId: owner, url: `ws://${owner}` });
          if (what === 'pass') {
            note();
            pass(seconds);
          }
          for (; checked < asked.length; checked++) {
            const { driverId, url, atMs } = asked[checked]!;
            expect(index.statusOf(index.slotOf(driverId))).toBe('available');
            expect(url).toBe(`ws://${ownerOf(driverId)}`);
            expect(atMs - away.get(driverId)!.sinceMs).toBeGreaterThanOrEqual(MOVE_AFTER_MS);
            const earlier = asked.slice(0, checked).filter((one) => one.driverId === driverId);
            for (const one of earlier) expect(atMs - one.atMs).toBeGreaterThanOrEqual(MOVE_AGAIN_MS);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
