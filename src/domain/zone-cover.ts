import { cellCentre, cellReachM, gridDisk, neighbours, zoneAt, type GridSpec, type Zone } from './cell.ts';
import type { Bounds } from './market.ts';
import { distanceM } from './place.ts';

/** Zones of one service area; more is a mistake in the settings (a country at resolution 6 has some 10,000). */
const ZONES_MAX = 20_000;

/**
 * A zone is what its cells' digits say, so its rim is that of small cells and reaches beyond its outline: at most 1.053 times
 * the outer radius where hexagons are regular (children's centres lie within 1/sqrt 7 of the parent's spacing, and so on
 * down), 1.053 in 200,000 places all over the earth.
 */
const RIM = 1.08;

/** No place of the zone is farther from its centre, metres. */
export function zoneReachM(zone: Zone): number {
  return cellReachM(zone) * RIM;
}

/**
 * Every zone that has a place within the bounds, and a few that only come close; ascending, so the same list everywhere. Bounds
 * may not cross the 180th meridian. Throws for more than ZONES_MAX.
 */
export function zonesWithin(bounds: Bounds, grid: GridSpec): Zone[] {
  const first = zoneAt((bounds.south + bounds.north) / 2, (bounds.west + bounds.east) / 2, grid);
  const found = new Set<Zone>([first]);
  // A Set's iteration goes on over what is added meanwhile: this is a search breadth first.
  for (const zone of found) {
    for (const near of neighbours(zone)) if (!found.has(near) && comesNear(near, bounds)) found.add(near);
    if (found.size > ZONES_MAX) {
      throw new Error(`more than ${ZONES_MAX} zones in one market: choose a coarser zoneResolution`);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** 1 % more than its reach: clamping is a little off where meridians converge. */
function comesNear(zone: Zone, { south, west, north, east }: Bounds): boolean {
  const centre = cellCentre(zone);
  const nearest = {
    lat: Math.min(north, Math.max(south, centre.lat)),
    lng: Math.min(east, Math.max(west, centre.lng)),
  };
  return distanceM(centre, nearest) <= zoneReachM(zone) * 1.01;
}

/**
 * The fewest rings around each of the zones that hold every place within `radiusM` of any place of that zone. Errs on the side
 * of more. Looking at the ring after is enough: whatever lies farther out, the way there leads through that ring.
 */
export function ringsToCover(zones: readonly Zone[], radiusM: number): number {
  const sizes = new Map<Zone, { lat: number; lng: number; reachM: number }>();
  const sizeOf = (zone: Zone) => {
    let size = sizes.get(zone);
    if (size === undefined) sizes.set(zone, (size = { ...cellCentre(zone), reachM: zoneReachM(zone) }));
    return size;
  };
  let rings = 0;
  for (const zone of zones) {
    const from = sizeOf(zone);
    const isFar = (other: Zone): boolean => {
      const to = sizeOf(other);
      return distanceM(from, to) - from.reachM - to.reachM >= radiusM;
    };
    while (!ringAt(zone, rings + 1).every(isFar)) rings++;
  }
  return rings;
}

function ringAt(zone: Zone, steps: number): Zone[] {
  const inside = new Set(gridDisk(zone, steps - 1));
  return gridDisk(zone, steps).filter((other) => !inside.has(other));
}
