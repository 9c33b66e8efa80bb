import { once } from 'node:events';

import { Redis } from 'ioredis';
import { afterAll, describe, expect, it, vi } from 'vitest';

import { createRedisBus } from '../../src/bus/bus-redis.ts';
import { createWallClock, idleLoop } from '../../src/lib/clock.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';
import { Cable } from '../integration/cable.ts';
import { freshRedis } from '../stores.ts';
import { testBus } from './bus-suite.ts';

const { url } = await freshRedis();
const admin = new Redis(url);
afterAll(() => admin.quit());

const keys = createRedisKeys('bus');
const soon = { timeout: 10_000, interval: 5 };

function open(to: string, autoResubscribe = false): Redis {
  const redis = new Redis(to, { autoResubscribe, maxRetriesPerRequest: 1, retryStrategy: () => 20 });
  redis.on('error', () => undefined);
  return redis;
}

async function ready(redis: Redis): Promise<void> {
  if (redis.status !== 'ready') await once(redis, 'ready');
}

async function ended(...connections: Redis[]): Promise<void> {
  await Promise.all(
    connections.map(async (redis) => {
      const end = once(redis, 'end');
      redis.disconnect();
      await end;
    }),
  );
}

/** A bus with two connections of its own, by `cable` where one is given. */
async function connect(options: { isSharded: boolean; to?: string; clock?: VirtualClock }) {
  const { isSharded, to = url } = options;
  const [commands, subscriber] = [open(to), open(to)];
  const clock = options.clock ?? createWallClock();
  const bus = createRedisBus({ commands, subscriber, isSharded, keys, clock, log: SILENT_LOG });
  await Promise.all([ready(commands), ready(subscriber)]);
  const end = async (): Promise<void> => {
    bus.close();
    await ended(commands, subscriber);
  };
  return { bus, commands, subscriber, end };
}

for (const isSharded of [false, true]) {
  testBus(isSharded ? 'Redis, sharded' : 'Redis', () => ({
    async connect() {
      const cable = await Cable.lay(url);
      const { bus, commands, subscriber, end } = await connect({ isSharded, to: cable.url });
      return {
        bus,
        async cut() {
          const lost = [once(commands, 'close'), once(subscriber, 'close')];
          await cable.cut();
          await Promise.all(lost);
        },
        mend: () => cable.mend(),
        async end() {
          await end();
          await cable.cut();
        },
      };
    },
  }));
}

