import { Redis } from 'ioredis';
import postgres from 'postgres';
import type { Config } from './config.ts';
import { createEngine } from './dispatch/create-engine.ts';
import { DEFAULT_ENGINE_LIMITS, type Engine } from './dispatch/engine.ts';
import { FrontDesk } from './dispatch/front-desk.ts';
import { takeUp, Upkeep } from './dispatch/upkeep.ts';
import { DEFAULT_GRID } from './domain/cell.ts';
import type { IdSource } from './domain/ids.ts';
import type { Market } from './domain/market.ts';
import type { Announcer } from './dispatch/announcer.ts';
import { createAuth } from './gateway/auth.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { createRedisClaims } from './geo/claims-redis.ts';
import type { Claims } from './geo/claims.ts';
import { DriverIndex } from './geo/driver-index.ts';
import { createRedisDriverMirror } from './geo/driver-mirror-redis.ts';
import type { DriverMirror } from './geo/driver-mirror.ts';
import { createIngest } from './geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from './geo/ping-filter.ts';
import { assert } from './lib/assert.ts';
import { createWallClock, stopwatchMs, type Clock } from './lib/clock.ts';
import { randomPin, randomToken, randomUuidV7 } from './lib/entropy.ts';
import type { Log } from './lib/log.ts';
import { createPrng } from './lib/prng.ts';
import { contractFiles } from './protocol/contract.ts';
import { createRedisKeys } from './protocol/redis-keys.ts';
import { RestServer } from './rest/rest-server.ts';
import { createServerMetrics, type ServerMetrics } from './server-metrics.ts';
import { migrate } from './store/migrate-postgres.ts';
import { ensurePartitions } from './store/partitions-postgres.ts';
import { PostgresTripStore } from './store/trip-store-postgres.ts';

export interface NodeOptions {
  readonly config: Config;
  readonly markets: readonly Market[];
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly authSecret: string;
  /** The engine's clock; the machine's own unless this is a demo. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface RunningNode {
  readonly port: number;
  /** Drains: no acknowledged command is lost, sockets are told to go; then everything is closed. */
  stop(): Promise<void>;
}

const PARTITIONS_MS = 3_600_000;

/** Puts a server together and starts it; rejects, with nothing left open, when a store is out of reach. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, clock, log } = options;
  const sql = postgres(options.databaseUrl, { max: config.databasePoolMax, onnotice: () => undefined });
  const redis = openRedis(options.redisUrl, log);
  try {
    const { applied } = await migrate(sql);
    if (applied.length > 0) log.info({ applied }, 'database migrated');
    await ensurePartitions(sql, clock.nowMs());
    return await serve(options, sql, redis);
  } catch (error) {
    redis.disconnect();
    await sql.end({ timeout: 1 });
    throw error;
  }
}

/** A lost Redis fails commands at once: what they were for is tried again by the next tick or flush. */
function openRedis(url: string, log: Log): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: 1,
    retryStrategy: (attempts) => Math.min(2_000, 50 * 2 ** attempts),
  });
  redis.on('error', (error: Error) => log.warn({ err: error }, 'redis'));
  return redis;
}

async function serve(options: NodeOptions, sql: postgres.Sql, redis: Redis): Promise<RunningNode> {
  const { config, clock, log } = options;
  const metrics = createServerMetrics();
  const keys = createRedisKeys(config.redisPrefix);
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: config.driversMax });
  const prng = createPrng(BigInt(`0x${randomToken(8)}`));
  const store = new PostgresTripStore({ sql, clock: createWallClock(), prng, instance: randomToken(8) });
  const claims = countClaims(createRedisClaims({ redis, keys }));
  const onError = (error: Error): void => log.warn({ err: error }, 'positions could not be written to Redis');
  const mirror = createRedisDriverMirror({ redis, keys, index, onError });
  // The engine announces through the gateway, which serves the engine's desk: this knot is tied here.
  let gateway: Gateway | null = null;
  const announcer: Announcer = {
    toDriver: (driverId, announcement) => gateway?.announcer.toDriver(driverId, announcement),
    toRider: (riderId, announcement) => gateway?.announcer.toRider(riderId, announcement),
  };
  const engine = createEngine({
    ...{ markets: options.markets, store, claims: claims.claims, index, announcer, clock, log, stopwatchMs },
    ingest: createIngest({ index, limits: DEFAULT_PING_LIMITS }),
    ids: idSource(clock),
    meter: metrics.meter,
    limits: { ...DEFAULT_ENGINE_LIMITS, staleMs: config.staleMs, offlineMs: config.offlineMs },
  });
  const readiness = async (): Promise<string | null> => {
    if (redis.status !== 'ready') return 'Redis is out of reach';
    return (await isReachable(sql, log)) ? null : 'PostgreSQL is out of reach';
  };
  const edges = createEdges(options, engine, metrics, readiness);
  gateway = edges.gateway;
  metrics.publish({
    ...{ engine, mirror, gateway: gateway.counters, rest: edges.rest.counters },
    claimCommands: claims.count,
    commandsQueued: () => store.commandsQueued,
  });
  await takeUp(engine);
  const { port } = await gateway.listen({ host: config.host, port: config.port });
  const stopDuties = startDuties(engine, mirror, sql, config);
  log.info({ port, markets: options.markets.map((market) => market.marketId) }, 'serving');
  const stop = async (): Promise<void> => {
    log.info({}, 'draining');
    await gateway.drain();
    await stopDuties();
    await mirror.flush(clock.nowMs());
    gateway.close();
    metrics.stop();
    redis.disconnect();
    await sql.end({ timeout: 5 });
    log.info({}, 'stopped');
  };
  let stopping: Promise<void> | null = null;
  return { port, stop: () => (stopping ??= stop()) };
}

