import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { publishCluster, type ClusterSources } from './cluster-metrics.ts';
import type { DispatchMeter } from './dispatch/dispatch-meter.ts';
import type { Engine } from './dispatch/engine.ts';
import type { LoadLevel, LoadMonitor } from './dispatch/load-level.ts';
import type { ShelteredDesk } from './dispatch/sheltered-desk.ts';
import type { GatewayCounters } from './gateway/counters.ts';
import type { DriverMirror } from './geo/driver-mirror.ts';
import { by, one, publishers, type Publish } from './metric-publishers.ts';
import type { ServiceCounts } from './node-services.ts';
import type { RestCounters } from './rest/rest-server.ts';
import type { RetryBudget } from './store/retry.ts';
import type { PostgresTripStore } from './store/trip-store-postgres.ts';

/** Wall ms from 1 to two minutes, each a fifth above the last: quantiles read off them err by 10 % at most. */
const LATENCY_BUCKETS_MS = Array.from({ length: 65 }, (_, i) => Math.round(10 * 1.2 ** i) / 10);
const TICK_BUCKETS_MS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 40, 50, 75, 100, 200, 500, 1000];
/** A timer that wakes the process each time: at 10 ms half of what an idle server used. */
const LOOP_RESOLUTION_MS = 50;
const LOOP_QUANTILES = [0.5, 0.99, 0.999];

/** What is read when Prometheus asks. */
export interface MetricSources {
  readonly engine: Engine;
  readonly mirror: DriverMirror;
  readonly gateway: GatewayCounters;
  readonly rest: RestCounters;
  readonly claimCommands: () => number;
  readonly commandsQueued: () => number;
  readonly services: Readonly<ServiceCounts>;
}

/** What holds load off, and off which store. */
export interface OverloadSources {
  readonly load: Pick<LoadMonitor, 'level' | 'pressure'>;
  readonly desk: Pick<ShelteredDesk, 'counts' | 'inFlight' | 'snapshots'>;
  readonly gateway: GatewayCounters;
  readonly store: Pick<PostgresTripStore, 'backlog' | 'commandsNeverSent'>;
  readonly retries: RetryBudget['counts'];
}

export interface ServerMetrics {
  readonly meter: DispatchMeter;
  /** An answer to a command: `ok` or the code, and how long it took, ms. */
  answered(type: string, outcome: string, durationMs: number): void;
  /** Begins to publish the counters that live elsewhere. */
  publish(sources: MetricSources): void;
  /** The same for what happens under overload. */
  publishOverload(sources: OverloadSources): void;
  /** The same for what goes on between replicas. */
  publishCluster(sources: ClusterSources): void;
  text(): Promise<{ contentType: string; text: string }>;
  stop(): void;
}

/** Every figure of the server, for Prometheus; docs/operations.md explains them. */
export function createServerMetrics(): ServerMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LOOP_RESOLUTION_MS });
  // It lists all open files at each scrape: 1.2 µs of the loop for every socket, which `connections` counts for nothing.
  registry.removeSingleMetric('process_open_fds');
  const loopDelay = publishLoopDelay(registry);
  const commands = new Histogram({
    name: 'hexdispatch_command_duration_ms',
    help: 'commands answered, by type and outcome; engine ms',
    labelNames: ['type', 'outcome'],
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000],
    registers: [registry],
  });
  return {
    meter: createMeter(registry),
    answered: (type, outcome, durationMs) => commands.observe({ type, outcome }, durationMs),
    publish: (sources) => publishSources(registry, sources),
    publishOverload: (sources) => publishOverload(publishers(registry), sources),
    publishCluster: (sources) => publishCluster(publishers(registry), sources),
    text: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
    stop: () => loopDelay.disable(),
  };
}