describe.each([false, true])('the bus in Redis (sharded: %s)', (isSharded) => {
  it('R6 hears again after Redis has thrown its connection out', async () => {
    const { bus, subscriber, end } = await connect({ isSharded });
    const heard: number[] = [];
    let gaps = 0;
    bus.onGap(() => (gaps += 1));
    await bus.listen('kill:{1}', (bytes) => heard.push(bytes[0]!));
    const closed = once(subscriber, 'close');
    await admin.client('KILL', 'TYPE', 'PUBSUB');
    await closed;
    await vi.waitFor(() => expect(gaps).toBe(1), soon);
    bus.publish('kill:{1}', Uint8Array.of(1));
    await vi.waitFor(() => expect(heard).toEqual([1]), soon);
    await end();
  });

  it('waits for a connection that is being made', async () => {
    const [commands, subscriber] = [open(url), open(url)];
    const options = { commands, subscriber, isSharded, keys, log: SILENT_LOG };
    const bus = createRedisBus({ ...options, clock: createWallClock() });
    let gaps = 0;
    bus.onGap(() => (gaps += 1));
    await bus.listen('early:{1}', () => undefined);
    expect(gaps).toBe(0);
    bus.close();
    await ended(commands, subscriber);
  });

  it('R6 starts without Redis, and tells of a gap when Redis comes', async () => {
    const cable = await Cable.lay(url);
    await cable.cut();
    const [commands, subscriber] = [open(cable.url), open(cable.url)];
    const options = { commands, subscriber, isSharded, keys, log: SILENT_LOG };
    const bus = createRedisBus({ ...options, clock: createWallClock() });
    let gaps = 0;
    bus.onGap(() => (gaps += 1));
    await expect(bus.listen('start:{1}', () => undefined)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    bus.publish('start:{1}', Uint8Array.of(1));
    expect(bus.counts.lost).toBe(1);
    await cable.mend();
    await vi.waitFor(() => expect(gaps).toBe(1), soon);
    bus.close();
    await ended(commands, subscriber);
    await cable.cut();
  });

  it('tries a topic that was refused again, and tells of the gap', async () => {
    const user = `user-${isSharded}`;
    await admin.acl('SETUSER', user, 'on', '>secret', '+@all', '~*', 'resetchannels');
    const address = new URL(url);
    [address.username, address.password] = [user, 'secret'];
    const { bus, end } = await connect({ isSharded, to: address.href });
    let gaps = 0;
    bus.onGap(() => (gaps += 1));
    await expect(bus.listen('secret:{1}', () => undefined)).rejects.toThrow(
      'could not listen to bus:{secret:{1}}',
    );
    await admin.acl('SETUSER', user, 'allchannels');
    await vi.waitFor(() => expect(gaps).toBe(1), soon);
    await end();
  });

  it('leaves nothing subscribed that nobody listens to', async () => {
    const { bus, end } = await connect({ isSharded });
    const first = bus.listen('left:{1}', () => undefined);
    bus.unlisten('left:{1}');
    await bus.listen('kept:{1}', () => undefined);
    await first;
    const channels = (): Promise<unknown> =>
      admin.call('PUBSUB', isSharded ? 'SHARDCHANNELS' : 'CHANNELS', 'bus:*');
    await vi.waitFor(async () => expect(await channels()).toEqual(['bus:{kept:{1}}']), soon);
    await end();
  });
});

describe('the bus in a Redis that hangs', () => {
  /** Redis stops without closing anything, while `during` runs. */
  async function whileStopped(during: () => Promise<void>): Promise<void> {
    const pid = Number(/process_id:(\d+)/.exec(await admin.info('server'))![1]);
    process.kill(pid, 'SIGSTOP');
    try {
      await during();
    } finally {
      process.kill(pid, 'SIGCONT');
    }
  }

  it('R10 keeps only so much that Redis has not taken, and loses the rest', async () => {
    const { bus, end } = await connect({ isSharded: false });
    await whileStopped(async () => {
      for (let i = 0; i < 40; i++) bus.publish('full:{1}', new Uint8Array(2 ** 20));
      expect(bus.counts).toMatchObject({ sent: 15, lost: 25 });
    });
    // Once Redis has taken them there is room again.
    await vi.waitFor(() => {
      const { sent } = bus.counts;
      bus.publish('full:{1}', new Uint8Array(1));
      expect(bus.counts.sent).toBe(sent + 1);
    }, soon);
    await end();
  });

  it('R6 notices a line that is dead without a word, and says so once it hears again', async () => {
    const clock = new VirtualClock(0);
    const { bus, subscriber, end } = await connect({ isSharded: false, clock });
    const heard: number[] = [];
    let gaps = 0;
    bus.onGap(() => (gaps += 1));
    await bus.listen('dead:{1}', (bytes) => heard.push(bytes[0]!));
    await whileStopped(async () => {
      const closed = once(subscriber, 'close');
      // One check asks, the next one finds that nobody has answered.
      while (clock.fireNext(6_000));
      await closed;
      await expect(bus.listen('later:{1}', () => undefined)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    });
    await vi.waitFor(() => expect(gaps).toBe(1), soon);
    bus.publish('dead:{1}', Uint8Array.of(1));
    await vi.waitFor(() => expect(heard).toEqual([1]), soon);
    await end();
  });

  it('takes the client’s own time-out for no answer', async () => {
    const clock = new VirtualClock(0);
    const { subscriber, end } = await connect({ isSharded: false, clock });
    subscriber.options.commandTimeout = 20;
    await whileStopped(async () => {
      const closed = once(subscriber, 'close');
      while (clock.fireNext(3_000));
      // Asked later, so it is given up later than what the check asked.
      await expect(subscriber.ping()).rejects.toThrow('timed out');
      await idleLoop();
      delete subscriber.options.commandTimeout;
      while (clock.fireNext(6_000));
      await closed;
    });
    await ready(subscriber);
    await end();
  });

  it('leaves a line alone that answers', async () => {
    const clock = new VirtualClock(0);
    const { bus, subscriber, end } = await connect({ isSharded: false, clock });
    await bus.listen('alive:{1}', () => undefined);
    let closes = 0;
    subscriber.on('close', () => (closes += 1));
    for (let untilMs = 3_000; untilMs <= 30_000; untilMs += 3_000) {
      while (clock.fireNext(untilMs));
      // Answered in order: behind this one the bus has its answer.
      await subscriber.ping();
      await idleLoop();
    }
    expect(closes).toBe(0);
    await end();
  });
});

it('the bus takes no connection that would subscribe by itself', async () => {
  const [commands, subscriber] = [open(url), open(url, true)];
  const options = {
    ...{ commands, subscriber, isSharded: false, keys, clock: createWallClock(), log: SILENT_LOG },
  };
  expect(() => createRedisBus(options)).toThrow('autoResubscribe: false');
  await Promise.all([ready(commands), ready(subscriber)]);
  await ended(commands, subscriber);
});
