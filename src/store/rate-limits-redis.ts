import type { Cluster, Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { KeyedBuckets } from '../lib/token-bucket.ts';
import type { RedisKeys } from '../protocol/redis-keys.ts';
import { RATE_RULES, type RateLimits, type RateRule, type RateRuleName } from './rate-limits.ts';

export interface RedisRateLimitsOptions {
  readonly redis: Redis | Cluster;
  readonly keys: RedisKeys;
  /** The wall's. */
  readonly clock: Clock;
  /** Redis could not be asked. */
  readonly onError: (error: unknown) => void;
}

/** A Redis that takes longer is as good as away: requests wait for it. */
const REDIS_MS_MAX = 250;
/** Of each rule, while Redis is away; see KeyedBuckets. */
const KEYS_MAX = 50_000;

/** One command each; every key is one rule and one account or address, so it works on a cluster as it is. */
export function createRedisRateLimits(options: RedisRateLimitsOptions): RateLimits {
  const { clock } = options;
  const names = Object.keys(RATE_RULES) as RateRuleName[];
  const counters = new Map(names.map((name) => [name, new Counter(RATE_RULES[name], name, options)]));
  return { take: (rule, key) => counters.get(rule)!.take(key, clock.nowMs()) };
}

/**
 * The library counts in Redis. What stands in while Redis is away is ours: its own keeps every key it has seen, with a timer each, and has no maximum (R10).
 */
class Counter {
  private readonly options: RedisRateLimitsOptions;
  private readonly shared: RateLimiterRedis;
  private readonly alone: KeyedBuckets;

  constructor(rule: RateRule, name: RateRuleName, options: RedisRateLimitsOptions) {
    this.options = options;
    this.shared = new RateLimiterRedis({
      ...{ storeClient: options.redis, keyPrefix: options.keys.rate(name) },
      ...{ points: rule.max, duration: rule.windowS, rejectIfRedisNotReady: true },
    });
    this.alone = new KeyedBuckets({ perS: rule.max / rule.windowS, burstMax: rule.max }, KEYS_MAX);
  }

  async take(key: string, nowMs: number): Promise<number> {
    const { clock, onError } = this.options;
    try {
      const asked = this.shared.consume(key).then(() => 0, waitMsOf);
      const waitMs = await withDeadline(clock, REDIS_MS_MAX, asked, () => null);
      if (waitMs !== null) return waitMs;
      onError(new Error(`no answer in ${REDIS_MS_MAX} ms`));
    } catch (error) {
      onError(error);
    }
    return this.alone.take(key, nowMs) ? 0 : 1_000;
  }
}

/** The library rejects with an answer when there are too many, and with an Error when it cannot tell. */
function waitMsOf(refusal: unknown): number {
  if (!(refusal instanceof RateLimiterRes)) throw refusal as Error;
  return Math.max(1, refusal.msBeforeNext);
}