function createMeter(registry: Registry): DispatchMeter {
  const registers = [registry];
  const ticks = new Histogram({
    name: 'hexdispatch_tick_duration_ms',
    help: 'work on a run of the matcher, all its turns of the event loop together; wall ms',
    buckets: TICK_BUCKETS_MS,
    registers,
  });
  const turns = new Histogram({
    name: 'hexdispatch_tick_turn_duration_ms',
    help: 'turns of the event loop that worked on a run of the matcher: how long it holds the loop up; wall ms',
    buckets: TICK_BUCKETS_MS,
    registers,
  });
  const elapsed = new Histogram({
    name: 'hexdispatch_tick_elapsed_ms',
    help: 'from the beginning to the end of a run of the matcher, whatever came in between; wall ms',
    buckets: TICK_BUCKETS_MS,
    registers,
  });
  const latency = new Histogram({
    name: 'hexdispatch_offer_latency_ms',
    help: 'from the stored request to its first offer, wall ms; at_once: its first tick found it a free driver',
    labelNames: ['supply'],
    buckets: LATENCY_BUCKETS_MS,
    registers,
  });
  const zoneTicks = new Counter({
    name: 'hexdispatch_zone_ticks_total',
    help: 'ticks that found open requests in the zone',
    labelNames: ['zone'],
    registers,
  });
  const zoneRequests = new Gauge({
    name: 'hexdispatch_zone_open_requests',
    help: 'open requests at the last tick',
    labelNames: ['zone'],
    registers,
  });
  const events = new Counter({
    name: 'hexdispatch_dispatch_events_total',
    help: 'what became of offers, claims and requests',
    labelNames: ['event'],
    registers,
  });
  return {
    turned: ({ durationMs }) => turns.observe(durationMs),
    ticked({ durationMs, elapsedMs, zones }) {
      ticks.observe(durationMs);
      elapsed.observe(elapsedMs);
      zoneRequests.reset();
      for (const [zone, count] of zones) {
        zoneTicks.inc({ zone });
        zoneRequests.set({ zone }, count);
      }
    },
    offered: ({ latencyMs, supply }) => latency.observe({ supply }, latencyMs),
    counted: (event, by) => events.inc({ event }, by),
  };
}

function publishLoopDelay(registry: Registry): ReturnType<typeof monitorEventLoopDelay> {
  const delay = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delay.enable();
  const gauge: Gauge = new Gauge({
    name: 'hexdispatch_event_loop_delay_ms',
    help: 'how late the event loop was, since the start; wall ms',
    labelNames: ['quantile'],
    registers: [registry],
    collect: () => {
      for (const quantile of LOOP_QUANTILES) {
        // The monitor counts its own sleep in.
        const lateMs = Math.max(0, delay.percentile(quantile * 100) / 1e6 - LOOP_RESOLUTION_MS);
        gauge.set({ quantile: String(quantile) }, lateMs);
      }
    },
  });
  return delay;
}

function publishSources(registry: Registry, sources: MetricSources): void {
  const { totals, levels } = publishers(registry);
  publishEngine(totals, levels, sources);
  publishEdges(totals, levels, sources);
}

function publishEngine(totals: Publish, levels: Publish, sources: MetricSources): void {
  const { engine, mirror } = sources;
  const { active, index } = engine;
  totals('pings_total', ['outcome'], 'fixes, by what became of them', () =>
    by('outcome', engine.ingest.counts),
  );
  totals('redis_commands_total', ['purpose'], 'commands sent to Redis', () =>
    by('purpose', { positions: mirror.counts.commands, claims: sources.claimCommands() }),
  );
  totals('mirror_flush_failures_total', [], 'failed flushes of positions', () =>
    one(mirror.counts.failedFlushes),
  );
  totals('path_points_dropped_total', [], 'points the store was too slow for', () =>
    one(active.droppedPoints),
  );
  totals('drivers_refused_total', [], 'drivers the index had no room for', () => one(index.refusedCount));
  levels('drivers', [], 'drivers on duty', () => one(index.count));
  levels('active_trips', [], 'trips with a driver', () => one(active.count));
  levels('open_requests', ['market'], 'requests without a driver', () =>
    [...engine.markets].map(
      ([market, { dispatcher }]) => [{ market }, dispatcher.state.requests.size] as const,
    ),
  );
  levels('store_queue', [], 'commands waiting for the database', () => one(sources.commandsQueued()));
}

