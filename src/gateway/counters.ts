import type { CloseReason } from '../protocol/close-codes.ts';

/** Why an upgrade was refused. */
export type UpgradeRefusal =
  | 'bad_token'
  | 'forbidden'
  | 'bad_subprotocol'
  | 'too_many_failures'
  | 'connections'
  | 'connections_per_ip'
  | 'draining'
  | 'overloaded';

/** What the gateway has counted: plain numbers, so that a ping costs an addition; the root copies them out when scraped. */
export interface GatewayCounters {
  /** Open now. */
  readonly connections: { driver: number; rider: number };
  /** Kept now, with and without a connection. */
  sessions: number;
  /** By message type; `ping` and `pings` count frames. */
  readonly messagesIn: Record<string, number>;
  readonly messagesOut: Record<string, number>;
  bytesIn: number;
  bytesOut: number;
  /** Fixes handed to the desk, and those dropped for being above the rate. */
  fixesIn: number;
  fixesDropped: number;
  /** Fixes not looked at because the server was busy and a newer one of the driver had come, and those waiting now. */
  pingsShed: number;
  pingsParked: number;
  badFrames: number;
  rateLimited: number;
  overloaded: number;
  /** Commands not begun because those before them on their connection took too long. */
  turnsMissed: number;
  /** A `driver_at` replaced by a newer one before the reader was ready. */
  driverAtCoalesced: number;
  /** Clients who came back with an epoch and number that could not be resumed, and those who could. */
  resumesMissed: number;
  resumesMade: number;
  readonly closes: Partial<Record<CloseReason, number>>;
  readonly upgradesRefused: Partial<Record<UpgradeRefusal, number>>;
}

export function createGatewayCounters(): GatewayCounters {
  return {
    connections: { driver: 0, rider: 0 },
    sessions: 0,
    messagesIn: { ping: 0, pings: 0 },
    messagesOut: {},
    bytesIn: 0,
    bytesOut: 0,
    fixesIn: 0,
    fixesDropped: 0,
    pingsShed: 0,
    pingsParked: 0,
    badFrames: 0,
    rateLimited: 0,
    overloaded: 0,
    turnsMissed: 0,
    driverAtCoalesced: 0,
    resumesMissed: 0,
    resumesMade: 0,
    closes: {},
    upgradesRefused: {},
  };
}

/** Adds one to a counter by name. */
export function countUp<K extends string>(counts: Partial<Record<K, number>>, name: K): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
