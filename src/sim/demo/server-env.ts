import type { Market } from '../../domain/market.ts';

/** A clock that the server and the apps share: see createWallClock. */
export interface DemoClock {
  readonly speed: number;
  readonly startMs: number;
  readonly originWallMs: number;
}

/**
 * How the demo starts `dist/main.js server --port 0`, beside DATABASE_URL and REDIS_URL. The server migrates the database
 * itself, prints `{"ready":true,"port":N}` as a line of its stdout once it listens, drains and ends on SIGTERM, and also when
 * its IPC channel closes (the demo was killed): it has one, and is in a process group of its own, so that Ctrl-C in the terminal
 * reaches the demo alone, which then ends the city before the server.
 */
export interface ServerEnv {
  /** Signs and verifies tokens: the bytes of this text. */
  readonly AUTH_SECRET: string;
  /** A DemoClock as JSON. All sockets come from one address: with it set there is no limit per address. */
  readonly DEMO_CLOCK: string;
  /** A file that holds one Market as JSON. */
  readonly MARKET_FILE: string;
  readonly LOG_LEVEL: string;
  /** The demo signs its people's tokens itself. */
  readonly ACCOUNTS: 'elsewhere';
}

/** The environment of the demo's server. */
export function serverEnv(options: {
  secret: string;
  clock: DemoClock;
  marketFile: string;
}): Record<string, string> {
  const env: ServerEnv = {
    AUTH_SECRET: options.secret,
    DEMO_CLOCK: JSON.stringify(options.clock),
    MARKET_FILE: options.marketFile,
    LOG_LEVEL: 'warn',
    ACCOUNTS: 'elsewhere',
  };
  return { ...env };
}

/** What the file at MARKET_FILE holds. */
export const marketFileText = (market: Market): string => `${JSON.stringify(market, null, 2)}\n`;

/**
 * Metrics of the server that the demo reads at `GET /metrics`, in Prometheus' text format. `process_*` are prom-client's defaults;
 * the latency is a histogram of wall ms from a stored request to its first offer, labelled `supply`: `at_once` (a free driver
 * was in reach when it was first looked at) or `waited`; the delay of the event loop is a gauge, label `quantile` 0.5, 0.99, 0.999.
 */
export const SERVER_METRICS = {
  cpuS: 'process_cpu_seconds_total',
  residentBytes: 'process_resident_memory_bytes',
  offerLatencyMs: 'hexdispatch_offer_latency_ms',
  eventLoopDelayMs: 'hexdispatch_event_loop_delay_ms',
  tickMs: 'hexdispatch_tick_duration_ms',
  redisCommands: 'hexdispatch_redis_commands_total',
  fixes: 'hexdispatch_pings_total',
} as const;
