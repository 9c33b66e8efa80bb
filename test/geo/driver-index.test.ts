import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellAt, type GridSpec } from '../../src/domain/cell.ts';
import { DRIVER_STATUSES, statusCode } from '../../src/domain/driver-state.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { destination, distanceM, type Place } from '../../src/domain/place.ts';
import { DriverIndex, HERE, NOBODY } from '../../src/geo/driver-index.ts';
import { DriverSearch, type NearestQuery } from '../../src/geo/driver-search.ts';
import { NearestBuffer } from '../../src/geo/nearest-buffer.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';

const GRID: GridSpec = { resolution: 9, zoneResolution: 6 };
const CAB = { vehicleClass: 'economy', seats: 4 } as const;
const SF: Place = { lat: 37.7749, lng: -122.4194 };
const driver = (n: number) => `d${n}` as DriverId;

/** The same questions answered by looking at everybody. */
class Reference {
  readonly places = new Map<DriverId, Place>();

  nearest(index: DriverIndex, query: NearestQuery): { driverId: DriverId; distanceM: number }[] {
    return [...this.places]
      .map(([driverId, place]) => ({
        driverId,
        slot: index.slotOf(driverId),
        distanceM: distanceM(query, place),
      }))
      .filter((it) => it.distanceM <= query.radiusM && query.accept(it.slot))
      .sort((a, b) => a.distanceM - b.distanceM || a.slot - b.slot)
      .slice(0, query.max)
      .map(({ driverId, distanceM }) => ({ driverId, distanceM }));
  }
}

function answers(index: DriverIndex, out: NearestBuffer) {
  return Array.from({ length: out.count }, (_, i) => ({
    driverId: index.driverOf(out.slots[i]!),
    distanceM: out.distancesM[i],
  }));
}

/** Random moves of `drivers` drivers around `centre` and searches checked against the reference. */
function churn(prng: Prng, centre: Place, options: { drivers: number; spreadM: number; grid?: GridSpec }) {
  const index = new DriverIndex({ grid: options.grid ?? GRID, driversMax: options.drivers });
  const search = new DriverSearch(index);
  const out = new NearestBuffer(50);
  const reference = new Reference();
  const somewhere = () =>
    destination(
      centre,
      prng.float() * 360,
      options.spreadM * Math.sqrt(prng.float()) * (prng.chance(0.3) ? 0.1 : 1),
    );
  for (let step = 0; step < options.drivers * 4; step++) {
    const driverId = driver(prng.int(options.drivers));
    if (prng.chance(0.15)) {
      if (index.slotOf(driverId) >= 0) index.remove(index.slotOf(driverId));
      reference.places.delete(driverId);
    } else {
      const slot = index.add(driverId, CAB, 'available', step);
      const place =
        prng.chance(0.1) && reference.places.size > 0 ? [...reference.places.values()][0]! : somewhere();
      index.place(slot, place.lat, place.lng);
      reference.places.set(driverId, place);
    }
    if (step % 5 !== 0) continue;
    const parity = prng.int(3);
    const query: NearestQuery = {
      ...somewhere(),
      radiusM: options.spreadM * prng.float() ** 2 * 1.5,
      max: prng.int(50),
      accept: (slot) => parity === 2 || slot % 2 === parity,
    };
    search.nearest(query, out);
    expect(answers(index, out)).toEqual(reference.nearest(index, query));
  }
  for (const [driverId, place] of reference.places) {
    expect(index.cellOf(index.slotOf(driverId))).toBe(cellAt(place.lat, place.lng, index.grid.resolution));
  }
  expect(index.count).toBe(reference.places.size);
}

