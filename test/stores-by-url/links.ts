import { afterEach } from 'vitest';

import { createRedisBus } from '../../src/bus/bus-redis.ts';
import type { Bus } from '../../src/bus/bus.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { SILENT_LOG, type Log } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { openRedisLink, type RedisLink } from '../../src/redis-link.ts';
import { soon } from './servers.ts';

const clock = createWallClock();
const ends: (() => void)[] = [];

/** What was logged by links and pools of this file, a line each. */
export const lines: string[] = [];
const keep = (fields: object, message: string): void =>
  void lines.push(JSON.stringify({ ...fields, message }));
export const log: Log = { debug: keep, info: keep, warn: keep, error: keep };

/** To be called while the file is loaded: closes each test's links after it. */
export function closeLinks(): void {
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });
}

export function openLink(url: string, caFile?: string): RedisLink {
  const link = openRedisLink(url, {
    log,
    clock,
    prng: createPrng(1),
    ...(caFile === undefined ? {} : { caFile }),
  });
  ends.push(() => link.close());
  return link;
}

/** The bus that replicas have, on a link. */
export function busOn(link: RedisLink): Bus {
  const { commands, isSharded } = link;
  const bus = createRedisBus({
    ...{ commands, subscriber: link.subscriber(), isSharded, clock, log: SILENT_LOG },
    keys: createRedisKeys(),
  });
  ends.unshift(() => bus.close());
  return bus;
}

/** Listens to one topic; answers what was heard. */
export async function ear(bus: Bus, topic: string): Promise<string[]> {
  const heard: string[] = [];
  await bus.listen(topic, (bytes) => heard.push(Buffer.from(bytes).toString()));
  return heard;
}

/** Publishes until it was heard. */
export const hears = (bus: Bus, topic: string, heard: readonly string[], text: string): Promise<true> =>
  soon(`${text} on ${topic}`, () => {
    bus.publish(topic, Buffer.from(text));
    return heard.includes(text);
  });

/** Resolves once a command is carried out. */
export const answers = (link: RedisLink, key = 'key'): Promise<true> =>
  soon('an answer', async () => (await link.commands.set(key, '1')) === 'OK');
