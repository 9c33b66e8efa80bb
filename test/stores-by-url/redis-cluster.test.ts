import type { Cluster } from 'ioredis';
import { describe, expect, it } from 'vitest';

import { createRedisBeats } from '../../src/bus/beats-redis.ts';
import { zoneAt } from '../../src/domain/cell.ts';
import type { DriverId, TripId } from '../../src/domain/ids.ts';
import { createRedisClaims } from '../../src/geo/claims-redis.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createRedisDriverMirror } from '../../src/geo/driver-mirror-redis.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { createRedisRateLimits } from '../../src/store/rate-limits-redis.ts';
import { RATE_RULES } from '../../src/store/rate-limits.ts';
import { testBeats } from '../bus/beats-suite.ts';
import { busOn, closeLinks, ear, hears, openLink } from './links.ts';
import { Servers, soon, startRedisCluster } from './servers.ts';

const servers = await Servers.open();
closeLinks();
const cluster = await startRedisCluster(servers);
const clock = createWallClock();

const KEYS = createRedisKeys('cluster-test');
const LEASE_MS = 60_000;
const names = Array.from({ length: 40 }, (_, i) => `${i}`);

async function openCluster() {
  const link = openLink(cluster.url);
  expect(await link.untilReady(10_000)).toBe(true);
  const redis = link.commands as Cluster;
  return { link, redis };
}

testBeats('a Redis Cluster', async () => {
  const { redis } = await openCluster();
  const empty = async (): Promise<void> => {
    await Promise.all(redis.nodes('master').map((node) => node.flushall()));
  };
  await empty();
  return {
    connect: (replicaId) => createRedisBeats({ redis, keys: KEYS, replicaId, leaseMs: LEASE_MS, clock }),
    empty,
    async lease(meanwhile) {
      const { roll } = KEYS.beats();
      for (const id of await redis.zrange(roll, '0', '-1')) await redis.zincrby(roll, -LEASE_MS - 1, id);
      await meanwhile();
    },
  };
});

describe('a Redis Cluster', () => {
  it('R10: counts rates of accounts whose slots lie with different masters', async () => {
    const { redis } = await openCluster();
    const errors: unknown[] = [];
    const onError = (error: unknown): void => void errors.push(error);
    const limits = createRedisRateLimits({ redis, keys: KEYS, clock, onError });
    expect(await Promise.all(names.map((name) => limits.take('write:account', name)))).toEqual(
      names.map(() => 0),
    );
    const { max } = RATE_RULES['write:account'];
    const waits = await Promise.all(Array.from({ length: max }, () => limits.take('write:account', '0')));
    expect(waits.filter((waitMs) => waitMs > 0)).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  it('R7: keeps claims of drivers whose slots lie with different masters, in one call', async () => {
    const { redis } = await openCluster();
    const claims = createRedisClaims({ redis, keys: KEYS });
    const forTrip = (trip: string) =>
      names.map((name) => ({
        driverId: `driver-${name}` as DriverId,
        tripId: trip as TripId,
        ttlMs: 60_000,
      }));
    expect(await claims.claim(forTrip('one'))).toEqual(names.map(() => true));
    expect(await claims.claim(forTrip('two'))).toEqual(names.map(() => false));
    await claims.release(forTrip('one').slice(0, 20));
    expect(await claims.claim(forTrip('two'))).toEqual(names.map((_, i) => i < 20));
  });

  it('R12: mirrors the drivers of many zones, and is read zone by zone', async () => {
    const { redis } = await openCluster();
    const grid = { resolution: 9, zoneResolution: 6 };
    const index = new DriverIndex({ grid, driversMax: 100 });
    const errors: Error[] = [];
    const mirror = createRedisDriverMirror({
      redis,
      keys: KEYS,
      index,
      wallClock: clock,
      onError: (error) => errors.push(error),
    });
    const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
    const at = (i: number) => ({ lat: 37 + i / 10, lng: -122 - i / 10 });
    for (const [i, name] of names.entries()) {
      const slot = index.add(
        `driver-${name}` as DriverId,
        { vehicleClass: 'economy', seats: 4 },
        'available',
        0,
      );
      ingest.pings(slot, Float64Array.of(1_000, at(i).lat, at(i).lng, 5, 8, 90), 1, 1_000);
    }
    await mirror.flush(1_000);
    expect(errors).toEqual([]);
    for (const [i, name] of names.entries()) {
      const found = await mirror.readZone(zoneAt(at(i).lat, at(i).lng, grid), 1_000, 30_000);
      expect(found.map(({ driverId }) => driverId)).toContain(`driver-${name}`);
    }
  });

  it('R11: serves all slots and topics again when a master is killed', async () => {
    const { link, redis } = await openCluster();
    expect(link.isSharded).toBe(true);
    for (const name of names) expect(await redis.set(name, 'before')).toBe('OK');
    const bus = busOn(link);
    const topics = names.slice(0, 8).map((name) => `zone:{${name}}`);
    const ears = await Promise.all(topics.map((topic) => ear(bus, topic)));
    const hearAll = (text: string) =>
      Promise.all(topics.map((topic, i) => hears(bus, topic, ears[i]!, text)));
    await hearAll('before');
    await soon('readiness', () => link.isReady());
    cluster.killFirstMaster();
    await soon('unreadiness', () => !link.isReady());
    await soon('all slots again', async () => {
      await Promise.all(names.map((name) => redis.set(name, 'again')));
      return true;
    });
    await hearAll('after');
    await soon('readiness', () => link.isReady());
    expect(await Promise.all(names.map((name) => redis.get(name)))).toEqual(names.map(() => 'again'));
  });
});
