import { createRedisBeats } from './bus/beats-redis.ts';
import { createRedisBus } from './bus/bus-redis.ts';
import { CLUSTER_TIMING } from './cluster/timing.ts';
import type { Config } from './config.ts';
import { CountedClaims } from './counted-claims.ts';
import { startDatabaseUpkeep } from './database-upkeep.ts';
import { announceThrough } from './dispatch/announcer.ts';
import { DEFAULT_ENGINE_LIMITS } from './dispatch/engine.ts';
import { FrontDesk } from './dispatch/front-desk.ts';
import { LOAD_LIMITS, LoadMonitor } from './dispatch/load-level.ts';
import { ShelteredDesk } from './dispatch/sheltered-desk.ts';
import { DEFAULT_GRID } from './domain/cell.ts';
import type { DriverId, IdSource, ReplicaId } from './domain/ids.ts';
import type { Result } from './domain/rejection.ts';
import type { Market } from './domain/market.ts';
import { createAuth, type Auth } from './gateway/auth.ts';
import { createGateway, type Gateway } from './gateway/gateway.ts';
import { createRedisClaims } from './geo/claims-redis.ts';
import { createRedisDriverMirror } from './geo/driver-mirror-redis.ts';
import type { DriverMirror } from './geo/driver-mirror.ts';
import { assert } from './lib/assert.ts';
import { cpuMs, createWallClock, stopwatchMs, type Clock } from './lib/clock.ts';
import { withDeadline } from './lib/deadline.ts';
import { randomPin, randomToken, randomUuidV7 } from './lib/entropy.ts';
import type { KeyKeeper } from './lib/envelope.ts';
import { createErrorLog } from './lib/error-log.ts';
import type { Log } from './lib/log.ts';
import { createPrng, type Prng } from './lib/prng.ts';
import { createNodeAccounts, type NodeAccounts } from './node-accounts.ts';
import { createNodeServices, type NodeServices } from './node-services.ts';
import { openNodeStores, withPatientPool, type NodeStores } from './node-stores.ts';
import { contractFiles } from './protocol/contract.ts';
import { createRedisKeys } from './protocol/redis-keys.ts';
import { createReplica, type Replica } from './replica.ts';
import { RestServer } from './rest/rest-server.ts';
import { createServerMetrics, type ServerMetrics } from './server-metrics.ts';
import { migrate } from './store/migrate-postgres.ts';
import { createRedisRateLimits } from './store/rate-limits-redis.ts';
import type { RateLimits } from './store/rate-limits.ts';
import { ensurePartitions } from './store/partitions-postgres.ts';
import { RetryBudget } from './store/retry.ts';
import { PostgresTripStore } from './store/trip-store-postgres.ts';

export interface NodeOptions {
  readonly config: Config;
  readonly markets: readonly Market[];
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** The first signs; all are accepted. */
  readonly authSecrets: readonly string[];
  /** Wraps the keys of personal data. */
  readonly keeper: KeyKeeper;
  /** By which accounts are found by phone or e-mail; the same for ever. */
  readonly lookupSecret: Uint8Array;
  /** Where sign-in codes are written to; null: accounts are kept elsewhere. */
  readonly codeOutboxDir: string | null;
  /** The engine's clock; the machine's own unless this is a demo. */
  readonly clock: Clock;
  readonly log: Log;
}

export interface RunningNode {
  readonly port: number;
  /** Drains: no acknowledged command is lost, sockets are told to go; then everything is closed. */
  stop(): Promise<void>;
}

/** What a server waits for Redis when it starts. */
const REDIS_READY_MS_MAX = 5_000;
/** A probe that hangs is a no. */
const PROBE_MS_MAX = 1_000;
const PROBE_EVERY_MS = 1_000;
/** Out of reach for so long, the database is another replica's to use: a restart takes less. */
const DATABASE_LOST_MS = 3_000;

/** Puts a server together and starts it; rejects, with nothing left open, when a store is out of reach. */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { clock, log } = options;
  const wallClock = createWallClock();
  const prng = createPrng(BigInt(`0x${randomToken(8)}`));
  const stores = openNodeStores({ ...options, prng, wallClock });
  try {
    const { applied } = await withPatientPool(options, migrate);
    if (applied.length > 0) log.info({ applied }, 'database migrated');
    await ensurePartitions(stores.sql, clock.nowMs());
    if (!(await stores.redis.untilReady(REDIS_READY_MS_MAX))) throw new Error('Redis is out of reach');
    return await new Node(options, stores, wallClock, prng).serve();
  } catch (error) {
    await stores.close();
    throw error;
  }
}

