import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import type { DriverId, TripId } from '../../src/domain/ids.ts';
import type { Claims } from '../../src/geo/claims.ts';
import { createMemoryClaims } from '../../src/geo/claims-memory.ts';
import { createRedisClaims } from '../../src/geo/claims-redis.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { freshRedis } from '../stores.ts';

const { url } = await freshRedis();
const redis = new Redis(url);
afterAll(() => redis.quit());

let drivers = 0;
const newDriver = () => `driver-${++drivers}` as DriverId;
const [T1, T2] = ['trip-1' as TripId, 'trip-2' as TripId];
const LONG = 60_000;

const implementations: [string, () => Claims][] = [
  ['memory', () => createMemoryClaims(createWallClock())],
  ['redis', () => createRedisClaims({ redis, keys: createRedisKeys('claims-test') })],
];

describe.each(implementations)('claims in %s', (_name, create) => {
  const claims = create();
  const claim = async (driverId: DriverId, tripId: TripId, ttlMs = LONG) =>
    (await claims.claim([{ driverId, tripId, ttlMs }]))[0];

  it('R7 give a driver to one trip only, and to that one again', async () => {
    const driverId = newDriver();
    expect(await claim(driverId, T1)).toBe(true);
    expect(await claim(driverId, T2)).toBe(false);
    expect(await claim(driverId, T1)).toBe(true);
  });

  it('are decided driver by driver, in order', async () => {
    const [a, b] = [newDriver(), newDriver()];
    expect(await claim(a, T1)).toBe(true);
    const requests = [
      { driverId: a, tripId: T2, ttlMs: LONG },
      { driverId: b, tripId: T2, ttlMs: LONG },
      { driverId: b, tripId: T1, ttlMs: LONG },
    ];
    expect(await claims.claim(requests)).toEqual([false, true, false]);
    expect(await claims.claim([])).toEqual([]);
  });

  it('have one winner among many at once', async () => {
    const driverId = newDriver();
    const trips = Array.from({ length: 50 }, (_, i) => `trip-${i}` as TripId);
    const won = await Promise.all(trips.map((tripId) => claim(driverId, tripId)));
    expect(won.filter((it) => it)).toHaveLength(1);
  });

  it('are released by their holder only', async () => {
    const driverId = newDriver();
    await claim(driverId, T1);
    await claims.release([{ driverId, tripId: T2 }]);
    expect(await claim(driverId, T2)).toBe(false);
    await claims.release([
      { driverId, tripId: T1 },
      { driverId: newDriver(), tripId: T1 },
    ]);
    expect(await claim(driverId, T2)).toBe(true);
    await claims.release([]);
  });

  it('run out, also behind younger ones', async () => {
    const [a, b] = [newDriver(), newDriver()];
    await claim(b, T1, LONG);
    await claim(a, T1, 30);
    await expect.poll(() => claim(a, T2), { interval: 5 }).toBe(true);
    expect(await claim(b, T2)).toBe(false);
  });

  it('live anew when claimed again by the same trip', async () => {
    const driverId = newDriver();
    await claim(driverId, T1, 30);
    expect(await claim(driverId, T1, LONG)).toBe(true);
    const other = newDriver();
    await claim(other, T1, 40);
    await expect.poll(() => claim(other, T2), { interval: 5 }).toBe(true);
    expect(await claim(driverId, T2)).toBe(false);
  });
});

describe('claims in redis', () => {
  it('R12 are free again after Redis was emptied, and reject when it is out of reach', async () => {
    const lost = new Redis(url, {
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    const claims = createRedisClaims({ redis: lost, keys: createRedisKeys('claims-test') });
    await expect.poll(() => lost.status).toBe('ready');
    const request = { driverId: newDriver(), tripId: T1, ttlMs: LONG };
    expect(await claims.claim([request])).toEqual([true]);
    await redis.flushall();
    await redis.script('FLUSH');
    expect(await claims.claim([{ ...request, tripId: T2 }])).toEqual([true]);
    lost.disconnect();
    await expect.poll(() => lost.status).toBe('end');
    await expect(claims.claim([request])).rejects.toThrow('could not claim drivers');
    await expect(claims.release([request])).rejects.toThrow('could not release drivers');
  });
});
