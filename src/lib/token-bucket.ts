/** Keys passed over before one is forgotten all the same. */
const CHANCES = 16;

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

class KeyedBucket extends TokenBucket {
  isUsed = false;
}

/**
 * A bucket per key (account, address). At `keysMax` a key that was not used since its last turn is forgotten (second chance: as good as the one
 * used longest ago, and a use costs one look-up): whoever can make that many keys gains a fresh burst now and then, and memory stays bounded (R10).
 */
export class KeyedBuckets {
  /** In the order in which their turn to be forgotten comes. */
  private readonly buckets = new Map<string, KeyedBucket>();
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
      known.isUsed = true;
      return known;
    }
    if (this.buckets.size >= this.keysMax) this.forgetOne();
    const bucket = new KeyedBucket();
    this.buckets.set(key, bucket);
    return bucket;
  }

  private forgetOne(): void {
    let chances = CHANCES;
    for (const [key, bucket] of this.buckets) {
      this.buckets.delete(key);
      if (!bucket.isUsed || chances-- === 0) return;
      bucket.isUsed = false;
      this.buckets.set(key, bucket);
    }
  }
}