/** One server: a replica on real stores, with its doors open. */
class Node {
  private readonly options: NodeOptions;
  private readonly stores: NodeStores;
  private readonly wallClock: Clock;
  private readonly prng: Prng;
  private readonly metrics: ServerMetrics = createServerMetrics();
  private readonly keys: ReturnType<typeof createRedisKeys>;
  private readonly store: PostgresTripStore;
  private readonly budget = new RetryBudget();
  private readonly bus: ReturnType<typeof createRedisBus>;
  private readonly claims: CountedClaims;
  private readonly rates: RateLimits;
  private readonly replica: Replica;
  private readonly mirror: DriverMirror;
  private readonly load: LoadMonitor;
  private readonly desk: ShelteredDesk;
  /** One for both doors: its tries and its tokens count together. */
  private readonly auth: Auth;
  private readonly accounts: NodeAccounts;
  private readonly services: NodeServices;
  private readonly rest: RestServer;
  private readonly gateway: Gateway;
  private address: string | null = null;
  /** When the database last answered; wall ms. */
  private databaseMs: number;

  constructor(options: NodeOptions, stores: NodeStores, wallClock: Clock, prng: Prng) {
    const { config, log } = options;
    this.options = options;
    this.stores = stores;
    this.wallClock = wallClock;
    this.prng = prng;
    this.databaseMs = wallClock.nowMs();
    this.keys = createRedisKeys(config.redisPrefix);
    this.store = new PostgresTripStore({
      ...{ sql: stores.sql, readSql: stores.readSql, clock: wallClock, prng, budget: this.budget },
      instance: randomToken(8),
      onReadFallback: createErrorLog({
        log,
        clock: wallClock,
        what: 'the read replica failed: asked the primary',
      }),
    });
    const { commands, isSharded } = stores.redis;
    const subscriber = stores.redis.subscriber();
    this.bus = createRedisBus({ commands, subscriber, isSharded, keys: this.keys, clock: wallClock, log });
    this.claims = new CountedClaims(createRedisClaims({ redis: commands, keys: this.keys }));
    this.rates = createRedisRateLimits({
      ...{ redis: commands, keys: this.keys, clock: wallClock },
      onError: createErrorLog({ log, clock: wallClock, what: 'rates are counted by this replica alone' }),
    });
    this.replica = this.createReplica();
    const { engine, cluster } = this.replica;
    this.mirror = createRedisDriverMirror({
      ...{ redis: commands, keys: this.keys, index: engine.index, wallClock, everyMs: config.geoMirrorMs },
      onError: (error) => log.warn({ err: error }, 'positions could not be written to Redis'),
      onPlan: (plan, nowMs) => cluster.flushed(plan, nowMs),
    });
    this.load = new LoadMonitor({
      ...{ wallClock, cpuMs, store: () => this.store.backlog },
      limits: { ...LOAD_LIMITS, lateMs: config.loadLateMs },
      onChange: ({ level, pressure }, before) =>
        log.warn({ level, before, pressure }, 'the load has changed'),
    });
    this.desk = new ShelteredDesk({
      ...{
        desk: new FrontDesk(engine, (...asked) => this.services.approve(...asked)),
        load: this.load,
        wallClock,
      },
      onLateError: (error) => log.error({ err: error }, 'a command broke after its time'),
    });
    const secrets = options.authSecrets.map((secret) => Buffer.from(secret, 'utf8'));
    this.accounts = this.createAccounts(secrets);
    this.auth = createAuth({
      ...{ secrets, wallNowMs: () => wallClock.nowMs() },
      isRevoked: (identity) => this.accounts.isRevoked(identity),
    });
    this.services = this.createServices(secrets[0]!);
    this.rest = this.createRest();
    this.gateway = this.createGateway();
  }

