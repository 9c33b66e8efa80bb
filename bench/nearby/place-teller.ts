import { Redis } from 'ioredis';
import { createRedisBus } from '../../src/bus/bus-redis.ts';
import { joinPlaces, type PlacesSection } from '../../src/cluster/places-frame.ts';
import { placesTopic } from '../../src/cluster/topics.ts';
import { DEFAULT_GRID, type Zone } from '../../src/domain/cell.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';
import type { Place } from '../../src/domain/place.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { encodePlaces } from '../../src/geo/place-frame.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { until } from '../../src/private-processes.ts';
import { driverIdOf } from './town.ts';

const TELLER = 'bench-teller' as ReplicaId;
/** A message of some 300 KB; some messages are under way at once: far below what Redis lets a slow subscriber owe (8 MB). */
const ROWS_A_MESSAGE = 5_000;
const MESSAGES_UNDER_WAY = 10;
const TAKEN_MS_MAX = 60_000;

/**
 * Gives a server drivers without a socket for each: as another replica tells it of its own, by frames of places over the bus, which the
 * server reads, checks and takes into its index. Resolves once it has counted every one of them.
 */
export async function tellPlaces(
  server: { url: string; redisUrl: string },
  places: readonly Place[],
  clock: Clock,
): Promise<void> {
  const redis = new Redis(server.redisUrl);
  const keys = createRedisKeys();
  const subscriber = new Redis(server.redisUrl, { autoResubscribe: false });
  const bus = createRedisBus({ commands: redis, subscriber, isSharded: false, keys, clock, log: SILENT_LOG });
  try {
    await redis.ping();
    const [replicaId, ...others] = (await redis.zrange(keys.beats().roll, '0', '-1')) as ReplicaId[];
    if (replicaId === undefined || others.length > 0) throw new Error('not one server on the roll');
    const index = fill(places, clock.nowMs());
    const sections = sectionsOf(index, clock.nowMs());
    const takenBefore = await rowsTaken(server.url);
    let told = 0;
    for (let at = 0; at < sections.length; at += MESSAGES_UNDER_WAY) {
      for (const { section, rows } of sections.slice(at, at + MESSAGES_UNDER_WAY)) {
        bus.publish(placesTopic(replicaId), joinPlaces(TELLER, [section]));
        told += rows;
      }
      const wanted = takenBefore + told;
      await until({ clock, what: 'drivers taken in', timeoutMs: TAKEN_MS_MAX, everyMs: 5 }, async () =>
        (await rowsTaken(server.url)) >= wanted ? true : null,
      );
    }
    if (bus.counts.lost > 0) throw new Error(`${bus.counts.lost} messages were lost`);
  } finally {
    bus.close();
    redis.disconnect();
    subscriber.disconnect();
  }
}

/** An index that holds the drivers, all free. */
export function fill(places: readonly Place[], nowMs: number): DriverIndex {
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: places.length });
  places.forEach(({ lat, lng }, n) => {
    const slot = index.add(driverIdOf(n), { vehicleClass: 'economy', seats: 4 }, 'available', nowMs);
    index.columns.atMs[slot] = nowMs;
    index.columns.receivedMs[slot] = nowMs;
    index.columns.headingDeg[slot] = n % 360;
    index.columns.speedMps[slot] = 8;
    index.place(slot, lat, lng);
  });
  return index;
}

function sectionsOf(index: DriverIndex, nowMs: number): { section: PlacesSection; rows: number }[] {
  const zones = new Map<Zone, number[]>();
  for (let slot = 0; slot < index.slotsEnd; slot++) {
    const zone = index.zoneOf(slot)!;
    const slots = zones.get(zone);
    if (slots === undefined) zones.set(zone, [slot]);
    else slots.push(slot);
  }
  return [...zones].flatMap(([zone, all]) =>
    Array.from({ length: Math.ceil(all.length / ROWS_A_MESSAGE) }, (_, n) => {
      const slots = all.slice(n * ROWS_A_MESSAGE, (n + 1) * ROWS_A_MESSAGE);
      return {
        section: { zone, frame: encodePlaces(index, { removals: [], slots }, nowMs) },
        rows: slots.length,
      };
    }),
  );
}

async function rowsTaken(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/remote_rows_total\{event="rows"\} (\d+)/.exec(text)?.[1] ?? 0);
}
