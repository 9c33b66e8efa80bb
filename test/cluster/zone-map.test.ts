import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { zoneAt } from '../../src/domain/cell.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import { destination } from '../../src/domain/place.ts';
import { createOwnership } from '../../src/cluster/ownership.ts';
import { createWatch, createZoneMap } from '../../src/cluster/zone-map.ts';

const GRID = { resolution: 9, zoneResolution: 6 };
const BAY = { south: 37.6, west: -122.55, north: 37.85, east: -122.3 };
const RADIUS_M = 8_000;
const map = createZoneMap({ grid: GRID, bounds: [BAY], searchRadiusMMax: RADIUS_M });
const unit = fc.double({ min: 0, max: 1, noNaN: true });
const members = fc
  .uniqueArray(fc.stringMatching(/^[a-z0-9]{8}$/), { minLength: 1, maxLength: 6 })
  .map((ids) => ids as ReplicaId[]);

describe('what a replica watches', () => {
  it('is everything within the search radius of any pickup in its zones', () => {
    fc.assert(
      fc.property(members, unit, unit, unit, unit, (ids, up, right, turn, part) => {
        const lat = BAY.south + (BAY.north - BAY.south) * up;
        const lng = BAY.west + (BAY.east - BAY.west) * right;
        const ownership = createOwnership(ids);
        const owner = ownership.ownerOf(zoneAt(lat, lng, GRID))!;
        const driver = destination({ lat, lng }, turn * 360, part * RADIUS_M);
        const watch = createWatch(map, ownership, owner);
        expect(watch.watched.has(zoneAt(driver.lat, driver.lng, GRID))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('is what the others know it watches', () => {
    fc.assert(
      fc.property(members, (ids) => {
        const ownership = createOwnership(ids);
        const watches = ids.map((id) => createWatch(map, ownership, id));
        const zones = new Set(watches.flatMap(({ watched }) => [...watched]));
        for (const zone of zones) {
          const watching = ids.filter((_, i) => watches[i]!.watched.has(zone)).sort();
          ids.forEach((_, i) => {
            expect(watches[i]!.watchersOf(zone)).toEqual(watching);
          });
        }
      }),
      { numRuns: 30 },
    );
  });

  it('leaves no zone of the market without an owner, and none with two', () => {
    const ids = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'] as ReplicaId[];
    const owned = ids.flatMap((id) => [...createWatch(map, createOwnership(ids), id).owned]);
    expect(owned.sort((a, b) => a - b)).toEqual(map.zones);
  });

  it('is nothing far from every market: places there are published to nobody', () => {
    const ids = ['aaaaaaaa', 'bbbbbbbb'] as ReplicaId[];
    const watch = createWatch(map, createOwnership(ids), ids[0]!);
    const paris = zoneAt(48.85, 2.35, GRID);
    expect(watch.watchersOf(paris)).toEqual([]);
  });
});
