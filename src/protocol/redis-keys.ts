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
  /** Begins the names of a rule's counts; behind it and a colon stands who is counted. Strings; each expires with its window. */
  rate(rule: string): string;
  /** Who is alive: three keys in one slot, see BeatKeys. */
  beats(): BeatKeys;
  /** Pub/sub channel of a topic of the bus; a hash tag each, so that sharded pub/sub spreads them over a cluster. */
  channel(topic: string): string;
}

/** All three expire BEATS_TTL_MS after the last beat of any replica. */
export interface BeatKeys {
  /** Sorted set: member replicaId, score the moment of its last beat, Unix milliseconds of Redis' clock. */
  readonly roll: string;
  /** Hash: field replicaId, value the JSON of its BeatInfo. Has the members of `roll`. */
  readonly infos: string;
  /** Hash: `epoch`, an integer, and `alive`, the ids that it stands for. */
  readonly epoch: string;
}

/** A zone nobody writes any more is forgotten after this. */
export const ZONE_TTL_MS = 10 * 60_000;
/** After an hour without any replica the next one begins anew, at epoch 1. */
export const BEATS_TTL_MS = 60 * 60_000;

/** `prefix`: one per deployment sharing a Redis, and one per test; 1 to 32 characters, no braces. */
export function createRedisKeys(prefix = 'hd'): RedisKeys {
  return {
    zoneGeo: (zone) => `${prefix}:{${cellName(zone)}}:geo`,
    zoneDrivers: (zone) => `${prefix}:{${cellName(zone)}}:drivers`,
    claim: (driverId) => `${prefix}:claim:{${driverId}}`,
    rate: (rule) => `${prefix}:rate:${rule}`,
    beats: () => ({
      roll: `${prefix}:{beats}:roll`,
      infos: `${prefix}:{beats}:infos`,
      epoch: `${prefix}:{beats}:epoch`,
    }),
    channel: (topic) => `${prefix}:{${topic}}`,
  };
}
