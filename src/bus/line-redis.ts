import type { Cluster, Redis } from 'ioredis';

import { assert } from '../lib/assert.ts';
import type { Log } from '../lib/log.ts';
import type { Line, LineState, LineWatch } from './line.ts';

/** A channel that nobody subscribes, in the slot of a topic (topics have hash tags): asking about it asks the topic's node. */
const PROBE = ':probe';

/** Lines of ioredis 6, whose source these rest on where its documentation is silent. */
export function createRedisLine(options: {
  readonly subscriber: Redis | Cluster;
  readonly isSharded: boolean;
  readonly log: Log;
}): Line {
  const { subscriber, isSharded, log } = options;
  if (!subscriber.isCluster) return serverLine(subscriber as Redis, isSharded, log);
  assert(isSharded, 'on a Redis Cluster the bus is sharded: of the plain one it is not told what it missed');
  const cluster = subscriber as Cluster;
  assert(cluster.options.shardedSubscribers === true, 'the bus needs a Cluster with shardedSubscribers');
  return clusterLine(cluster, log);
}

/** One connection to one server, found by its address or by a Sentinel. */
function serverLine(redis: Redis, isSharded: boolean, log: Log): Line {
  // It would subscribe by itself when it is back, in promises that nobody holds: lost once more, they end the process.
  assert(redis.options.autoResubscribe === false, 'the bus needs a subscriber with autoResubscribe: false');
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
    async probe() {
      await redis.ping();
    },
    cut: () => redis.disconnect(true),
    watch: (watch) =>
      attach(redis, {
        ready: () => watch.back(),
        close: () => watch.lost(),
        error: (error: Error) => log.debug({ err: error }, 'the connection of the bus'),
        ...hearing(isSharded, watch),
      }),
  };
}

/**
 * One connection to each master, kept by the Cluster. It subscribes again by itself what lay at a node that was lost or
 * at a slot that moved, but does not say when it has; so all topics are asked for anew, which a confirmation ends.
 */
function clusterLine(cluster: Cluster, log: Log): Line {
  return {
    get state() {
      return stateOf(cluster.status);
    },
    subscribe: (topic) => subscribeAnew(cluster, topic),
    async unsubscribe(topic) {
      await cluster.sunsubscribe(topic);
    },
    async probe(topics) {
      await Promise.all(Array.from(topics, (topic) => cluster.sunsubscribe(topic + PROBE)));
    },
    cut: () => cluster.disconnect(true),
    watch(watch) {
      const isBack = (): void => {
        watch.lost();
        watch.back();
      };
      return attach(cluster, {
        ready: () => watch.back(),
        close: () => watch.lost(),
        '-subscriber': () => watch.lost(),
        subscribersReady: isBack,
        // A node's subscriber that cannot connect is told so, and without a listener that would end the process.
        error: (error: Error) => log.debug({ err: error }, 'the connection of the bus'),
        ...hearing(true, watch),
      });
    },
  };
}

/**
 * Unsubscribed first, for the Cluster's list of what to subscribe again grows with every SSUBSCRIBE, known or not. Both go out in
 * one write, so that nothing falls between them. Where redirections turned them round, the topic is lost: then it fails.
 */
async function subscribeAnew(cluster: Cluster, topic: string): Promise<void> {
  let isLeft = false;
  const left = cluster.sunsubscribe(topic).then(() => {
    isLeft = true;
  });
  const subscribed = cluster.ssubscribe(topic).then(() => isLeft);
  const [, inOrder] = await Promise.all([left, subscribed]);
  if (!inOrder) throw new Error('the subscription was overtaken');
}

function stateOf(status: string): LineState {
  if (status === 'ready') return 'up';
  return status === 'wait' || status === 'connecting' || status === 'connect' ? 'coming' : 'down';
}

function hearing(isSharded: boolean, watch: LineWatch): Listeners {
  const heard = (topic: Buffer, bytes: Buffer): void => watch.heard(topic.toString(), bytes);
  return { [isSharded ? 'smessageBuffer' : 'messageBuffer']: heard };
}

type Listeners = Record<string, (...args: never[]) => void>;

function attach(connection: Redis | Cluster, listeners: Listeners): () => void {
  const entries: [string, () => void][] = Object.entries(listeners);
  for (const [event, listener] of entries) connection.on(event, listener);
  return () => {
    for (const [event, listener] of entries) connection.off(event, listener);
  };
}
