import type postgres from 'postgres';
import type { Config } from './config.ts';
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import type { Prng } from './lib/prng.ts';
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
