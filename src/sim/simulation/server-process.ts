import { createEngine } from '../../dispatch/create-engine.ts';
import type { TickPace } from '../../dispatch/dispatch-state.ts';
import { NO_DISPATCH_METER } from '../../dispatch/dispatch-meter.ts';
import type { Engine, EngineLimits } from '../../dispatch/engine.ts';
import { FrontDesk } from '../../dispatch/front-desk.ts';
import { ALONE } from '../../dispatch/peers.ts';
import { Upkeep } from '../../dispatch/upkeep.ts';
import { announceThrough } from '../../dispatch/announcer.ts';
import type { GridSpec } from '../../domain/cell.ts';
import type { DriverId, IdSource, ReplicaId } from '../../domain/ids.ts';
import type { Market } from '../../domain/market.ts';
import { createGatewayCounters, type GatewayCounters } from '../../gateway/counters.ts';
import { gatewayLimits, type GatewayLimits } from '../../gateway/limits.ts';
import { Sessions } from '../../gateway/sessions.ts';
import type { Claims } from '../../geo/claims.ts';
import { DriverIndex } from '../../geo/driver-index.ts';
import { createIngest } from '../../geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../geo/ping-filter.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Log } from '../../lib/log.ts';
import type { Prng } from '../../lib/prng.ts';
import type { TripStore } from '../../store/trip-store.ts';
import type { ConnectionContext } from '../../gateway/connection.ts';
import { GatewayDoor } from '../virtual/gateway-door.ts';
import { ProcessClock } from '../virtual/virtual-clock.ts';
import type { RedisLines } from '../virtual/virtual-redis.ts';
import { ServerCluster, type ClusterParts } from './server-cluster.ts';

/** One process's ways to the stores. */
export interface StoreLines {
  readonly store: TripStore;
  readonly claims: Claims;
  readonly redis: RedisLines;
}

export interface ServerParts {
  readonly clock: Clock;
  /** How far this machine's clock is ahead. */
  readonly skewMs: number;
  readonly market: Market;
  readonly limits: EngineLimits;
  readonly tickPace: TickPace;
  readonly ids: IdSource;
  /** New for each process. */
  readonly name: string;
  /** This process's own lines to the stores. */
  readonly connect: (caller: ProcessClock) => StoreLines;
  /** Null for a server on its own. */
  readonly cluster: ClusterParts | null;
  readonly grid: GridSpec;
  /** Nothing goes wrong in this world: bounds that hold but for lost answers are strict. */
  readonly isHealthy: boolean;
  /** A ping has come in. */
  readonly heard: (driverId: DriverId) => void;
  /** An error without a code: a bug. */
  readonly broken: (error: unknown, where: string) => void;
}

/** Small, so that their edges are met. */
const LIMITS: GatewayLimits = gatewayLimits({
  outboxMax: 6,
  sessionTtlMs: 120_000,
  sessionsMax: 150,
  commandsInFlightMax: 4,
});
const DRIVERS_MAX = 512;
const COARSE_MS = 1_000;

/**
 * One run of the server, from start to death: the real engine, upkeep, sessions and gateway on lines of its own, put together
 * as the composition root does. Several may live side by side on the same stores.
 */
export class ServerProcess {
  readonly name: string;
  readonly engine: Engine;
  readonly counters: GatewayCounters = createGatewayCounters();
  readonly desk: FrontDesk;
  door: GatewayDoor | null = null;
  private readonly clock: ProcessClock;
  private readonly parts: ServerParts;
  private readonly upkeep: Upkeep;
  private readonly lines: StoreLines;
  private readonly cluster: ServerCluster | null;

  constructor(parts: ServerParts) {
    this.parts = parts;
    this.name = parts.name;
    this.clock = new ProcessClock(parts.clock, parts.skewMs);
    const { clock } = this;
    let sessions: Sessions | null = null;
    const index = new DriverIndex({ grid: parts.grid, driversMax: DRIVERS_MAX });
    this.lines = parts.connect(clock);
    this.cluster = this.joinCluster(index);
    this.engine = createEngine({
      store: this.lines.store,
      claims: this.lines.claims,
      index,
      ingest: createIngest({ index, limits: DEFAULT_PING_LIMITS }),
      announcer: announceThrough(() => sessions),
      peers: this.cluster?.peers ?? ALONE,
      clock,
      ids: parts.ids,
      log: this.bugLog(),
      limits: parts.limits,
      tickPace: parts.tickPace,
      markets: [parts.market],
      meter: NO_DISPATCH_METER,
      stopwatchMs: () => clock.nowMs(),
    });
    this.upkeep = new Upkeep(this.engine, clock);
    this.desk = new ListeningDesk(this.engine, parts.heard);
    sessions = new Sessions({
      desk: this.desk,
      clock,
      epochPrefix: parts.name,
      limits: LIMITS,
      counters: this.counters,
      onError: (error) => parts.broken(error, 'a snapshot'),
    });
    this.sessions = sessions;
  }

