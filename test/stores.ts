import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, inject } from 'vitest';

import { assert } from '../src/lib/assert.ts';
import { createWallClock } from '../src/lib/clock.ts';
import { randomToken } from '../src/lib/entropy.ts';
import { until } from '../src/private-processes.ts';
import { startPrivateStores } from '../src/private-stores.ts';
import { DATA_DIR, urlOf } from './stores-setup.ts';

/** Clients close their end first; the server needs a moment to notice. */
const LEFT_OPEN = { clock: createWallClock(), timeoutMs: 5_000, everyMs: 20 };

/** A database with all migrations and no rows, for one test file. */
export interface FreshDatabase {
  readonly url: string;
  /** A client for the test's own questions, closed after the file; the code under test may use it too. */
  readonly sql: postgres.Sql;
}

/**
 * Makes a database for this file and drops it after the file's last test; fails the file when somebody still holds a connection
 * to it then. To be called while the file is loaded, not in a hook: `const database = await freshDatabase();`
 */
export async function freshDatabase(): Promise<FreshDatabase> {
  const databaseUrl = inject('databaseUrl');
  const name = `hexdispatch_test_${randomToken(6)}`;
  const url = urlOf(databaseUrl, name);
  const sql = postgres(url, { max: 4, onnotice: () => undefined });
  const admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  afterAll(async () => {
    await sql.end({ timeout: 5 });
    try {
      await until({ ...LEFT_OPEN, what: 'closing of all connections to the database' }, async () => {
        const [row] = await admin<{ open: number }[]>`
          SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = ${name}`;
        return row?.open === 0 ? true : null;
      });
    } finally {
      await admin.unsafe(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end();
    }
  });
  await admin.unsafe(`CREATE DATABASE ${name} TEMPLATE ${inject('templateName')}`);
  return { url, sql };
}

/** An empty Redis for one test file. */
export interface FreshRedis {
  readonly url: string;
}

/**
 * Starts a Redis for this file (0.1 s), because channels and scripts know no database numbers, and ends it after the file's last
 * test; fails the file when somebody still holds a connection to it then. Never the operator's: tests empty what they use. To
 * be called while the file is loaded, not in a hook: `const redis = await freshRedis();`
 */
export async function freshRedis(): Promise<FreshRedis> {
  let cleanUp = (): Promise<void> => Promise.resolve();
  // Before the first await: afterwards the file may no longer add hooks.
  afterAll(() => cleanUp());
  const { redisUrl: url, stop } = await startPrivateStores({ dataDir: DATA_DIR, only: 'redis' });
  assert(url !== null, 'a Redis was asked for');
  const client = new Redis(url);
  cleanUp = async () => {
    try {
      await until({ ...LEFT_OPEN, what: 'closing of all connections to Redis' }, () =>
        lastConnection(client),
      );
    } finally {
      client.disconnect();
      await stop();
    }
  };
  return { url };
}

async function lastConnection(client: Redis): Promise<true | null> {
  const list = String(await client.client('LIST', 'TYPE', 'NORMAL'));
  const subscribers = String(await client.client('LIST', 'TYPE', 'PUBSUB'));
  return list.trim().split('\n').length === 1 && subscribers.trim() === '' ? true : null;
}
