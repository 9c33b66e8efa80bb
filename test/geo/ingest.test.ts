import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DriverId } from '../../src/domain/ids.ts';
import { destination, type Place } from '../../src/domain/place.ts';
import { DriverIndex, NOBODY } from '../../src/geo/driver-index.ts';
import { createIngest, type Ingest } from '../../src/geo/ingest.ts';
import {
  DEFAULT_PING_LIMITS as LIMITS,
  judgeFix,
  type FixVerdict,
  type SeenFix,
} from '../../src/geo/ping-filter.ts';
import { FIX_WIDTH, writeFixRows } from '../../src/protocol/fix-rows.ts';
import { PINGS_MAX, type Fix } from '../../src/protocol/messages.ts';

const CAB = { vehicleClass: 'economy', seats: 4 } as const;
const D1 = 'd1' as DriverId;
const HOME: Place = { lat: 48.2, lng: 16.37 };
const NOW = 1_700_000_000_000;

/** The ingest, fed with fixes as the apps write them. */
function withFixes(ingest: Ingest) {
  const rows = new Float64Array(PINGS_MAX * FIX_WIDTH);
  const batch = (slot: number, fixes: readonly Fix[], nowMs: number) => {
    const { newest, moved, usable, usableCount } = ingest.pings(slot, rows, writeFixRows(rows, fixes), nowMs);
    return { newest, moved, usable: [...usable.subarray(0, usableCount)].map((row) => fixes[row]!) };
  };
  const ping = (slot: number, fix: Fix, nowMs: number) => batch(slot, [fix], nowMs).newest;
  return { ...ingest, counts: ingest.counts, sweepSilent: ingest.sweepSilent.bind(ingest), batch, ping };
}

function setUp(driversMax = 10) {
  const index = new DriverIndex({ grid: { resolution: 9, zoneResolution: 6 }, driversMax });
  const ingest = withFixes(createIngest({ index, limits: LIMITS }));
  return { index, ingest, slot: index.add(D1, CAB, 'available', NOW) };
}

const fixAt = (atMs: number, place: Place, accuracyM: number | null = 8): Fix => [
  atMs,
  place.lat,
  place.lng,
  accuracyM,
  9,
  180,
];

/** Everything the index knows of a slot, with its H3 cell for the row of the cell table. */
const rowOf = (index: DriverIndex, slot: number) => {
  const columns = Object.entries(index.columns).filter(([name]) => !['next', 'prev', 'cell'].includes(name));
  return {
    ...Object.fromEntries(columns.map(([name, column]) => [name, column[slot]])),
    cell: index.cellOf(slot),
  };
};

/** Any mixture of good, late, early, wild and nonsensical fixes around HOME, within some minutes of NOW. */
const anyFix: fc.Arbitrary<Fix> = fc
  .record({
    // In steps, so that equal times are common.
    atMs: fc.integer({ min: -90, max: 15 }).map((s) => NOW + s * 1_000),
    bearing: fc.integer({ min: 0, max: 359 }),
    metres: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(0, 5_000, 2_000_000)),
    accuracyM: fc.constantFrom(null, 5, 149, 151, 1e6),
    nonsense: fc.integer({ min: 0, max: 30 }),
  })
  .map(({ atMs, bearing, metres, accuracyM, nonsense }) =>
    fixAt(atMs, nonsense === 0 ? { lat: 91, lng: 0 } : destination(HOME, bearing, metres), accuracyM),
  );