  private readonly sessions: Sessions;

  /** Takes up the store's work, then lets connections in. Rejects when the store is out of reach, as at a real start. */
  async start(): Promise<void> {
    await this.cluster?.start(this.engine, this.upkeep);
    await this.upkeep.takeUp();
    for (const { dispatcher } of this.engine.markets.values()) dispatcher.start();
    this.upkeep.start();
    this.door = new GatewayDoor({
      context: this.gatewayContext(),
      sessions: this.sessions,
      clock: this.clock,
    });
  }

  pause(): void {
    this.clock.pause();
  }

  resume(timersFirst: boolean): void {
    this.clock.resume(timersFirst);
  }

  /** The orderly stop, as the composition root does it; nothing is lost that was accepted. */
  async drain(prng: Prng): Promise<void> {
    await this.cluster?.peers.drain();
    await this.door?.drain(prng);
    for (const { dispatcher } of this.engine.markets.values()) await dispatcher.stop();
    await this.upkeep.stop();
    this.cluster?.peers.close();
  }

  private joinCluster(index: DriverIndex): ServerCluster | null {
    const { cluster, name } = this.parts;
    if (cluster === null) return null;
    const replicaId = name as ReplicaId;
    return new ServerCluster({
      ...{ ...cluster, replicaId, index, clock: this.clock, lines: this.lines.redis, log: this.bugLog() },
    });
  }

  kill(): void {
    this.clock.kill();
    this.lines.redis.drop();
    this.door = null;
  }

  /** R10: what has outgrown its named maximum. */
  overgrown(): string[] {
    const { index, active, limits, markets } = this.engine;
    const sizes: [string, number, number][] = [
      ['drivers in the index', index.count, DRIVERS_MAX],
      ['sessions', this.counters.sessions, LIMITS.sessionsMax],
      ['active trips', active.count, DRIVERS_MAX],
    ];
    for (const { dispatcher } of markets.values()) {
      const { requests, offers, contested } = dispatcher.state;
      // Nobody is turned away whose trip was given back, or was stored before a lost answer: only what is new counts.
      const isCounted = this.parts.isHealthy;
      const fresh = [...requests.values()].filter(({ trip }) => trip.version === 1).length;
      if (isCounted) sizes.push(['open requests', fresh, limits.openRequestsMax]);
      sizes.push(['open offers', offers.size, DRIVERS_MAX]);
      sizes.push(['contested drivers', contested.size, DRIVERS_MAX]);
    }
    return sizes
      .filter(([, size, max]) => size > max)
      .map(([what, size, max]) => `${size} ${what}, at most ${max}`);
  }

  private gatewayContext(): ConnectionContext {
    const { clock, desk, counters, parts } = this;
    const coarse = { nowMs: clock.nowMs() };
    clock.every(COARSE_MS, () => {
      coarse.nowMs = clock.nowMs();
    });
    return {
      desk,
      clock,
      wallClock: clock,
      limits: LIMITS,
      counters,
      coarse,
      onError: (error, fields) => parts.broken(error, JSON.stringify(fields)),
      onAnswer: () => undefined,
    };
  }

  /** Operational errors are expected here; what is logged without a code is a bug that somebody caught. */
  private bugLog(): Log {
    const look = (fields: object, message: string): void => {
      const { err } = fields as { err?: unknown };
      if (err !== undefined && !(err instanceof Error && 'code' in err)) this.parts.broken(err, message);
    };
    return { debug() {}, info() {}, warn: look, error: look };
  }
}

/** The desk, with an ear for R8's check. */
class ListeningDesk extends FrontDesk {
  private readonly heard: (driverId: DriverId) => void;

  constructor(engine: Engine, heard: (driverId: DriverId) => void) {
    super(engine);
    this.heard = heard;
  }

  override pings(driverId: DriverId, rows: Float64Array, count: number, hint?: number): number {
    this.heard(driverId);
    return super.pings(driverId, rows, count, hint);
  }
}