function createEdges(
  options: NodeOptions,
  engine: Engine,
  metrics: ServerMetrics,
  readiness: () => Promise<string | null>,
): { gateway: Gateway; rest: RestServer } {
  const { config, clock, log } = options;
  const wallClock = createWallClock();
  const desk = new FrontDesk(engine);
  const secrets = [Buffer.from(options.authSecret, 'utf8')];
  const auth = createAuth({ secrets, wallNowMs: () => wallClock.nowMs() });
  const trustForwardedFor = config.trustForwardedFor === 'yes';
  const files = contractFiles();
  const contract = { 'openapi.json': files.get('openapi.json'), 'asyncapi.json': files.get('asyncapi.json') };
  assert(
    contract['openapi.json'] !== undefined && contract['asyncapi.json'] !== undefined,
    'both are generated',
  );
  const rest = new RestServer({
    ...{ desk, auth, wallClock, trustForwardedFor, readiness, metrics: () => metrics.text() },
    ...(config.metricsToken === null ? {} : { metricsToken: config.metricsToken }),
    contract: contract as Record<keyof typeof contract, string>,
    onError: (error, fields) => log.error({ err: error, ...fields }, 'an HTTP request broke'),
  });
  const gateway = createGateway({
    ...{ desk, auth, clock, wallClock, trustForwardedFor, log, http: rest },
    prng: createPrng(BigInt(`0x${randomToken(8)}`)),
    epochPrefix: randomToken(8),
    limits: {
      connectionsMax: config.connectionsMax,
      // A demo's sockets all come from one address.
      connectionsPerIpMax: config.demoClock === null ? config.connectionsPerIpMax : config.connectionsMax,
    },
    onAnswer: (type, outcome, durationMs) => metrics.answered(type, outcome, durationMs),
  });
  return { gateway, rest };
}

/** What runs by the clock; the function answered ends it all in order. */
function startDuties(
  engine: Engine,
  mirror: DriverMirror,
  sql: postgres.Sql,
  config: Config,
): () => Promise<void> {
  const wallClock = createWallClock();
  const upkeep = new Upkeep(engine, wallClock);
  upkeep.start();
  for (const { dispatcher } of engine.markets.values()) dispatcher.start();
  const timers = [
    // Positions go out by the wall's clock: a demo that runs faster must not ask more of Redis.
    wallClock.every(config.geoFlushMs, () => void mirror.flush(engine.clock.nowMs())),
    engine.clock.every(PARTITIONS_MS, () => {
      ensurePartitions(sql, engine.clock.nowMs()).catch((error: unknown) =>
        engine.log.warn({ err: error }, 'partitions could not be made; rows go to the default one'),
      );
    }),
  ];
  return async () => {
    for (const timer of timers) timer.cancel();
    for (const { dispatcher } of engine.markets.values()) await dispatcher.stop();
    await upkeep.stop();
  };
}

function idSource(clock: Clock): IdSource {
  return { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin };
}

async function isReachable(sql: postgres.Sql, log: Log): Promise<boolean> {
  try {
    await sql`SELECT 1`;
    return true;
  } catch (error) {
    log.warn({ err: error }, 'PostgreSQL does not answer');
    return false;
  }
}

function countClaims(claims: Claims): { claims: Claims; count: () => number } {
  let commands = 0;
  return {
    claims: {
      claim(requests) {
        commands += requests.length;
        return claims.claim(requests);
      },
      release(releases) {
        commands += releases.length;
        return claims.release(releases);
      },
    },
    count: () => commands,
  };
}
