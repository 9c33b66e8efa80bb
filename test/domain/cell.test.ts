import fc from 'fast-check';
import { latLngToCell, cellToParent, gridDisk as h3GridDisk, getPentagons, getResolution } from 'h3-js';
import { describe, expect, it } from 'vitest';
import {
  ancestor,
  cellAt,
  cellCentre,
  cellEdges,
  cellFromName,
  cellName,
  cellReachM,
  gridDisk,
  gridRings,
  neighbours,
  resolutionOf,
  zoneAt,
} from '../../src/domain/cell.ts';
import { distanceM } from '../../src/domain/place.ts';

const lat = fc.double({ min: -90, max: 90, noNaN: true });
const lng = fc.double({ min: -180, max: 180, noNaN: true });
const resolution = fc.integer({ min: 0, max: 15 });

describe('a cell as a number', () => {
  it('is exact and keeps its resolution', () => {
    fc.assert(
      fc.property(lat, lng, resolution, (lat, lng, resolution) => {
        const name = latLngToCell(lat, lng, resolution);
        const cell = cellAt(lat, lng, resolution);
        expect(Number.isSafeInteger(cell)).toBe(true);
        expect(cellName(cell)).toBe(name);
        expect(cellFromName(name)).toBe(cell);
        expect(resolutionOf(cell)).toBe(getResolution(name));
      }),
    );
  });

  it('finds its ancestors by arithmetic as H3 does', () => {
    fc.assert(
      fc.property(lat, lng, resolution, resolution, (lat, lng, a, b) => {
        const cell = cellAt(lat, lng, Math.max(a, b));
        expect(cellName(ancestor(cell, Math.min(a, b)))).toBe(cellToParent(cellName(cell), Math.min(a, b)));
      }),
    );
  });

  it('refuses names that are no cells', () => {
    for (const name of [
      '',
      '8',
      '8928308280ffffff',
      '8928308280ffff0',
      'zz28308280fffff',
      '115283473fffffff',
    ]) {
      expect(cellFromName(name)).toBeNull();
    }
  });

  it('knows its neighbours, five around a pentagon', () => {
    const cell = cellAt(37.7749, -122.4194, 9);
    expect(gridDisk(cell, 2).map(cellName).sort()).toEqual(h3GridDisk(cellName(cell), 2).sort());
    expect(gridRings(cell, 3).map((ring) => ring.length)).toEqual([1, 6, 12, 18]);
    expect(neighbours(cell)).toHaveLength(6);
    expect(neighbours(cellFromName(getPentagons(9)[0]!)!)).toHaveLength(5);
  });

  it('puts a rider and a driver at one place into one zone', () => {
    const grid = { resolution: 9, zoneResolution: 6 };
    fc.assert(
      fc.property(lat, lng, (lat, lng) => {
        expect(zoneAt(lat, lng, grid)).toBe(ancestor(cellAt(lat, lng, 9), 6));
      }),
    );
  });

  it('holds every place within its six edges and none beyond its reach', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(lat, lng, unit, unit, fc.constantFrom(5, 7, 9, 11), (lat, lng, turn, part, resolution) => {
        const cell = cellAt(lat, lng, resolution);
        const centre = cellCentre(cell);
        expect(distanceM({ lat, lng }, centre)).toBeLessThanOrEqual(cellReachM(cell));
        const edges = cellEdges(cell);
        const [north, east] = [Math.sin(turn * 2 * Math.PI), Math.cos(turn * 2 * Math.PI)];
        const steepest = Math.max(
          ...[0, 2, 4, 6, 8, 10].map((at) => edges[at]! * north + edges[at + 1]! * east),
        );
        if (Number.isNaN(steepest)) return;
        const way = part / steepest;
        expect(cellAt(centre.lat + way * north, centre.lng + way * east, resolution)).toBe(cell);
      }),
      { numRuns: 5000 },
    );
  });

  it('knows the edges of all cells but pentagons, bent ones and those at the poles', () => {
    expect(cellEdges(cellAt(37.7749, -122.4194, 9)).every(Number.isFinite)).toBe(true);
    expect(cellEdges(cellAt(-16.5, -180, 9)).every(Number.isFinite)).toBe(true);
    expect(cellEdges(cellAt(89, 10, 9)).every(Number.isNaN)).toBe(true);
    expect(cellEdges(cellFromName(getPentagons(9)[0]!)!).every(Number.isNaN)).toBe(true);
  });
});
