/** What one bucket holds: `perS` come in each second, `burstMax` fit in. */
export interface BucketRate {
  readonly perS: number;
  readonly burstMax: number;
}

/** Moments add up with fractions that a double cannot hold: that much is no debt. */
const ROUNDING_MS = 0.01;

/**
 * A bucket as one number, the moment at which it is full again (the generic cell rate algorithm, ITU-T I.371): takes `cost` tokens at
 * `nowMs` and answers the new moment, or null when so many are not in it. Any moment in the past is a full bucket; with another rate it takes as long to be full. Milliseconds of a clock that does
 * not step back.
 */
export function takeTokens(fullMs: number, rate: BucketRate, nowMs: number, cost: number): number | null {
  const msPerToken = 1_000 / rate.perS;
  const nextMs = Math.max(fullMs, nowMs) + cost * msPerToken;
  return nextMs - nowMs > rate.burstMax * msPerToken + ROUNDING_MS ? null : nextMs;
}

/** A rate limit for one source: full at first. Times are milliseconds of whatever clock the caller uses throughout. */
export class TokenBucket {
  private fullMs = 0;

  /** Takes `cost` tokens and answers true, or takes none and answers false. */
  take(rate: BucketRate, nowMs: number, cost = 1): boolean {
    const fullMs = takeTokens(this.fullMs, rate, nowMs, cost);
    if (fullMs === null) return false;
    this.fullMs = fullMs;
    return true;
  }

  /** True when there is less than one token left. */
  isEmpty(rate: BucketRate, nowMs: number): boolean {
    return takeTokens(this.fullMs, rate, nowMs, 1) === null;
  }
}

/**
 * A bucket per key (account, address). At `keysMax` the key used longest ago is forgotten: whoever can make that many
 * keys gains a fresh burst now and then, and memory stays bounded (R10).
 */
export class KeyedBuckets {
  private readonly buckets = new Map<string, TokenBucket>();
  private readonly rate: BucketRate;
  private readonly keysMax: number;

  constructor(rate: BucketRate, keysMax: number) {
    this.rate = rate;
    this.keysMax = keysMax;
  }

  take(key: string, nowMs: number, cost = 1): boolean {
    return this.bucketOf(key).take(this.rate, nowMs, cost);
  }

  /** Whether `take` would fail, without taking, and without remembering a key not seen before. */
  isEmpty(key: string, nowMs: number): boolean {
    return this.buckets.get(key)?.isEmpty(this.rate, nowMs) ?? false;
  }

  private bucketOf(key: string): TokenBucket {
    const known = this.buckets.get(key);
    if (known !== undefined) {
      // To the end of the map's order: what is at its front was used longest ago.
      this.buckets.delete(key);
      this.buckets.set(key, known);
      return known;
    }
    if (this.buckets.size >= this.keysMax) {
      const oldest = this.buckets.keys().next();
      if (!oldest.done) this.buckets.delete(oldest.value);
    }
    const bucket = new TokenBucket();
    this.buckets.set(key, bucket);
    return bucket;
  }
}