function publishEdges(totals: Publish, levels: Publish, { gateway, rest, services }: MetricSources): void {
  totals(
    'drivers_suspected_total',
    [],
    'drivers taken off duty because their places cannot be believed',
    () => one(services.driversSuspected),
  );
  totals('sos_calls_total', [], 'calls for help taken in here', () => one(services.sosRaised));
  totals('fixes_dropped_total', [], 'fixes above a connection’s rate', () => one(gateway.fixesDropped));
  totals('messages_in_total', ['type'], 'frames received', () => by('type', gateway.messagesIn));
  totals('messages_out_total', ['type'], 'messages sent', () => by('type', gateway.messagesOut));
  totals('bytes_total', ['direction'], 'payload bytes', () =>
    by('direction', { in: gateway.bytesIn, out: gateway.bytesOut }),
  );
  totals('refusals_total', ['reason'], 'messages refused', () => {
    const { badFrames, rateLimited, overloaded } = gateway;
    return by('reason', { bad_frame: badFrames, rate_limited: rateLimited, overloaded });
  });
  totals('resumes_total', ['outcome'], 'clients who came back', () =>
    by('outcome', { made: gateway.resumesMade, missed: gateway.resumesMissed }),
  );
  totals('socket_closes_total', ['reason'], 'sockets closed here', () => by('reason', gateway.closes));
  totals('upgrades_refused_total', ['reason'], 'sockets refused', () =>
    by('reason', gateway.upgradesRefused),
  );
  totals('http_responses_total', ['operation', 'status'], 'REST answers', () =>
    [...rest].map(([key, value]) => {
      const [operation = '', status = ''] = key.split(' ');
      return [{ operation, status }, value] as const;
    }),
  );
  levels('connections', ['role'], 'open sockets', () => by('role', gateway.connections));
  levels('sessions', [], 'sessions kept', () => one(gateway.sessions));
}

const LEVELS: Readonly<Record<LoadLevel, number>> = { calm: 0, busy: 1, full: 2 };

function publishOverload(
  { totals, levels }: { totals: Publish; levels: Publish },
  { load, desk, gateway, store, retries }: OverloadSources,
): void {
  levels('load_level', [], '0 calm, 1 busy (pings wait), 2 full (new requests are refused)', () =>
    one(LEVELS[load.level]),
  );
  levels('load_pressure', [], 'what the level follows from: 1 is full', () => one(load.pressure));
  totals('pings_shed_total', [], 'fixes a busy server did not look at', () => one(gateway.pingsShed));
  levels('pings_parked', [], 'drivers whose newest fix waits', () => one(gateway.pingsParked));
  totals('shed_total', ['what'], 'what was refused to hold load off', () =>
    by('what', {
      request: desk.counts.requestsShed,
      in_flight: desk.counts.overloaded,
      snapshot: desk.counts.snapshotsShed,
      turn: gateway.turnsMissed,
      never_sent: store.commandsNeverSent,
    }),
  );
  totals('answers_late_total', [], 'answers given up on: unavailable', () => one(desk.counts.late));
  levels('in_flight', [], 'commands and questions begun and not settled', () => one(desk.inFlight));
  levels('snapshots', ['state'], 'snapshots of new connections', () =>
    by('state', { loading: desk.snapshots.running, waiting: desk.snapshots.waiting }),
  );
  levels('store_waiting_ms', [], 'how long the first command has waited for the database; wall ms', () =>
    one(store.backlog.waitingMs),
  );
  totals('store_tries_total', ['kind'], 'first tries, retries, and retries the budget denied', () =>
    by('kind', { first: retries.tries, retry: retries.retries, denied: retries.denied }),
  );
}
