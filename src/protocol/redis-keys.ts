import { cellName, type Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';

/**
 * Every key name in Redis. All that is in Redis can be made again (R12), so every key expires. Braces are hash tags: keys
 * that change together lie in one slot of a Redis Cluster.
 */
export interface RedisKeys {
  /** Geo set (sorted set of geohashes): member driverId, at lng-lat. Expires ZONE_TTL_MS after the zone's last write. */
  zoneGeo(zone: Zone): string;
  /** Hash: field driverId, value the packed record of driver-record.ts. Expires with `zoneGeo`. */
  zoneDrivers(zone: Zone): string;
  /** String: the tripId that a driver is claimed for; expires with the claim (offer's life and a margin). */
  claim(driverId: DriverId): string;
}

/** A zone nobody writes any more is forgotten after this. */
export const ZONE_TTL_MS = 10 * 60_000;

/** `prefix`: one per deployment sharing a Redis, and one per test; 1 to 32 characters, no braces. */
export function createRedisKeys(prefix = 'hd'): RedisKeys {
  return {
    zoneGeo: (zone) => `${prefix}:{${cellName(zone)}}:geo`,
    zoneDrivers: (zone) => `${prefix}:{${cellName(zone)}}:drivers`,
    claim: (driverId) => `${prefix}:claim:{${driverId}}`,
  };
}
