import type postgres from 'postgres';
import type { Config } from './config.ts';
import { createWallClock, type Clock } from './lib/clock.ts';
import { randomToken } from './lib/entropy.ts';
import type { Log } from './lib/log.ts';
import { createPrng, type Prng } from './lib/prng.ts';
import { openPostgres } from './postgres-pool.ts';
import { openRedisLink, type RedisLink } from './redis-link.ts';

export interface NodeStoresOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly redisUrl: string;
  readonly log: Log;
  readonly prng: Prng;
  readonly wallClock: Clock;
}

/** A server's ways to its stores. */
export interface NodeStores {
  readonly sql: postgres.Sql;
  /** For reads that may lag; null without DATABASE_READ_URL. */
  readonly readSql: postgres.Sql | null;
  readonly redis: RedisLink;
  close(): Promise<void>;
}

const END_S_MAX = 5;

/** Runs `work` on a pool of its own whose statements may take as long as they need: migrations and audits do. */
export async function withPatientPool<T>(
  { config, databaseUrl, log }: Pick<NodeStoresOptions, 'config' | 'databaseUrl' | 'log'>,
  work: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  const sql = openPostgres(databaseUrl, {
    ...{ poolMax: 2, log, clock: createWallClock(), caFile: config.databaseCaFile, isPatient: true },
    prng: createPrng(BigInt(`0x${randomToken(8)}`)),
  });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: END_S_MAX });
  }
}

/** Connections are made in the background; wrong URLs throw a ConfigError. */
export function openNodeStores(options: NodeStoresOptions): NodeStores {
  const { config, log, prng, wallClock: clock } = options;
  const pool = { poolMax: config.databasePoolMax, log, prng, clock, caFile: config.databaseCaFile };
  const sql = openPostgres(options.databaseUrl, pool);
  const readSql =
    config.databaseReadUrl === null
      ? null
      : openPostgres(config.databaseReadUrl, { ...pool, setting: 'DATABASE_READ_URL', isReadOnly: true });
  const redis = openRedisLink(options.redisUrl, { log, prng, clock, caFile: config.redisCaFile });
  return {
    sql,
    readSql,
    redis,
    async close() {
      redis.close();
      await Promise.all([sql.end({ timeout: END_S_MAX }), readSql?.end({ timeout: END_S_MAX })]);
    },
  };
}