describe('driver index against looking at everybody', () => {
  const places: [string, Place][] = [
    ['a city', SF],
    ['the antimeridian', { lat: -17.8, lng: 179.9999 }],
    ['the north pole', { lat: 89.99, lng: 10 }],
    ['the south pole', { lat: -90, lng: 0 }],
    ['a pentagon', { lat: 64.7, lng: 10.536 }],
    ['the equator and Greenwich', { lat: 0, lng: 0 }],
  ];
  for (const [name, centre] of places) {
    it(`finds the same, in the same order, at ${name}`, () => {
      for (const [seed, spreadM] of [500, 5_000, 60_000].entries()) {
        churn(createPrng(seed + 1), centre, { drivers: 150, spreadM });
      }
    });
  }

  it('finds the same over the whole earth, where cells are sparse', () => {
    churn(createPrng(5), SF, { drivers: 300, spreadM: 2e7 });
  });

  it('finds the same at the seams of the faces, fine and coarse', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: -89, max: 89, noNaN: true }),
        fc.double({ min: -180, max: 180, noNaN: true }),
        fc.constantFrom(5, 8, 10),
        (seed, lat, lng, resolution) => {
          churn(
            createPrng(seed),
            { lat, lng },
            { drivers: 40, spreadM: 3_000, grid: { resolution, zoneResolution: 4 } },
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  it('knows the exact cell of a driver who crawls along and across the rims of cells', () => {
    for (const [name, start] of places) {
      const prng = createPrng(11);
      const index = new DriverIndex({ grid: GRID, driversMax: 1 });
      const slot = index.add(driver(1), CAB, 'available', 0);
      let at = start;
      for (let step = 0; step < 3_000; step++) {
        at = destination(at, prng.float() * 360, 40);
        index.place(slot, at.lat, at.lng);
        if (index.cellOf(slot) !== cellAt(at.lat, at.lng, 9))
          expect.fail(`wrong cell at ${name}, step ${step}`);
      }
    }
  });

  it('looks at few cells in a dense city', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 5_000 });
    const search = new DriverSearch(index);
    const prng = createPrng(3);
    for (let i = 0; i < 5_000; i++) {
      const at = destination(SF, prng.float() * 360, 4_000 * Math.sqrt(prng.float()));
      index.place(index.add(driver(i), CAB, 'available', 0), at.lat, at.lng);
    }
    const out = new NearestBuffer(20);
    search.nearest({ ...SF, radiusM: 1e6, max: 20, accept: () => true }, out);
    expect(out.count).toBe(20);
    expect(search.cellsVisited).toBeLessThan(40);
    search.nearest({ ...SF, radiusM: 1e6, max: 20, accept: () => false }, out);
    expect(out.count).toBe(0);
    expect(search.cellsVisited).toBeLessThanOrEqual(2 * index.cells.occupiedCount + 2);
  });
});

describe('slots', () => {
  it('R10 refuses and counts drivers beyond driversMax, and takes one again when a place is free', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 2 });
    index.add(driver(1), CAB, 'available', 0);
    const slot = index.add(driver(2), CAB, 'available', 0);
    expect(index.add(driver(3), CAB, 'available', 0)).toBe(-1);
    expect(index.refusedCount).toBe(1);
    index.remove(slot);
    expect(index.add(driver(3), CAB, 'available', 0)).toBe(slot);
  });

  it('are reused under a new generation, so that a stale one is noticed', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 10 });
    const slot = index.add(driver(1), CAB, 'available', 0);
    const generation = index.columns.generation[slot]!;
    expect(index.isCurrent(slot, generation)).toBe(true);
    index.remove(slot);
    expect(index.isLive(slot)).toBe(false);
    expect(index.isCurrent(slot, index.columns.generation[slot]!)).toBe(false);
    expect(index.add(driver(2), CAB, 'available', 0)).toBe(slot);
    expect(index.isCurrent(slot, generation)).toBe(false);
    expect(index.placeOf(slot)).toBeNull();
  });

  it('stay the same while the columns grow', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 10_000 });
    for (let i = 0; i < 10_000; i++) index.place(index.add(driver(i), CAB, 'available', i), 10 + i / 1e4, 20);
    for (let i = 0; i < 10_000; i += 97) {
      const slot = index.slotOf(driver(i));
      expect(index.driverOf(slot)).toBe(driver(i));
      expect(index.placeOf(slot)).toEqual({ lat: 10 + i / 1e4, lng: 20 });
      expect(index.columns.idleSinceMs[slot]).toBe(i);
    }
    expect(index.dirty.count).toBe(10_000);
  });

  it('keep no row for each cell ever passed', () => {
    const index = new DriverIndex({ grid: { resolution: 11, zoneResolution: 6 }, driversMax: 3 });
    const slot = index.add(driver(1), CAB, 'available', 0);
    const still = index.add(driver(2), CAB, 'available', 0);
    index.place(still, 1, 1);
    for (let i = 0; i < 70_000; i++) index.place(slot, -60 + i * 0.0015, 10);
    expect(index.cells.count).toBeLessThanOrEqual(index.cells.rowsMax);
    expect(index.cells.rowsMax).toBeLessThan(70_000);
    const out = new NearestBuffer(5);
    const search = new DriverSearch(index);
    expect(search.nearest({ lat: 1, lng: 1, radiusM: 10, max: 5, accept: () => true }, out)).toBe(1);
    expect(out.slots[0]).toBe(still);
    expect(index.cellOf(still)).toBe(cellAt(1, 1, 11));
  });

  it('refuse what is no place', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 3 });
    const slot = index.add(driver(1), CAB, 'available', 0);
    for (const [lat, lng] of [
      [NaN, 0],
      [91, 0],
      [0, 181],
      [Infinity, 0],
    ] as const) {
      expect(() => index.place(slot, lat, lng)).toThrow();
    }
  });
});

