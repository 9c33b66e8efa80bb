/** What one bucket holds: `perS` come in each second, `burstMax` fit in. */
export interface BucketRate {
  readonly perS: number;
  readonly burstMax: number;
}

/** A rate limit for one source: full at first. Times are milliseconds of whatever clock the caller uses throughout. */
export class TokenBucket {
  private tokens: number;
  private filledMs: number;

  constructor(rate: BucketRate, nowMs: number) {
    this.tokens = rate.burstMax;
    this.filledMs = nowMs;
  }

  /** Takes `cost` tokens and answers true, or takes none and answers false. */
  take(rate: BucketRate, nowMs: number, cost = 1): boolean {
    this.fill(rate, nowMs);
    if (this.tokens < cost) return false;
    this.tokens -= cost;
    return true;
  }

  /** True when there is less than one token left. */
  isEmpty(rate: BucketRate, nowMs: number): boolean {
    this.fill(rate, nowMs);
    return this.tokens < 1;
  }

  private fill(rate: BucketRate, nowMs: number): void {
    const gone = nowMs - this.filledMs;
    if (gone <= 0) return;
    this.tokens = Math.min(rate.burstMax, this.tokens + (gone * rate.perS) / 1000);
    this.filledMs = nowMs;
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
    return this.bucketOf(key, nowMs).take(this.rate, nowMs, cost);
  }

  /** Whether `take` would fail, without taking, and without remembering a key not seen before. */
  isEmpty(key: string, nowMs: number): boolean {
    return this.buckets.get(key)?.isEmpty(this.rate, nowMs) ?? false;
  }

  private bucketOf(key: string, nowMs: number): TokenBucket {
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
    const bucket = new TokenBucket(this.rate, nowMs);
    this.buckets.set(key, bucket);
    return bucket;
  }
}
