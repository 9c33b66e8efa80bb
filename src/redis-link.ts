import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';

import { createErrorLog } from './lib/error-log.ts';
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { Prng } from './lib/prng.ts';
import { until } from './private-processes.ts';
import { parseRedisUrl, type RedisTarget } from './redis-url.ts';
import { watchRedis } from './redis-watch.ts';
import { readCa } from './store-url.ts';

export interface RedisLinkOptions {
  readonly log: Log;
  readonly prng: Prng;
  /** The machine's own: a demo's clock that runs faster would declare living connections dead. */
  readonly clock: Clock;
  /** PEM file with the certificates to trust instead of the system's (REDIS_CA_FILE). */
  readonly caFile?: string | null;
  /** The setting that `url` came from, for its ConfigError. */
  readonly setting?: string;
}

/** The way to one Redis: stand-alone, behind sentinels, or a cluster. */
export interface RedisLink {
  /** For commands. While the store is out of reach each fails at once, or after a second; none is kept for later. */
  readonly commands: Redis | Cluster;
  /**
   * What the bus listens with: a connection of its own, which forgets its subscriptions when it is lost (the bus subscribes
   * again); on a cluster `commands`, which the bus asks for the nodes that it then connects to itself.
   */
  subscriber(): Redis | Cluster;
  /** True on a cluster: publish with `spublish`, and keep the keys of a script or pipeline in one slot. */
  readonly isSharded: boolean;
  /** True while all connections answer; for a cluster, while each slot has a master in reach. At most 3 s behind. */
  isReady(): boolean;
  /** Resolves to true once commands can be given, to false when they cannot within `timeoutMs`. */
  untilReady(timeoutMs: number): Promise<boolean>;
  /** Ends all connections; commands under way fail. */
  close(): void;
}

const COMMAND_MS_MAX = 1_000;
const CONNECT_MS_MAX = 2_000;
/** A connection that owes an answer and says nothing for so long is dead. */
const SILENT_MS_MAX = 2_000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;
/** A resharding moves a key while it is asked for; more hops than this are a broken cluster. */
const REDIRECTIONS_MAX = 8;

/** Opens the way to the Redis at `url`; connections are made in the background and again whenever they are lost. */
export function openRedisLink(url: string, options: RedisLinkOptions): RedisLink {
  const { log, prng, clock } = options;
  const target = parseRedisUrl(url, options.setting);
  const ca = target.tls ? readCa(options.caFile, 'REDIS_CA_FILE') : undefined;
  const onError = createErrorLog({ log, clock, what: 'redis' });
  // Full jitter: clients that lost the same server come back one by one.
  const retryDelayMs = (attempt: number): number =>
    Math.ceil(prng.float() * Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(attempt, 10)));
  const create = (name: string): Redis | Cluster => {
    const plan = { target, ca, retryDelayMs, name };
    const client = target.kind === 'cluster' ? createCluster(target, plan) : createNode(target, plan);
    for (const event of ['error', 'sentinelError', 'node error']) client.on(event as 'error', onError);
    return client;
  };
  const commands = create('hexdispatch');
  const clients = [commands];
  const watch = watchRedis({ watched: () => clients, clock, onError });
  return {
    commands,
    subscriber() {
      if (commands instanceof Cluster) return commands;
      const client = create('hexdispatch-subscriber');
      clients.push(client);
      return client;
    },
    isSharded: target.kind === 'cluster',
    isReady: () => watch.isWell(),
    untilReady: (timeoutMs) => isReadyWithin(commands, clock, timeoutMs),
    close() {
      watch.stop();
      for (const client of clients) client.disconnect();
    },
  };
}

interface Plan {
  readonly target: RedisTarget;
  readonly ca: Buffer | undefined;
  readonly retryDelayMs: (attempt: number) => number;
  readonly name: string;
}

/** Replies keep their old shapes: what the stores read. */
type ConnectionSettings = Omit<RedisOptions, 'replyMapping'>;

/** What every connection has, to a node of a cluster as well. */
function connectionOptions(plan: Plan, host: string | null): ConnectionSettings {
  const { target, ca, name } = plan;
  // A name is sent along, so that one address can serve several; an address cannot be.
  const named = host === null || isIP(host) !== 0 ? {} : { servername: host };
  const tls: ConnectionOptions = { ...named, ...(ca === undefined ? {} : { ca }) };
  return {
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password }),
    ...(target.tls ? { tls } : {}),
    connectionName: name,
    connectTimeout: CONNECT_MS_MAX,
    commandTimeout: COMMAND_MS_MAX,
    socketTimeout: SILENT_MS_MAX,
    keepAlive: 1_000,
    // A lost connection fails what was under way at once, and nothing is sent again behind the caller's back.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // A master that was made a replica: ask again who is the master.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  };
}

function createNode(target: Exclude<RedisTarget, { kind: 'cluster' }>, plan: Plan): Redis {
  const host = target.kind === 'node' && 'host' in target.at ? target.at.host : null;
  const shared: ConnectionSettings = {
    ...connectionOptions(plan, host),
    retryStrategy: plan.retryDelayMs,
    enableOfflineQueue: false,
  };
  if (target.kind === 'node') return new Redis({ ...shared, ...target.at, db: target.db });
  const { tls } = shared;
  return new Redis({
    ...shared,
    sentinels: target.sentinels.map((one) => ({ ...one })),
    name: target.master,
    role: 'master',
    ...(target.sentinelPassword === null ? {} : { sentinelPassword: target.sentinelPassword }),
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    sentinelRetryStrategy: plan.retryDelayMs,
    sentinelCommandTimeout: COMMAND_MS_MAX,
  });
}

function createCluster(target: Extract<RedisTarget, { kind: 'cluster' }>, plan: Plan): Cluster {
  const options: Omit<ClusterOptions, 'redisOptions'> = {
    clusterRetryStrategy: plan.retryDelayMs,
    enableOfflineQueue: false,
    scaleReads: 'master',
    slotsRefreshTimeout: COMMAND_MS_MAX,
    slotsRefreshInterval: 2_000,
    maxRedirections: REDIRECTIONS_MAX,
    retryDelayOnFailover: 100,
    retryDelayOnClusterDown: 100,
    retryDelayOnTryAgain: 20,
    // A certificate is for a name: it must not be replaced by the address it stands for.
    ...(target.tls ? { dnsLookup: (host, found) => found(null, host) } : {}),
  };
  return new Cluster(
    target.nodes.map((one) => ({ ...one })),
    { ...options, redisOptions: connectionOptions(plan, null) },
  );
}

async function isReadyWithin(client: Redis | Cluster, clock: Clock, timeoutMs: number): Promise<boolean> {
  const probe = (): Promise<true | null> => Promise.resolve(client.status === 'ready' ? true : null);
  return until({ clock, what: 'Redis', timeoutMs, everyMs: 10 }, probe).catch(() => false);
}
