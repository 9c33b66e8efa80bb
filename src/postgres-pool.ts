import postgres from 'postgres';

import { createErrorLog } from './lib/error-log.ts';
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { Prng } from './lib/prng.ts';
import { ARRAY_TYPES } from './postgres-arrays.ts';
import { dial, isThere } from './postgres-dial.ts';
import { LOGIN_PADDING } from './postgres-frames.ts';
import { createPostgresHosts, type PostgresHosts } from './postgres-hosts.ts';
import { guardTransactions } from './postgres-transactions.ts';
import { PostgresSocket } from './postgres-socket.ts';
import {
  parsePostgresUrl,
  type PostgresAddress,
  type PostgresTarget,
  type SessionAttrs,
} from './postgres-url.ts';
import { readCa } from './store-url.ts';

export interface PostgresPoolOptions {
  /** Connections at most; statements beyond wait for one. */
  readonly poolMax: number;
  readonly log: Log;
  readonly prng: Prng;
  /** The machine's own: a demo's clock that runs faster would declare living connections dead. */
  readonly clock: Clock;
  /** PEM file with the certificates that `sslmode=verify-full` trusts instead of the system's (DATABASE_CA_FILE). */
  readonly caFile?: string | null;
  /** The setting that `url` came from, for its ConfigError. */
  readonly setting?: string;
  /** For a pool that only reads (DATABASE_READ_URL): the server refuses to write on it, were it the primary itself. */
  readonly isReadOnly?: boolean;
  /** For migrations: no limit to the time that a statement takes, though the server's being out of reach is noticed as ever. */
  readonly isPatient?: boolean;
}

/** The server ends a statement after this (57014), and a transaction in which nothing happens for so long. */
const STATEMENT_MS_MAX = 10_000;
/** Longer than that: the server is there, but its answer is lost. */
const SILENT_MS_MAX = 15_000;
const CONNECT_MS_MAX = 3_000;
/** With login; longer than the connection alone may take. */
const LOGIN_S_MAX = 5;
const PROBE_MS_MAX = 1_000;
const RETRY_S_MIN = 0.05;
const RETRY_S_MAX = 2;

/**
 * A pool of connections to the PostgreSQL at `url`, made when they are needed and again, with jitter, when they are lost.
 * Statements fail with a code of store/retry.ts within about 3 s of the server going out of reach, also without a word. End it
 * with `sql.end({ timeout })`: without a time-out it waits for connections for ever.
 */
export function openPostgres(url: string, options: PostgresPoolOptions): postgres.Sql {
  const { log, clock } = options;
  const target = parsePostgresUrl(url, options.setting);
  const ca = target.sslMode === 'verify-full' ? readCa(options.caFile, 'DATABASE_CA_FILE') : undefined;
  const plan: Plan = { target, ca, options, onError: createErrorLog({ log, clock, what: 'postgres' }) };
  // One server is left to the login to judge; of several the fit one must be known before.
  const wanted = target.attrs === 'prefer-standby' ? 'any' : target.attrs;
  const isAlone = target.addresses.length === 1;
  const preferred = target.attrs === 'prefer-standby' && !isAlone ? hostsFor(plan, 'standby') : null;
  const hosts = hostsFor(plan, wanted);
  return createPool(plan, {
    ...{ max: options.poolMax, attrs: wanted },
    pick: () => (preferred === null ? hosts.pick() : preferred.pick().catch(() => hosts.pick())),
    onClose() {
      hosts.forget();
      preferred?.forget();
    },
  });
}

interface Plan {
  readonly target: PostgresTarget;
  readonly ca: Buffer | undefined;
  readonly options: PostgresPoolOptions;
  readonly onError: (error: unknown) => void;
}

function hostsFor(plan: Plan, attrs: Exclude<SessionAttrs, 'prefer-standby'>): PostgresHosts {
  return createPostgresHosts(plan.target.addresses, async (address) => {
    const pick = (): Promise<PostgresAddress> => Promise.resolve(address);
    const sql = createPool(plan, { max: 1, attrs, pick, onClose: () => undefined });
    try {
      await sql`select 1`;
    } finally {
      await sql.end({ timeout: 1 });
    }
  });
}

interface PoolPlan {
  readonly max: number;
  readonly attrs: Exclude<SessionAttrs, 'prefer-standby'>;
  readonly pick: () => Promise<PostgresAddress>;
  readonly onClose: () => void;
}

function createPool(plan: Plan, pool: PoolPlan): postgres.Sql {
  const { target, options } = plan;
  const [first] = target.addresses;
  const losses = { inARow: 0 };
  const settings = {
    // For its messages alone: with two or more hosts it would try them by itself, without a pause and without an end.
    ...{ host: first?.host ?? '', port: first?.port ?? 0, ssl: false },
    ...(target.username === null ? {} : { username: target.username }),
    ...(target.password === null ? {} : { password: target.password }),
    ...(target.database === null ? {} : { database: target.database }),
    ...(pool.attrs === 'any' ? {} : { target_session_attrs: pool.attrs }),
    max: pool.max,
    onnotice: () => undefined,
    fetch_types: false,
    types: { ...ARRAY_TYPES },
    connect_timeout: LOGIN_S_MAX,
    // Full jitter: pools that lost the same server come back one by one.
    backoff: () =>
      options.prng.float() * Math.min(RETRY_S_MAX, RETRY_S_MIN * 2 ** Math.min(losses.inARow, 10)),
    connection: {
      application_name: 'hexdispatch',
      statement_timeout: options.isPatient === true ? 0 : STATEMENT_MS_MAX,
      idle_in_transaction_session_timeout: STATEMENT_MS_MAX,
      ...(options.isReadOnly === true ? { default_transaction_read_only: true } : {}),
      ...target.parameters,
      ...LOGIN_PADDING,
    },
    socket: () => openSocket(plan, pool, losses),
  };
  return guardTransactions(postgres(settings as object));
}

function openSocket(plan: Plan, pool: PoolPlan, losses: { inARow: number }): PostgresSocket {
  const { target, ca, options, onError } = plan;
  const { clock } = options;
  let address: PostgresAddress | null = null;
  return new PostgresSocket({
    clock,
    async dial() {
      address = await pool.pick();
      return dial({ address, sslMode: target.sslMode, ca, clock, timeoutMs: CONNECT_MS_MAX });
    },
    isThere: () =>
      address === null ? Promise.resolve(false) : isThere({ address, clock, timeoutMs: PROBE_MS_MAX }),
    silentMsMax: options.isPatient === true ? Infinity : SILENT_MS_MAX,
    onAnswer() {
      losses.inARow = 0;
    },
    onClose(error) {
      pool.onClose();
      if (error === null) return;
      losses.inARow++;
      onError(error);
    },
  });
}
