import type { Redis } from 'ioredis';

import { assert } from '../lib/assert.ts';
import type { Log } from '../lib/log.ts';
import type { Line, LineState } from './line.ts';

/** One connection to one server, found by its address or by a Sentinel. */
export function createRedisLine(options: {
  readonly redis: Redis;
  readonly isSharded: boolean;
  readonly log: Log;
}): Line {
  const { redis, isSharded, log } = options;
  // It would subscribe by itself when it is back, in promises that nobody holds: lost once more, they end the process.
  assert(redis.options.autoResubscribe === false, 'the bus needs a subscriber with autoResubscribe: false');
  const pulse = takePulse(redis, () => {
    log.warn({}, 'the bus does not answer: connecting anew');
    redis.disconnect(true);
  });
  return {
    get state() {
      return stateOf(redis.status);
    },
    async subscribe(topic) {
      await (isSharded ? redis.ssubscribe(topic) : redis.subscribe(topic));
    },
    async unsubscribe(topic) {
      await (isSharded ? redis.sunsubscribe(topic) : redis.unsubscribe(topic));
    },
    check: pulse,
    watch: (watch) =>
      attach(redis, {
        ready: () => watch.back(),
        close: () => watch.lost(null),
        error: (error: Error) => log.debug({ err: error }, 'the connection of the bus'),
        [isSharded ? 'smessageBuffer' : 'messageBuffer']: (topic: Buffer, bytes: Buffer) =>
          watch.heard(topic.toString(), bytes),
      }),
  };
}

/** A function to be called again and again: `isDead` is called when the PING of the call before is still unanswered then. */
export function takePulse(redis: Redis, isDead: () => void): () => void {
  let asked: object | null = null;
  redis.on('close', () => (asked = null));
  return () => {
    if (redis.status !== 'ready') return;
    if (asked !== null) {
      asked = null;
      isDead();
      return;
    }
    const ping = (asked = {});
    const answered = (): void => {
      if (asked === ping) asked = null;
    };
    // A refusal is an answer too; that the client has waited long enough (commandTimeout) is none.
    redis.ping().then(answered, (error: Error) => {
      if (error.name === 'ReplyError') answered();
    });
  };
}

/** Of a Redis or a Cluster of ioredis. */
export function stateOf(status: string): LineState {
  if (status === 'ready') return 'up';
  return status === 'wait' || status === 'connecting' || status === 'connect' ? 'coming' : 'down';
}

/** Until the function given back is called. */
export function attach(
  connection: { on(event: string, listener: () => void): unknown; off: typeof connection.on },
  listeners: Readonly<Record<string, (...args: never[]) => void>>,
): () => void {
  const entries: [string, () => void][] = Object.entries(listeners);
  for (const [event, listener] of entries) connection.on(event, listener);
  return () => {
    for (const [event, listener] of entries) connection.off(event, listener);
  };
}
