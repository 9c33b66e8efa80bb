import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DRIVER_STATUSES } from '../../src/domain/driver-state.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { SEATS_MAX, VEHICLE_CLASSES } from '../../src/domain/vehicle.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { encodePlaces, PlaceFrameReader } from '../../src/geo/place-frame.ts';

const GRID = { resolution: 9, zoneResolution: 6 };
const NOW = 1_750_000_000_000;

const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const driverId = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/).map((text) => text as DriverId);
const row = fc.record({
  driverId,
  lat: number(-90, 90),
  lng: number(-180, 180),
  atMs: fc.option(fc.integer({ min: 0, max: 2 ** 52 }), { nil: NaN }),
  receivedAgeMs: fc.integer({ min: 0, max: 10 ** 9 }),
  idleForMs: fc.option(fc.integer({ min: 0, max: 10 ** 9 }), { nil: NaN }),
  free: fc.option(fc.record({ lat: number(-90, 90), lng: number(-180, 180) })),
  headingDeg: fc.option(fc.integer({ min: 0, max: 36_000 }), { nil: NaN }).map((it) => it / 100),
  speedMps: fc.option(fc.integer({ min: 0, max: 65_000 }), { nil: NaN }).map((it) => it / 100),
  status: fc.constantFrom(...DRIVER_STATUSES),
  vehicleClass: fc.constantFrom(...VEHICLE_CLASSES),
  seats: fc.integer({ min: 1, max: SEATS_MAX }),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;
const contents = fc.record({
  rows: fc.uniqueArray(row, { selector: (it) => it.driverId, maxLength: 5 }),
  removals: fc.array(driverId, { maxLength: 5 }),
});

function encoded({ rows, removals }: { rows: Row[]; removals: DriverId[] }): Uint8Array {
  const index = new DriverIndex({ grid: GRID, driversMax: 10 });
  const { columns } = index;
  const slots = rows.map((it) => {
    const slot = index.add(it.driverId, it, it.status, NOW);
    index.place(slot, it.lat, it.lng);
    columns.atMs[slot] = it.atMs;
    columns.receivedMs[slot] = NOW - it.receivedAgeMs;
    columns.idleSinceMs[slot] = NOW - it.idleForMs;
    index.setFree(slot, it.free);
    columns.headingDeg[slot] = it.headingDeg;
    columns.speedMps[slot] = it.speedMps;
    return slot;
  });
  return encodePlaces(index, { removals, slots }, NOW);
}

function decoded(frame: Uint8Array): { rows: Row[]; removals: DriverId[] } | null {
  const reader = new PlaceFrameReader();
  if (!reader.open(frame)) return null;
  const [rows, removals]: [Row[], DriverId[]] = [[], []];
  while (reader.nextRemoval()) removals.push(reader.driverId());
  while (reader.nextRow()) {
    const { lat, lng, atMs, receivedAgeMs, idleForMs, headingDeg, speedMps, status, seats } = reader;
    const vehicleClass = VEHICLE_CLASSES[reader.vehicleClassCode]!;
    const ages = { atMs, receivedAgeMs, idleForMs, headingDeg, speedMps };
    rows.push({
      driverId: reader.driverId(),
      lat,
      lng,
      ...ages,
      free: reader.free(),
      status,
      vehicleClass,
      seats,
    });
  }
  return { rows, removals };
}

const rounded = ({ rows, removals }: { rows: Row[]; removals: DriverId[] }) => ({
  removals,
  rows: rows.map((it) => ({
    ...it,
    free: it.free && { lat: Math.fround(it.free.lat), lng: Math.fround(it.free.lng) },
  })),
});

describe('a frame of places', () => {
  it('keeps everything, places to the last bit', () => {
    fc.assert(
      fc.property(contents, (it) => {
        expect(decoded(encoded(it))).toEqual(rounded(it));
      }),
    );
  });

  it('is read where it lies in a larger buffer', () => {
    fc.assert(
      fc.property(contents, fc.integer({ min: 0, max: 9 }), (it, offset) => {
        const frame = encoded(it);
        const larger = new Uint8Array(frame.length + 20).fill(0xff);
        larger.set(frame, offset);
        expect(decoded(larger.subarray(offset, offset + frame.length))).toEqual(rounded(it));
      }),
    );
  });

  it('has no age below 0, whatever the clock has done', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 1 });
    const slot = index.add('d' as DriverId, { vehicleClass: 'xl', seats: 6 }, 'available', NOW + 5_000);
    index.place(slot, 1, 1);
    const frame = decoded(encodePlaces(index, { removals: [], slots: [slot] }, NOW))!;
    expect(frame.rows[0]).toMatchObject({ receivedAgeMs: 0, idleForMs: 0 });
  });

  it('is refused whole when it was cut short or has something behind it', () => {
    fc.assert(
      fc.property(contents, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 60 }), (it, cut, more) => {
        const frame = encoded(it);
        expect(decoded(frame.subarray(0, cut % frame.length))).toBeNull();
        expect(decoded(Uint8Array.of(...frame, ...more))).toBeNull();
      }),
    );
  });

  it('is refused, or holds only what an index may hold, whatever bytes come', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 100 });
    const takesIn = (frame: Uint8Array) => {
      for (const it of decoded(frame)?.rows ?? []) {
        expect(it.driverId).toMatch(/^[A-Za-z0-9_.:-]{1,64}$/);
        expect(it.seats).toBeGreaterThanOrEqual(1);
        expect(it.seats).toBeLessThanOrEqual(SEATS_MAX);
        expect(VEHICLE_CLASSES).toContain(it.vehicleClass);
        expect(DRIVER_STATUSES).toContain(it.status);
        const slot = index.add('d' as DriverId, it, it.status, NOW);
        index.place(slot, it.lat, it.lng);
        if (it.free !== null) index.place(slot, it.free.lat, it.free.lng);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), takesIn));
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(contents, damage, (it, places) => {
        const frame = encoded(it);
        for (const [at, byte] of places) frame[at % frame.length] = byte;
        takesIn(frame);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is refused when another version wrote it, or its counts are wild', () => {
    const frame = encoded({ rows: [], removals: ['d' as DriverId] });
    expect(decoded(frame)).toEqual({ rows: [], removals: ['d'] });
    for (const [at, byte] of [
      [0, 2],
      [1, 0],
      [4, 2],
      [7, 255],
      [8, 1],
      [11, 255],
      [12, 0],
      [13, 0x20],
    ] as const) {
      expect(decoded(Uint8Array.from(frame, (it, i) => (i === at ? byte : it)))).toBeNull();
    }
    expect(decoded(new Uint8Array(0))).toBeNull();
  });
});
