import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellCentre, gridDisk, zoneAt } from '../../src/domain/cell.ts';
import { destination, distanceM } from '../../src/domain/place.ts';
import { ringsToCover, zoneReachM, zonesWithin } from '../../src/domain/zone-cover.ts';

const GRID = { resolution: 9, zoneResolution: 6 };
const lat = fc.double({ min: -70, max: 70, noNaN: true });
const lng = fc.double({ min: -178, max: 177, noNaN: true });
const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('the reach of a zone', () => {
  it('holds every place of it, its rim included', () => {
    fc.assert(
      fc.property(lat, lng, fc.constantFrom(5, 6, 7), (lat, lng, zoneResolution) => {
        const zone = zoneAt(lat, lng, { resolution: 9, zoneResolution });
        expect(distanceM({ lat, lng }, cellCentre(zone))).toBeLessThanOrEqual(zoneReachM(zone));
      }),
      { numRuns: 3_000 },
    );
  });
});

describe('the zones of a market', () => {
  const box = fc
    .record({ south: lat, west: lng, high: fc.double({ min: 0, max: 0.5, noNaN: true }), wide: unit })
    .map(({ south, west, high, wide }) => ({ south, west, north: south + high, east: west + wide * 0.5 }));

  it('hold the zone of every place within its bounds', () => {
    fc.assert(
      fc.property(box, fc.array(fc.tuple(unit, unit), { minLength: 20, maxLength: 20 }), (bounds, places) => {
        const zones = new Set(zonesWithin(bounds, GRID));
        const corners: [number, number][] = [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ];
        for (const [up, right] of [...places, ...corners]) {
          const placeLat = bounds.south + (bounds.north - bounds.south) * up;
          const placeLng = bounds.west + (bounds.east - bounds.west) * right;
          expect(zones.has(zoneAt(placeLat, placeLng, GRID))).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('are not many more than those, each once, ascending', () => {
    const bounds = { south: 37.6, west: -122.55, north: 37.85, east: -122.3 };
    const zones = zonesWithin(bounds, GRID);
    expect(zones).toEqual([...new Set(zones)].sort((a, b) => a - b));
    // 22 × 28 km: 17 zones by area, the rest touches the rim.
    expect(zones.length).toBeGreaterThan(17);
    expect(zones.length).toBeLessThan(50);
  });

  it('are refused when the bounds are a continent', () => {
    expect(() => zonesWithin({ south: 30, west: -120, north: 48, east: -75 }, GRID)).toThrow(/coarser/);
  });
});

describe('the rings around a zone', () => {
  it('hold everything within the radius of any of its places (R7: nobody near an edge is overlooked)', () => {
    fc.assert(
      fc.property(
        lat,
        lng,
        fc.integer({ min: 100, max: 15_000 }),
        fc.array(fc.tuple(unit, unit), { minLength: 20, maxLength: 20 }),
        (lat, lng, radiusM, ways) => {
          const zone = zoneAt(lat, lng, GRID);
          const held = new Set(gridDisk(zone, ringsToCover([zone], radiusM)));
          for (const [turn, part] of ways) {
            const near = destination({ lat, lng }, turn * 360, radiusM * (1 - part * part * 0.3));
            expect(held.has(zoneAt(near.lat, near.lng, GRID))).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are two or three for 8 km and zones of 36 km²', () => {
    for (const [lat, lng] of [
      [37.77, -122.42],
      [40.75, -73.98],
      [1.35, 103.8],
      [59.9, 10.7],
    ] as const) {
      const rings = ringsToCover([zoneAt(lat, lng, GRID)], 8_000);
      expect(rings).toBeGreaterThanOrEqual(2);
      expect(rings).toBeLessThanOrEqual(3);
    }
  });
});