  /** Joins the others, opens the doors, then begins to match. */
  async serve(): Promise<RunningNode> {
    const { config, log, markets } = this.options;
    this.publishMetrics();
    const { host } = config;
    const port = await this.open();
    const advertised = config.advertiseUrl?.replace('{port}', String(port)) ?? null;
    this.address = advertised ?? (isLoopbackHost(host) ? `ws://${host}:${port}` : null);
    this.load.start();
    this.replica.start();
    const stopTimers = this.startTimers();
    log.info({ port, markets: markets.map((market) => market.marketId) }, 'serving');
    let stopping: Promise<void> | null = null;
    return { port, stop: () => (stopping ??= this.stop(stopTimers)) };
  }

  /** Rejects, with nothing left running, when the others or the port cannot be had. */
  private async open(): Promise<number> {
    const { host, port, sharedPort } = this.options.config;
    try {
      await this.replica.join();
      try {
        await this.accounts.start();
        return (await this.gateway.listen({ host, port, sharedPort })).port;
      } catch (error) {
        await this.replica.leave();
        await this.replica.stop();
        throw error;
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private close(): void {
    this.accounts.close();
    this.gateway.close();
    this.metrics.stop();
    this.bus.close();
  }

  /** The others take the zones over first; the clients then find them at work. */
  private async stop(stopTimers: () => void): Promise<void> {
    const { log, clock } = this.options;
    log.info({}, 'draining');
    await this.replica.leave();
    await this.gateway.drain();
    stopTimers();
    this.load.stop();
    await this.replica.stop();
    // Waits for a write under way. News that are not due are left: the others write these drivers by now.
    await this.mirror.flush(clock.nowMs());
    this.close();
    await this.stores.close();
    log.info({}, 'stopped');
  }

  private createReplica(): Replica {
    const { config, markets, clock, log } = this.options;
    const { store, claims, bus, wallClock, prng, keys } = this;
    const replicaId = randomUuidV7(wallClock.nowMs()).replaceAll('-', '') as ReplicaId;
    return createReplica({
      ...{
        replicaId,
        grid: DEFAULT_GRID,
        driversMax: config.driversMax,
        markets,
        store,
        claims,
        bus,
        clock,
        log,
      },
      ...{ wallClock, prng, stopwatchMs, ids: idSource(clock), meter: this.metrics.meter },
      beats: createRedisBeats({
        ...{ redis: this.stores.redis.commands, keys, replicaId, clock: wallClock },
        leaseMs: CLUSTER_TIMING.leaseMs,
      }),
      canStore: () => wallClock.nowMs() - this.databaseMs < DATABASE_LOST_MS,
      url: () => this.address,
      limits: { ...DEFAULT_ENGINE_LIMITS, staleMs: config.staleMs, offlineMs: config.offlineMs },
      // Told through the gateway, which serves the engine's desk: this knot is tied here.
      announcer: announceThrough(() => this.gateway.announcer),
      onMisfix: (driverId, kind) => this.services.locations.note(driverId, kind),
    });
  }

  private createAccounts(secrets: readonly Uint8Array[]): NodeAccounts {
    const { log, keeper, lookupSecret, codeOutboxDir } = this.options;
    const { bus, wallClock } = this;
    return createNodeAccounts({
      ...{ sql: this.stores.sql, bus, secrets, keeper, lookupSecret, wallClock, log, codeOutboxDir },
      takeOffDuty: (driverId) => this.takeOffDuty(driverId as DriverId),
      endSockets: (sessionIds) => this.gateway.endSessions(sessionIds),
    });
  }

  /** Refused (`driver_busy`) during a trip: an operator ends that. */
  private async takeOffDuty(driverId: DriverId): Promise<Result<unknown>> {
    const off = await this.desk.driver(driverId, { t: 'offline', id: 'by the server' });
    if (off.ok) this.replica.engine.announcer.toDriver(driverId, { t: 'duty', status: 'offline' });
    return off;
  }

  private createServices(secret: Uint8Array): NodeServices {
    const { clock, log, lookupSecret } = this.options;
    const { stores, wallClock, replica } = this;
    return createNodeServices({
      ...{ stores, engine: replica.engine, secret, lookupSecret, clock, wallClock, log },
      takeOffDuty: (driverId) => this.takeOffDuty(driverId),
      mayDrive: this.accounts.mayDrive,
    });
  }

  private createRest(): RestServer {
    const { config, log } = this.options;
    const { desk, wallClock } = this;
    const files = contractFiles();
    const contract = {
      'openapi.json': files.get('openapi.json'),
      'asyncapi.json': files.get('asyncapi.json'),
    };
    assert(
      contract['openapi.json'] !== undefined && contract['asyncapi.json'] !== undefined,
      'both are generated',
    );
    return new RestServer({
      handlers: { ...this.services.handlers, ...this.accounts.handlers },
      ...{ keyed: this.services.keyed, audit: this.services.audit, serviceKeys: this.accounts.serviceKeys },
      ...{ shared: this.rates, replicas: () => this.replica.cluster.status.members.length },
      ...{ desk, auth: this.auth, wallClock, readiness: () => this.readiness() },
      trustForwardedFor: config.trustForwardedFor === 'yes',
      isBehindTls: config.advertiseUrl?.startsWith('wss:') === true,
      corsOrigins: config.corsOrigins,
      metrics: () => this.metrics.text(),
      ...(config.metricsToken === null ? {} : { metricsToken: config.metricsToken }),
      contract: contract as Record<keyof typeof contract, string>,
      onError: (error, fields) => log.error({ err: error, ...fields }, 'an HTTP request broke'),
      onOutOfReach: createErrorLog({ log, clock: wallClock, what: 'HTTP requests met a store out of reach' }),
    });
  }

  private createGateway(): Gateway {
    const { config, clock, log } = this.options;
    const { desk, wallClock, prng, load, replica } = this;
    return createGateway({
      ...{ desk, auth: this.auth, clock, wallClock, prng, log, http: this.rest },
      trustForwardedFor: config.trustForwardedFor === 'yes',
      epochPrefix: randomToken(8),
      limits: {
        connectionsMax: config.connectionsMax,
        fixes: { perS: config.fixesPerSMax, burstMax: 30 * config.fixesPerSMax },
        // A demo's sockets all come from one address.
        connectionsPerIpMax: config.demoClock === null ? config.connectionsPerIpMax : config.connectionsMax,
      },
      shelter: {
        load,
        hasTrip: (driverId) => replica.engine.active.of(driverId) !== null,
        hasRoom: () => desk.snapshots.hasRoom,
      },
      onAnswer: (type, outcome, durationMs) => this.metrics.answered(type, outcome, durationMs),
    });
  }

  private publishMetrics(): void {
    const { replica, mirror, gateway, rest, store, load, desk, budget } = this;
    this.metrics.publish({
      ...{ engine: replica.engine, mirror, gateway: gateway.counters, rest: rest.counters },
      claimCommands: () => this.claims.commands,
      commandsQueued: () => store.commandsQueued,
      services: this.services.counts,
    });
    const { cluster, remote, engine } = replica;
    this.metrics.publishCluster({ cluster, remote, engine, bus: this.bus });
    this.metrics.publishOverload({
      ...{ load, desk, gateway: gateway.counters, store, retries: budget.counts },
    });
  }

  private async readiness(): Promise<string | null> {
    const missing = this.replica.cluster.readiness();
    if (missing !== null) return `This replica ${missing}`;
    if (!this.stores.redis.isReady()) return 'Redis is out of reach';
    return (await this.isDatabaseReachable()) ? null : 'PostgreSQL is out of reach';
  }

  private isDatabaseReachable(): Promise<boolean> {
    const { log } = this.options;
    const asked = this.stores.sql`SELECT 1`.then(
      () => {
        this.databaseMs = this.wallClock.nowMs();
        return true;
      },
      (error: unknown) => {
        log.warn({ err: error }, 'PostgreSQL does not answer');
        return false;
      },
    );
    return withDeadline(this.wallClock, PROBE_MS_MAX, asked, () => false);
  }

  /** What runs by the clock beside the engine's own duties; the function answered ends it. */
  private startTimers(): () => void {
    const { config, clock, log } = this.options;
    const timers = [
      // Positions go out by the wall's clock: a demo that runs faster must not ask more of Redis.
      this.wallClock.every(config.geoFlushMs, () => void this.mirror.flush(clock.nowMs())),
      this.wallClock.every(PROBE_EVERY_MS, () => void this.isDatabaseReachable()),
    ];
    const stops = [this.services.start(), startDatabaseUpkeep({ config, sql: this.stores.sql, clock, log })];
    return () => {
      for (const stop of stops) stop();
      timers.forEach((timer) => timer.cancel());
    };
  }
}

function idSource(clock: Clock): IdSource {
  return { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin };
}

const isLoopbackHost = (host: string): boolean => host === '127.0.0.1' || host === 'localhost';
