import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createColumns, type DriverColumns, growColumns } from '../../src/geo/driver-columns.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';

const names = Object.keys(createColumns(1)) as (keyof DriverColumns)[];
/** Fits the narrowest column, and is another for each field of a row and for neighbouring rows. */
const mark = (column: number, slot: number): number => (column * 31 + slot * 7) % 251;

function fill(columns: DriverColumns, from: number, to: number): void {
  names.forEach((name, column) => {
    for (let slot = from; slot < to; slot++) columns[name][slot] = mark(column, slot);
  });
}

describe('the columns of the driver index', () => {
  it('keep every field of every row to themselves, through any growth', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 70 }),
      fc.array(fc.integer({ min: 1, max: 70 }), { maxLength: 4 }),
    );
    fc.assert(
      fc.property(sizes, ([first, growths]) => {
        const columns = createColumns(first);
        let capacity = first;
        fill(columns, 0, capacity);
        for (const more of growths) {
          growColumns(columns, capacity + more);
          fill(columns, capacity, capacity + more);
          capacity += more;
        }
        names.forEach((name, column) => {
          expect(columns[name]).toHaveLength(capacity);
          expect([...columns[name]]).toEqual(
            Array.from({ length: capacity }, (_, slot) => mark(column, slot)),
          );
        });
      }),
    );
  });

  it('grow with the index, whose drivers stay where they were', () => {
    const drivers = 13_000;
    const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 20_000 });
    const before = index.columns.lat.length;
    for (let i = 0; i < drivers; i++) {
      const slot = index.add(
        `driver-${i}` as DriverId,
        { vehicleClass: 'economy', seats: (i % 6) + 1 },
        'available',
        i,
      );
      index.place(slot, 37 + i / 1e5, -122);
    }
    expect(index.columns.lat.length).toBeGreaterThan(before);
    for (let i = 0; i < drivers; i += 97) {
      const slot = index.slotOf(`driver-${i}` as DriverId);
      expect(index.placeOf(slot)).toEqual({ lat: 37 + i / 1e5, lng: -122 });
      expect([index.columns.seats[slot], index.columns.statusMs[slot]]).toEqual([(i % 6) + 1, i]);
    }
  });
});
