import { assert } from '../lib/assert.ts';
import type { BucketRate } from '../lib/token-bucket.ts';

/** Every bound of the gateway, with what happens at it (R10). */
export interface GatewayLimits {
  /** Open sockets; the next upgrade gets 503. */
  readonly connectionsMax: number;
  /** Open sockets of one address; the next upgrade gets 429. High: phones of one carrier may share an address. */
  readonly connectionsPerIpMax: number;
  /** Bytes of one frame; a longer one closes the connection (1009, by the WebSocket standard). */
  readonly payloadBytesMax: number;
  /** Bytes waiting for a slow reader; above it the connection is closed with `slow_reader`. */
  readonly backpressureBytesMax: number;
  /** Commands of one connection not yet answered; the next is answered `overloaded`. */
  readonly commandsInFlightMax: number;
  /** A command that has waited so long for those before it is answered `unavailable`, and not begun; wall ms. */
  readonly turnMsMax: number;
  /** Drivers with a fix waiting while the server is busy; above it the one that came first is shed. */
  readonly pingsParkedMax: number;
  /** Fixes of one connection; those above are dropped and counted. */
  readonly fixes: BucketRate;
  /** The same while the server is full, for drivers without a trip: whoever sends many is dropped before others notice. */
  readonly fixesWhenFull: BucketRate;
  /** Commands of one connection; those above are answered `rate_limited`. */
  readonly commands: BucketRate;
  /** Malformed frames of one connection; then it is closed with `bad_frames`. */
  readonly badFramesMax: number;
  /** Frames of one connection above a rate; then it is closed with `rate_abuse`. */
  readonly overRateMax: number;
  /** Numbered messages kept per session for resuming; the oldest goes, and who resumes from before it gets a snapshot. */
  readonly outboxMax: number;
  /** A session without a connection is kept so long. */
  readonly sessionTtlMs: number;
  /** Sessions in all; above it the one without a connection for longest goes, and gets a snapshot if it returns. */
  readonly sessionsMax: number;
  /** Silence after which a connection is given up, seconds, 8 to 960; the server pings before it. */
  readonly idleTimeoutS: number;
  /** A drain tells each socket to go at a random moment within this, so that they do not arrive elsewhere all at once. */
  readonly drainJitterMs: number;
  /** After this a drain closes what is still open. */
  readonly drainMsMax: number;
}

/** Defaults: a fix a second and bursts of buffered ones, commands at a human's pace. */
const GATEWAY_LIMITS: GatewayLimits = {
  connectionsMax: 60_000,
  connectionsPerIpMax: 2_000,
  payloadBytesMax: 32 * 1024,
  backpressureBytesMax: 64 * 1024,
  commandsInFlightMax: 8,
  turnMsMax: 1_000,
  pingsParkedMax: 60_000,
  fixes: { perS: 20, burstMax: 600 },
  fixesWhenFull: { perS: 2, burstMax: 20 },
  commands: { perS: 5, burstMax: 20 },
  badFramesMax: 10,
  overRateMax: 200,
  outboxMax: 16,
  sessionTtlMs: 15 * 60_000,
  sessionsMax: 120_000,
  idleTimeoutS: 60,
  drainJitterMs: 2_000,
  drainMsMax: 10_000,
};

/** The defaults with some replaced; asserts the relations between them. */
export function gatewayLimits(changes: Partial<GatewayLimits> = {}): GatewayLimits {
  const limits = { ...GATEWAY_LIMITS, ...changes };
  assert(limits.idleTimeoutS >= 8 && limits.idleTimeoutS <= 960, 'idleTimeoutS must be 8 to 960');
  assert(limits.drainJitterMs <= limits.drainMsMax, 'drainJitterMs must not exceed drainMsMax');
  assert(limits.outboxMax >= 1 && limits.commandsInFlightMax >= 1, 'a queue must have room for one');
  return limits;
}
