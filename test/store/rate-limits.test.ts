import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { createWallClock } from '../../src/lib/clock.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { RATE_RULES } from '../../src/store/rate-limits.ts';
import { createRedisRateLimits } from '../../src/store/rate-limits-redis.ts';
import { TRIP_ID } from '../gateway/recording-desk.ts';
import { tokenFor, Town } from '../gateway/town.ts';
import { freshRedis } from '../stores.ts';

const server = await freshRedis();
const clients: Redis[] = [];
afterAll(() => clients.forEach((client) => client.disconnect()));

const connect = (): Redis => {
  const client = new Redis(server.url, { maxRetriesPerRequest: 0, enableOfflineQueue: false });
  client.on('error', () => undefined);
  clients.push(client);
  return client;
};
const ready = (client: Redis): Promise<void> =>
  new Promise((resolve) => client.once('ready', () => resolve()));
const limitsOn = (redis: Redis, errors: unknown[] = []) =>
  createRedisRateLimits({
    ...{ redis, keys: createRedisKeys('rates'), clock: createWallClock() },
    onError: (error) => errors.push(error),
  });
const { max, windowS } = RATE_RULES['sign_in:account'];

describe('rates over all replicas', () => {
  it('R10: two replicas let through what one would, and say when to come again', async () => {
    const redis = [connect(), connect()];
    await Promise.all(redis.map(ready));
    const replicas = redis.map((one) => limitsOn(one));
    const waits = await Promise.all(
      Array.from({ length: 2 * max }, (_, n) => replicas[n % 2]!.take('sign_in:account', 'who')),
    );
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(max);
    for (const waitMs of waits.filter((one) => one > 0)) {
      expect(waitMs).toBeGreaterThan(windowS * 1_000 - 60_000);
      expect(waitMs).toBeLessThanOrEqual(windowS * 1_000);
    }
    expect(await replicas[0]!.take('sign_in:account', 'another')).toBe(0);
    expect(await replicas[0]!.take('sign_in:address', 'who')).toBe(0);
  });

  it('R12: every count in Redis expires', async () => {
    const redis = connect();
    await ready(redis);
    await limitsOn(redis).take('write:account', 'rider:r1');
    const keys = await redis.keys('*');
    expect(keys).toContain('rates:rate:write:account:rider:r1');
    for (const key of keys) expect(await redis.pttl(key)).toBeGreaterThan(0);
  });

  it('R10: without Redis a replica counts for itself, by the same rule', async () => {
    const redis = connect();
    await ready(redis);
    const errors: unknown[] = [];
    const limits = limitsOn(redis, errors);
    redis.disconnect();
    const waits = [];
    for (let n = 0; n < max + 5; n++) waits.push(await limits.take('sign_in:account', 'alone'));
    expect(waits.filter((waitMs) => waitMs === 0)).toHaveLength(max);
    expect(waits.at(-1)).toBeGreaterThan(0);
    expect(errors).toHaveLength(max + 5);
  });

  it('R10: two servers refuse whoever writes too often to both together, and say for how long', async () => {
    const quick = { perS: 10_000, burstMax: 10_000 };
    const towns: Town[] = [];
    for (let n = 0; n < 2; n++) {
      const redis = connect();
      await ready(redis);
      const shared = limitsOn(redis);
      towns.push(await Town.open({}, { account: quick, address: quick }, undefined, null, { shared }));
    }
    try {
      const cancel = async (n: number, subject: string): Promise<Response> =>
        fetch(towns[n % 2]!.url(`/v1/trips/${TRIP_ID}/cancel`), {
          method: 'POST',
          headers: {
            authorization: `Bearer ${await tokenFor('rider', subject)}`,
            ...{ 'content-type': 'application/json', 'idempotency-key': `k${n}` },
          },
          body: '{"reason":"no"}',
        });
      const often = RATE_RULES['write:account'].max + 10;
      const answers = await Promise.all(Array.from({ length: often }, (_, n) => cancel(n, 'often')));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused).toHaveLength(10);
      for (const { headers } of refused) {
        const afterS = Number(headers.get('retry-after'));
        expect(afterS).toBeGreaterThanOrEqual(1);
        expect(afterS).toBeLessThanOrEqual(RATE_RULES['write:account'].windowS);
      }
      expect((await cancel(0, 'another')).status).toBe(200);
    } finally {
      for (const town of towns) await town.close();
    }
  });
});