describe('one fix', () => {
  const judge = (last: SeenFix | null, [atMs, lat, lng, accuracyM]: Fix) =>
    judgeFix(last, null, { atMs, lat, lng, accuracyM: accuracyM ?? NaN }, NOW, LIMITS);
  const last = { ...HOME, atMs: NOW - 10_000 };
  const km2 = destination(HOME, 90, 2_000);
  const cases: [FixVerdict, Fix][] = [
    ['ok', fixAt(NOW, HOME)],
    ['ok', fixAt(NOW, destination(HOME, 10, 690))],
    ['ok', fixAt(NOW, HOME, null)],
    ['ok', fixAt(NOW + LIMITS.futureMsMax, HOME)],
    ['ok', fixAt(NOW - 9_999, destination(HOME, 10, 99))],
    ['future', fixAt(NOW + LIMITS.futureMsMax + 1, HOME)],
    ['older', fixAt(NOW - 10_000, HOME)],
    ['older', fixAt(NOW - 70_000, HOME)],
    ['inaccurate', fixAt(NOW, HOME, LIMITS.accuracyMMax + 1)],
    ['impossible_speed', fixAt(NOW, km2)],
    ['out_of_range', fixAt(NOW, { lat: 90.1, lng: 0 })],
    ['out_of_range', fixAt(NOW, { lat: 0, lng: -180.1 })],
    ['out_of_range', fixAt(NOW, { lat: NaN, lng: 0 })],
    ['out_of_range', fixAt(NaN, HOME)],
    ['out_of_range', fixAt(Infinity, HOME)],
  ];
  it.each(cases)('is judged %s', (verdict, fix) => {
    expect(judge(last, fix)).toBe(verdict);
  });

  it('may come from anywhere when it is the first, but not be too old', () => {
    expect(judge(null, fixAt(NOW, km2))).toBe('ok');
    expect(judge(null, fixAt(NOW - LIMITS.pingAgeMsMax - 1, km2))).toBe('too_old');
  });

  it('is not thought impossible across the antimeridian', () => {
    const west = { lat: 0, lng: 179.9999, atMs: NOW - 1_000 };
    expect(judge(west, fixAt(NOW, { lat: 0, lng: -179.9999 }))).toBe('ok');
  });
});

describe('ingest', () => {
  it('R8 a ping that is not ok changes nothing, whatever came before', () => {
    fc.assert(
      fc.property(fc.array(anyFix, { maxLength: 40 }), (fixes) => {
        const { index, ingest, slot } = setUp();
        let newestMs = -Infinity;
        for (const fix of fixes) {
          while (index.dirty.take() >= 0);
          const before = rowOf(index, slot);
          const outcome = ingest.ping(slot, fix, NOW);
          if (outcome !== 'ok') {
            expect(rowOf(index, slot)).toEqual(before);
            expect(index.dirty.count).toBe(0);
          } else {
            expect(fix[0]).toBeGreaterThan(newestMs);
            newestMs = fix[0];
            expect(index.placeOf(slot)).toEqual({ lat: fix[1], lng: fix[2] });
          }
        }
        expect(Object.values(ingest.counts).reduce((a, b) => a + b)).toBe(fixes.length);
      }),
    );
  });

  it('R8 in any order of arrival the newest fix stays', () => {
    const times = fc.uniqueArray(fc.integer({ min: 0, max: 50_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(times, fc.infiniteStream(fc.integer({ min: 0, max: 49 })), (agesMs, offsets) => {
        const { index, ingest, slot } = setUp();
        const fixes = agesMs.map((ageMs) =>
          fixAt(NOW - ageMs, destination(HOME, 0, offsets.next().value as number)),
        );
        for (const fix of fixes) ingest.ping(slot, fix, NOW);
        const newest = fixes.reduce((a, b) => (b[0] > a[0] ? b : a));
        expect(index.columns.atMs[slot]).toBe(newest[0]);
        expect(index.placeOf(slot)).toEqual({ lat: newest[1], lng: newest[2] });
      }),
    );
  });

  it('a batch in any order is the same as single pings, oldest first', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(anyFix, { minLength: 1, maxLength: 15 }), { maxLength: 4 }),
        (batches) => {
          const single = setUp();
          const batched = setUp();
          for (const batch of batches) {
            const sorted = [...batch].sort((a, b) => a[0] - b[0]);
            const outcomes = sorted.map((fix) => single.ingest.ping(single.slot, fix, NOW));
            const result = batched.ingest.batch(batched.slot, batch, NOW);
            expect(result.newest).toBe(outcomes.at(-1));
            expect(result.usable).toEqual(sorted.filter((_, i) => ['ok', 'too_old'].includes(outcomes[i]!)));
          }
          expect(batched.ingest.counts).toEqual(single.ingest.counts);
          expect(rowOf(batched.index, batched.slot)).toEqual(rowOf(single.index, single.slot));
        },
      ),
    );
  });

  it('gives buffered fixes that are too old to the path without moving the driver', () => {
    const { index, ingest, slot } = setUp();
    const fixes = [NOW - 120_000, NOW - 90_000, NOW - 50_000].map((atMs) => fixAt(atMs, HOME));
    expect(ingest.batch(slot, fixes.slice(0, 2), NOW).usable).toHaveLength(2);
    expect(index.isPlaced(slot)).toBe(false);
    expect(ingest.batch(slot, fixes, NOW)).toEqual({ newest: 'ok', moved: true, usable: fixes });
    expect(ingest.counts).toMatchObject({ ok: 1, too_old: 4 });
  });

  it('comes free of one wrong fix after suspectsMax that fit each other', () => {
    const { index, ingest, slot } = setUp();
    const wrong = destination(HOME, 45, 900_000);
    ingest.ping(slot, fixAt(NOW, wrong), NOW);
    const outcomes = [1, 2, 3, 4].map((s) =>
      ingest.ping(slot, fixAt(NOW + s * 1000, destination(HOME, 0, s * 10)), NOW + s * 1000),
    );
    expect(outcomes).toEqual(['impossible_speed', 'impossible_speed', 'ok', 'ok']);
    expect(index.placeOf(slot)).toEqual(destination(HOME, 0, 40));
  });

  it('is not moved by wild fixes that do not fit each other', () => {
    const { index, ingest, slot } = setUp();
    ingest.ping(slot, fixAt(NOW, HOME), NOW);
    for (let s = 1; s <= 20; s++) {
      const nowMs = NOW + s * 1000;
      expect(ingest.ping(slot, fixAt(nowMs, destination(HOME, (s * 90) % 360, 400_000)), nowMs)).toBe(
        'impossible_speed',
      );
    }
    expect(index.placeOf(slot)).toEqual(HOME);
  });

  it('accepts a far place once time enough has passed to drive there', () => {
    const { ingest, slot } = setUp();
    ingest.ping(slot, fixAt(NOW, HOME), NOW);
    const far = destination(HOME, 90, 7_000);
    expect(ingest.ping(slot, fixAt(NOW + 99_000, far), NOW + 99_000)).toBe('impossible_speed');
    expect(ingest.ping(slot, fixAt(NOW + 101_000, far), NOW + 101_000)).toBe('ok');
  });

  it('counts pings of drivers who are not on duty', () => {
    const { index, ingest, slot } = setUp();
    index.remove(slot);
    expect(ingest.ping(slot, fixAt(NOW, HOME), NOW)).toBe('not_on_duty');
    expect(ingest.ping(index.slotOf(D1), fixAt(NOW, HOME), NOW)).toBe('not_on_duty');
    expect(ingest.batch(-1, [fixAt(NOW, HOME), fixAt(NOW, HOME)], NOW).usable).toEqual([]);
    expect(ingest.counts.not_on_duty).toBe(4);
  });
});

