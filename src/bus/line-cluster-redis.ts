import type { Cluster, Redis } from 'ioredis';

import type { Log } from '../lib/log.ts';
import type { Line, LineState, LineWatch } from './line.ts';
import { attach, stateOf, takePulse } from './line-redis.ts';

/** A node that takes longer is as good as gone: the topic is asked for again, elsewhere first. */
const NODE_TIMEOUT_MS = 1_000;
const FAREWELL_MS = 100;
/** Redirections of one subscription; more than one is rare, and more than some are a circle. */
const HOPS_MAX = 5;
const MOVED = /^MOVED \d+ (.*):(\d+)$/;

interface Node {
  readonly redis: Redis;
  readonly check: () => void;
  /** Subscriptions under way. */
  asks: number;
  /** Its topics are being asked for again; then once more where it says `again`. */
  verifying: 'no' | 'once' | 'again';
}

/**
 * Sharded pub/sub on a Redis Cluster: one connection to each master that has topics of ours. A topic is asked for anywhere, and the
 * redirection tells its master; so there is no table of slots that could be out of date. Of a node that is lost or gives up a slot only
 * its own topics are lost.
 *
 * ioredis has this too (`shardedSubscribers`), but a node that hangs while it is connected to stops all its subscriptions for good (6.0.0:
 * `stop` takes away the listeners that `start` waits for), it does not say when it has subscribed again, and not to which topics.
 */
export class RedisClusterLine implements Line {
  /** Knows the nodes and how to reach them; nothing is subscribed by it. */
  private readonly cluster: Cluster;
  private readonly log: Log;
  /** By host:port. */
  private readonly nodes = new Map<string, Node>();
  /** Where each topic is subscribed, or was last. */
  private readonly places = new Map<string, string>();
  private turns = 0;
  private watched: LineWatch | null = null;

  constructor(cluster: Cluster, log: Log) {
    this.cluster = cluster;
    this.log = log;
  }

  get state(): LineState {
    return stateOf(this.cluster.status);
  }

  async subscribe(topic: string): Promise<void> {
    let address = this.places.get(topic) ?? this.anyAddress();
    this.places.delete(topic);
    for (let hops = 0; hops < HOPS_MAX; hops++) {
      const moved = await this.subscribeAt(topic, address);
      if (moved === null) return;
      address = moved;
    }
    throw new Error(`${topic} was redirected ${HOPS_MAX} times`);
  }

  async unsubscribe(topic: string): Promise<void> {
    const address = this.places.get(topic);
    this.places.delete(topic);
    if (address !== undefined) await this.nodes.get(address)?.redis.sunsubscribe(topic);
  }

  check(): void {
    const inUse = new Set(this.places.values());
    for (const [address, { redis, check, asks }] of this.nodes) {
      if (inUse.has(address) || asks > 0) check();
      // Its slots are elsewhere by now, or it was only asked for the way.
      else redis.disconnect();
    }
  }

  watch(watch: LineWatch): () => void {
    this.watched = watch;
    const detach = attach(this.cluster, { ready: () => watch.back(), close: () => watch.lost(null) });
    return () => {
      this.watched = null;
      detach();
      for (const { redis } of this.nodes.values()) redis.disconnect();
    };
  }

  /** Null once it is subscribed there; or where to ask instead. */
  private async subscribeAt(topic: string, address: string): Promise<string | null> {
    const node = this.nodes.get(address) ?? this.connect(address);
    node.asks += 1;
    try {
      await node.redis.ssubscribe(topic);
    } catch (error) {
      const moved = MOVED.exec((error as Error).message);
      if (moved === null) throw error;
      // A node that does not know a name for the other one means the same host.
      return this.mapped(`${moved[1] || splitAddress(address).host}:${moved[2]}`);
    } finally {
      node.asks -= 1;
    }
    // Confirmed, and lost in the same moment.
    if (this.nodes.get(address) !== node) throw new Error(`the node at ${address} was lost`);
    this.places.set(topic, address);
    return null;
  }

  /** The masters in turn, so that one that hangs is not asked for ever. */
  private anyAddress(): string {
    const masters = this.cluster.nodes('master');
    const master = masters[this.turns++ % masters.length];
    if (master === undefined) throw new Error('no master is known');
    return `${master.options.host}:${master.options.port}`;
  }

  private mapped(address: string): string {
    const { natMap } = this.cluster.options;
    const to = typeof natMap === 'function' ? natMap(address) : natMap?.[address];
    return to ? `${to.host}:${to.port}` : address;
  }

  private connect(address: string): Node {
    const [known] = this.cluster.nodes('all');
    if (known === undefined || this.watched === null) throw new Error('no node is known, or all are left');
    const redis = known.duplicate({
      ...splitAddress(address),
      ...{ readOnly: false, lazyConnect: false, autoResubscribe: false, enableOfflineQueue: true },
      ...{ connectTimeout: NODE_TIMEOUT_MS, commandTimeout: NODE_TIMEOUT_MS },
      // What is given up does not answer a farewell either.
      ...{ disconnectTimeout: FAREWELL_MS, enableReadyCheck: false },
      // Whether a topic still belongs to this node is asked anew each time.
      retryStrategy: null,
    });
    const isDead = (): void => {
      this.log.warn({ address }, 'a node of the bus does not answer: connecting anew');
      redis.disconnect();
    };
    const node: Node = { redis, check: takePulse(redis, isDead), asks: 0, verifying: 'no' };
    this.nodes.set(address, node);
    attach(redis, {
      smessageBuffer: (topic: Buffer, bytes: Buffer) => this.watched?.heard(topic.toString(), bytes),
      moved: () => void this.verify(address, node),
      end: () => {
        this.nodes.delete(address);
        this.lost(address, this.topicsAt(address));
      },
      error: (error: Error) => this.log.debug({ err: error, address }, 'a node of the bus'),
    });
    return node;
  }

  /**
   * A slot has left the node, or a question was redirected: ioredis does not say which, nor which slot. So its topics are asked for
   * again, which changes nothing for those that are still there.
   */
  private async verify(address: string, node: Node): Promise<void> {
    if (node.verifying !== 'no') {
      node.verifying = 'again';
      return;
    }
    do {
      node.verifying = 'once';
      const gone: string[] = [];
      const isThere = (topic: string): Promise<unknown> =>
        node.redis.ssubscribe(topic).catch(() => gone.push(topic));
      await Promise.all(this.topicsAt(address).map(isThere));
      this.lost(address, gone);
    } while (this.isAskedAgain(node));
    node.verifying = 'no';
  }

  private isAskedAgain(node: Node): boolean {
    return node.verifying === 'again';
  }

  private topicsAt(address: string): string[] {
    return [...this.places].filter(([, at]) => at === address).map(([topic]) => topic);
  }

  private lost(address: string, topics: readonly string[]): void {
    for (const topic of topics) this.places.delete(topic);
    if (topics.length === 0 || this.watched === null) return;
    this.log.info({ address, topics: topics.length }, 'a node of the bus has let go of topics');
    this.watched.lost(topics);
    this.watched.back();
  }
}

/** IPv6 hosts have colons too. */
function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon), port: Number(address.slice(colon + 1)) };
}
