import { gridDisk, type GridSpec, type Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { Bounds } from '../domain/market.ts';
import { ringsToCover, zonesWithin } from '../domain/zone-cover.ts';
import type { Ownership } from './ownership.ts';

/** What is shared out: the zones of all markets, and which of them care for drivers in which zone. Fixed from the start. */
export interface ZoneMap {
  /** Ascending. */
  readonly zones: readonly Zone[];
  /** A market's zone is watched so many rings around. */
  readonly rings: number;
  /** Zones whose drivers a market zone's owner must know, itself included; ascending. */
  around(zone: Zone): readonly Zone[];
  /** Market zones whose owners must know the drivers of this zone: the same relation from the other side. */
  servedFrom(zone: Zone): readonly Zone[];
}

export interface ZoneMapOptions {
  readonly grid: GridSpec;
  /** Of every market. */
  readonly bounds: readonly Bounds[];
  /** The farthest that anybody looks for drivers, metres. */
  readonly searchRadiusMMax: number;
}

const NONE: readonly Zone[] = [];

/** Asks H3 some twenty times a zone, so milliseconds for a city: once, at the start, never when the roll changes. */
export function createZoneMap({ grid, bounds, searchRadiusMMax }: ZoneMapOptions): ZoneMap {
  const zones = [...new Set(bounds.flatMap((one) => zonesWithin(one, grid)))].sort((a, b) => a - b);
  const rings = ringsToCover(zones, searchRadiusMMax);
  const around = new Map(zones.map((zone) => [zone, gridDisk(zone, rings).sort((a, b) => a - b)]));
  const servedFrom = new Map<Zone, Zone[]>();
  for (const [zone, near] of around) {
    for (const other of near) {
      const serving = servedFrom.get(other);
      if (serving === undefined) servedFrom.set(other, [zone]);
      else serving.push(zone);
    }
  }
  return {
    zones,
    rings,
    around: (zone) => around.get(zone) ?? NONE,
    servedFrom: (zone) => servedFrom.get(zone) ?? NONE,
  };
}

/** The zone map as one replica sees it while one set of members lasts. */
export interface Watch {
  /** Of the map's zones, ascending. */
  readonly owned: ReadonlySet<Zone>;
  /** Zones whose drivers this replica must know: its own and the rings around them. */
  readonly watched: ReadonlySet<Zone>;
  /** Who watches a zone, by id; kept once asked. */
  watchersOf(zone: Zone): readonly ReplicaId[];
}

export function createWatch(map: ZoneMap, ownership: Ownership, self: ReplicaId): Watch {
  const owned = new Set(map.zones.filter((zone) => ownership.ownerOf(zone) === self));
  const watched = new Set<Zone>();
  for (const zone of owned) for (const near of map.around(zone)) watched.add(near);
  const watchers = new Map<Zone, readonly ReplicaId[]>();
  const watchersOf = (zone: Zone): readonly ReplicaId[] => {
    const known = watchers.get(zone);
    if (known !== undefined) return known;
    const served = map.servedFrom(zone);
    // Zones of no market's concern are not kept: there is no end of them.
    if (served.length === 0) return [];
    const owners = served.map((one) => ownership.ownerOf(one)).filter((owner) => owner !== null);
    const found = [...new Set(owners)].sort();
    watchers.set(zone, found);
    return found;
  };
  return {
    owned,
    watched,
    watchersOf,
  };
}