describe('silence', () => {
  it('R8 removes silent drivers of other replicas too, without answering them: they are not ours to send home', () => {
    const { index, ingest } = setUp();
    const hosts = [7, NOBODY];
    hosts.forEach((host, i) => index.add(`r${i}` as DriverId, CAB, 'available', NOW, host));
    expect(index.count).toBe(3);
    expect(ingest.sweepSilent(NOW + 60_000, 60_000)).toEqual([]);
    expect(index.count).toBe(3);
    expect(ingest.sweepSilent(NOW + 60_001, 60_000).map((it) => it.driverId)).toEqual([D1]);
    expect(index.count).toBe(0);
  });

  it('R8 removes those silent for longer than offlineMs, all within one round of bounded sweeps', () => {
    const { index, ingest } = setUp(100);
    for (let i = 2; i <= 100; i++) index.add(`d${i}` as DriverId, CAB, 'available', NOW);
    const heard = new Set<DriverId>();
    for (let slot = 0; slot < 100; slot += 3) {
      ingest.ping(slot, fixAt(NOW + 50_000, HOME), NOW + 50_000);
      heard.add(index.driverOf(slot)!);
    }
    expect(ingest.sweepSilent(NOW + 60_000, 60_000)).toEqual([]);
    const removed = Array.from({ length: 10 }, () => ingest.sweepSilent(NOW + 60_001, 60_000, 10));
    expect(Math.max(...removed.map((some) => some.length))).toBeLessThanOrEqual(10);
    expect(removed.flat()).toHaveLength(100 - heard.size);
    expect(removed.flat()[0]).toMatchObject({ status: 'available', receivedMs: NOW });
    expect(index.count).toBe(heard.size);
    for (const driverId of heard) expect(index.slotOf(driverId)).toBeGreaterThanOrEqual(0);
  });
});