describe('duty', () => {
  it('narrows a search to the statuses asked for', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 100 });
    for (const [n, status] of DRIVER_STATUSES.entries()) {
      index.place(index.add(driver(n), CAB, status, 0), SF.lat, SF.lng + n * 1e-5);
    }
    const search = new DriverSearch(index);
    const out = new NearestBuffer(10);
    const found = (statuses?: number) => {
      const query = { ...SF, radiusM: 1_000, max: 10, accept: () => true };
      search.nearest(statuses === undefined ? query : { ...query, statuses }, out);
      return answers(index, out).map(({ driverId }) => driverId);
    };
    expect(found()).toEqual(DRIVER_STATUSES.map((_, n) => driver(n)));
    for (const [n, status] of DRIVER_STATUSES.entries())
      expect(found(1 << statusCode(status))).toEqual([driver(n)]);
    expect(found((1 << statusCode('available')) | (1 << statusCode('on_trip')))).toEqual([
      driver(1),
      driver(5),
    ]);
    expect(found(0)).toEqual([]);
  });

  it('counts idle time through an offer that came to nothing, not through a trip', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 3 });
    const slot = index.add(driver(1), { vehicleClass: 'xl', seats: 6 }, 'available', 100);
    index.setStatus(slot, 'offered', 200);
    index.setStatus(slot, 'available', 300);
    expect(index.columns.idleSinceMs[slot]).toBe(100);
    index.setStatus(slot, 'to_pickup', 400);
    expect(index.columns.idleSinceMs[slot]).toBeNaN();
    index.setFree(slot, { lat: 1.5, lng: 2.5 });
    index.setStatus(slot, 'on_trip', 500);
    expect(index.columns.freeLat[slot]).toBe(1.5);
    index.setStatus(slot, 'available', 600);
    expect(index.columns.idleSinceMs[slot]).toBe(600);
    expect(index.columns.freeLat[slot]).toBeNaN();
    expect([index.statusOf(slot), index.vehicleClassOf(slot)]).toEqual(['available', 'xl']);
  });

  it('R8 a driver silent for staleMs is not fresh, nor one who was never placed', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 3 });
    const slot = index.add(driver(1), CAB, 'available', 0);
    expect(index.isFresh(slot, 0, 30_000)).toBe(false);
    index.place(slot, 1, 1);
    expect(index.isFresh(slot, 30_000, 30_000)).toBe(true);
    expect(index.isFresh(slot, 30_001, 30_000)).toBe(false);
  });
});

describe('the host of a driver', () => {
  const taken = (index: DriverIndex) => Array.from({ length: index.dirty.count }, () => index.dirty.take());

  it('is here unless said otherwise, and stays when the driver is added again', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 5 });
    const here = index.add(driver(1), CAB, 'available', 0);
    const there = index.add(driver(2), CAB, 'available', 0, 7);
    index.add(driver(2), CAB, 'on_trip', 0);
    expect([index.isHere(here), index.isHere(there)]).toEqual([true, false]);
    index.remove(there);
    expect(index.isHere(index.add(driver(3), CAB, 'available', 0))).toBe(true);
  });

  it('decides who is marked dirty: those who are here, and who comes here at once', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 5 });
    const here = index.add(driver(1), CAB, 'available', 0);
    const there = index.add(driver(2), CAB, 'available', 0, 7);
    index.place(there, SF.lat, SF.lng);
    index.setStatus(there, 'on_trip', 0);
    index.setFree(there, SF);
    index.touch(there);
    expect(taken(index)).toEqual([here]);
    index.setHost(there, HERE);
    expect(taken(index)).toEqual([there]);
    index.setHost(there, HERE);
    index.setHost(here, NOBODY);
    expect(taken(index)).toEqual([]);
    index.setFree(there, null);
    expect(taken(index)).toEqual([there]);
  });

  it('has no part in when the status was last set here', () => {
    const index = new DriverIndex({ grid: GRID, driversMax: 5 });
    const slot = index.add(driver(1), CAB, 'available', 5, 7);
    expect(index.columns.statusMs[slot]).toBe(5);
    index.setHost(slot, NOBODY);
    index.setStatus(slot, 'offline', 9);
    expect(index.columns.statusMs[slot]).toBe(9);
  });
});
