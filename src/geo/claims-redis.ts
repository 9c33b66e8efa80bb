import type { ChainableCommander, Redis } from 'ioredis';
import type { RedisKeys } from '../protocol/redis-keys.ts';
import type { Claims } from './claims.ts';

/**
 * KEYS[1] the driver's claim (string). ARGV[1] trip id, ARGV[2] life in ms.
 * Answers 1 when the driver is now claimed for that trip, 0 when another trip holds the driver.
 */
const CLAIM = `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1`;

/** KEYS[1] the driver's claim (string). ARGV[1] trip id. Answers 1 when that trip held it: it is gone then; else 0. */
const RELEASE = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

/**
 * Claims between replicas; one pipeline a call. EVAL and not EVALSHA: the scripts are shorter than the trouble of a server
 * that restarted and knows them no more.
 */
export function createRedisClaims(options: { readonly redis: Redis; readonly keys: RedisKeys }): Claims {
  const { redis, keys } = options;
  return {
    async claim(requests) {
      if (requests.length === 0) return [];
      const pipeline = redis.pipeline();
      for (const { driverId, tripId, ttlMs } of requests) {
        pipeline.eval(CLAIM, 1, keys.claim(driverId), tripId, Math.ceil(ttlMs));
      }
      return (await run(pipeline, 'claim')).map((reply) => reply === 1);
    },
    async release(releases) {
      if (releases.length === 0) return;
      const pipeline = redis.pipeline();
      for (const { driverId, tripId } of releases) pipeline.eval(RELEASE, 1, keys.claim(driverId), tripId);
      await run(pipeline, 'release');
    },
  };
}

async function run(pipeline: ChainableCommander, what: string): Promise<unknown[]> {
  const replies = await pipeline.exec();
  const failed = replies === null ? new Error('the pipeline was aborted') : replies.find(([e]) => e)?.[0];
  if (failed) throw new Error(`could not ${what} drivers`, { cause: failed });
  return replies!.map(([, reply]) => reply);
}
