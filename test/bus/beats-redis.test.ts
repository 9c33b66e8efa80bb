import { Redis } from 'ioredis';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { createRedisBeats } from '../../src/bus/beats-redis.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { Cable } from '../integration/cable.ts';
import { freshRedis } from '../stores.ts';
import { idOf, testBeats } from './beats-suite.ts';

const { url } = await freshRedis();
const redis = new Redis(url);
afterAll(() => redis.quit());

const IDLE = { url: null, newsSeq: 0, openRequests: 0, canStore: true };
const KEYS = createRedisKeys('beats-test');
const LEASE_MS = 60_000;

/** By Redis' own clock. */
async function nowMs(): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

function connect(id: string, on = redis, clock = createWallClock()) {
  return createRedisBeats({ redis: on, keys: KEYS, replicaId: idOf(id), leaseMs: LEASE_MS, clock });
}

testBeats('Redis', async () => {
  await redis.flushall();
  return {
    connect: (replicaId) =>
      createRedisBeats({ redis, keys: KEYS, replicaId, leaseMs: LEASE_MS, clock: createWallClock() }),
    empty: async () => {
      await redis.flushall();
    },
    async lease(meanwhile) {
      // As if all beats had been a lease ago: the store's clock is not the test's to move.
      const { roll } = KEYS.beats();
      for (const id of await redis.zrange(roll, '0', '-1')) await redis.zincrby(roll, -LEASE_MS - 1, id);
      await meanwhile();
    },
  };
});

describe('beats in Redis', () => {
  it('give defaults for what another version or a stranger wrote', async () => {
    await redis.flushall();
    const { infos } = KEYS.beats();
    for (const id of ['b', 'c', 'd', 'e', 'f']) await connect(id).beat({ ...IDLE, newsSeq: 7 }, 0);
    await redis.hset(infos, {
      [idOf('b')]: '{"url":7,"newsSeq":-1,"openRequests":"x","new":[]}',
      [idOf('c')]: 'not json',
      [idOf('d')]: 'null',
      [idOf('e')]: '{"url":"wss://e","newsSeq":1.5,"openRequests":3}',
    });
    await redis.hdel(infos, idOf('f'));
    const { members } = await connect('a').beat(IDLE, 0);
    expect(members.map(({ info }) => info)).toEqual([
      ...[IDLE, IDLE, IDLE, IDLE],
      { url: 'wss://e', newsSeq: 0, openRequests: 3, canStore: true },
      IDLE,
    ]);
  });

  it('R10 forget who has been gone for long', async () => {
    await redis.flushall();
    const { roll, infos } = KEYS.beats();
    for (const id of ['b', 'c']) await connect(id).beat(IDLE, 0);
    await redis.zincrby(roll, -19 * LEASE_MS, idOf('b'));
    await redis.zincrby(roll, -21 * LEASE_MS, idOf('c'));
    await connect('a').beat(IDLE, 0);
    expect(await redis.zrange(roll, '0', '-1')).toEqual([idOf('b'), idOf('a')]);
    expect((await redis.hkeys(infos)).sort()).toEqual([idOf('a'), idOf('b')]);
  });

  it('let nobody live longer because the clock of Redis was set back', async () => {
    await redis.flushall();
    const { roll } = KEYS.beats();
    await connect('b').beat(IDLE, 0);
    await redis.zincrby(roll, 3_600_000, idOf('b'));
    const { members } = await connect('a').beat(IDLE, 0);
    expect(members.map(({ ageMs }) => ageMs)).toEqual([0, 0]);
    expect(Number(await redis.zscore(roll, idOf('b')))).toBeLessThanOrEqual(await nowMs());
  });

  it('R12 leave keys that all expire', async () => {
    await redis.flushall();
    await connect('a').beat(IDLE, 0);
    expect((await redis.keys('*')).sort()).toEqual(Object.values(KEYS.beats()).sort());
    for (const key of await redis.keys('*')) expect(await redis.pttl(key)).toBeGreaterThan(3_500_000);
  });

  it('reject at once without a connection, are not made up for, and come back', async () => {
    await redis.flushall();
    const cable = await Cable.lay(url);
    const cabled = new Redis(cable.url, { retryStrategy: () => 20 });
    cabled.on('error', () => undefined);
    const beats = connect('a', cabled);
    await vi.waitFor(() => beats.beat(IDLE, 0));
    await cable.cut();
    await vi.waitFor(() => expect(cabled.status).not.toBe('ready'));
    await redis.flushall();
    await expect(beats.beat(IDLE, 1)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(beats.leave()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await cable.mend();
    await vi.waitFor(() => expect(cabled.status).toBe('ready'));
    expect((await connect('b').beat(IDLE, 0)).members).toHaveLength(1);
    expect(await beats.beat(IDLE, 1)).toMatchObject({ epoch: 2, members: [{}, {}] });
    cabled.disconnect();
    await cable.cut();
  });

  it('reject after a second without an answer, and one at a time waits for it', async () => {
    await redis.flushall();
    const [clock, stuck] = [new VirtualClock(0), new Redis(url)];
    const beats = connect('a', stuck, clock);
    await vi.waitFor(() => expect(stuck.status).toBe('ready'));
    // Redis answers a connection in order: this one is kept busy by a wait.
    const busy = stuck.blpop('beats-test:busy', 30);
    const beat = beats.beat(IDLE, 0);
    await expect(beats.beat(IDLE, 0)).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    const leave = beats.leave();
    clock.fireNext(1_000);
    await expect(beat).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    clock.fireNext(1_000);
    await expect(leave).rejects.toMatchObject({ code: 'ETIMEDOUT' });
    await redis.lpush('beats-test:busy', 'go on');
    await busy;
    await vi.waitFor(async () => expect((await beats.beat(IDLE, 0)).members).toHaveLength(1));
    expect(clock.fireNext(10_000)).toBe(false);
    stuck.disconnect();
  });

  it('carry Redis’ own complaint as the cause', async () => {
    await redis.flushall();
    await redis.set(KEYS.beats().roll, 'not a sorted set');
    await expect(connect('a').beat(IDLE, 0)).rejects.toMatchObject({
      code: 'ECONNRESET',
      cause: { message: expect.stringContaining('WRONGTYPE') as string },
    });
    await redis.flushall();
  });
});
