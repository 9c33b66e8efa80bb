import type { Cluster, Redis } from 'ioredis';

import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { RedisKeys } from '../protocol/redis-keys.ts';
import type { Bus, BusCounts } from './bus.ts';
import type { Line } from './line.ts';
import { RedisClusterLine } from './line-cluster-redis.ts';
import { createRedisLine } from './line-redis.ts';
import { Listening } from './listening.ts';

/** What Redis has not answered yet, of all topics: beyond it messages are lost, so that a Redis that hangs does not fill the memory. */
const UNANSWERED_BYTES_MAX = 16 * 2 ** 20;
/** What a message costs beside its own bytes while it waits (the client's command and promise, measured roughly). */
const MESSAGE_COST_BYTES = 512;

export interface RedisBusOptions {
  /** Publishes; may serve other commands too. */
  readonly commands: Redis | Cluster;
  /**
   * A Redis that only subscribes, with `autoResubscribe: false`; it reconnects by itself, as is ioredis' default. Or a Cluster, which
   * may be `commands`: it is asked where the nodes are, and the bus has connections of its own to them.
   */
  readonly subscriber: Redis | Cluster;
  /** Sharded pub/sub (Redis 7): a must on a Cluster; a single server has it too. The same on all replicas. */
  readonly isSharded: boolean;
  /** Of this deployment: others on the same Redis have other channels. */
  readonly keys: Pick<RedisKeys, 'channel'>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Redis pub/sub, a channel a topic (redis-keys.ts). What is published while the connection is down is lost; what was under
 * way when it was lost may be repeated. A connection that is dead without a word is found within some seconds.
 */
export function createRedisBus(options: RedisBusOptions): Bus {
  const { commands, isSharded, keys } = options;
  const counts: BusCounts = { sent: 0, sentBytes: 0, heard: 0, heardBytes: 0, lost: 0 };
  const listening = new Listening({ ...options, line: lineOf(options) });
  let unansweredBytes = 0;
  let isClosed = false;
  return {
    counts,
    publish(topic, bytes) {
      const costBytes = bytes.length + MESSAGE_COST_BYTES;
      if (isClosed || commands.status !== 'ready' || unansweredBytes + costBytes > UNANSWERED_BYTES_MAX) {
        counts.lost += 1;
        return;
      }
      counts.sent += 1;
      counts.sentBytes += bytes.length;
      unansweredBytes += costBytes;
      const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const sent: Promise<unknown> = isSharded
        ? commands.spublish(keys.channel(topic), buffer)
        : commands.publish(keys.channel(topic), buffer);
      sent.then(
        () => (unansweredBytes -= costBytes),
        () => {
          unansweredBytes -= costBytes;
          counts.lost += 1;
        },
      );
    },
    listen(topic, heard) {
      return listening.listen(keys.channel(topic), (bytes) => {
        counts.heard += 1;
        counts.heardBytes += bytes.length;
        heard(bytes);
      });
    },
    unlisten: (topic) => listening.unlisten(keys.channel(topic)),
    onGap: (gap) => listening.onGap(gap),
    close() {
      isClosed = true;
      listening.close();
    },
  };
}

function lineOf({ subscriber, isSharded, log }: RedisBusOptions): Line {
  if (!subscriber.isCluster) return createRedisLine({ redis: subscriber as Redis, isSharded, log });
  assert(isSharded, 'on a Redis Cluster the bus is sharded');
  return new RedisClusterLine(subscriber as Cluster, log);
}
