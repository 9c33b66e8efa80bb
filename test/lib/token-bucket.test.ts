import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KeyedBuckets, takeTokens, TokenBucket } from '../../src/lib/token-bucket.ts';

const START_MS = 1_767_225_600_000;

describe('a token bucket', () => {
  it('gives its burst at once, then so many a second (R10)', () => {
    const rate = { perS: 5, burstMax: 20 };
    const bucket = new TokenBucket();
    const takenAt = (nowMs: number) => {
      let taken = 0;
      while (bucket.take(rate, nowMs)) taken += 1;
      return taken;
    };
    expect(takenAt(START_MS)).toBe(20);
    expect(bucket.isEmpty(rate, START_MS)).toBe(true);
    expect(takenAt(START_MS + 199)).toBe(0);
    expect(takenAt(START_MS + 1_000)).toBe(5);
    expect(takenAt(START_MS + 3_600_000)).toBe(20);
  });

  it('takes nothing when it has not all that is asked for', () => {
    const rate = { perS: 1, burstMax: 10 };
    const bucket = new TokenBucket();
    expect(bucket.take(rate, START_MS, 11)).toBe(false);
    expect(bucket.take(rate, START_MS, 10)).toBe(true);
  });

  it('admits what one that counts its tokens admits, at any rate and any times', () => {
    const rates = fc.record({
      perS: fc.constantFrom(1 / 60, 0.3, 1, 3, 7, 20, 1e6),
      burstMax: fc.integer({ min: 1, max: 600 }),
    });
    const asks = fc.array(fc.tuple(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 1, max: 200 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(rates, asks, (rate, list) => {
        let [fullMs, tokens, filledMs, nowMs] = [0, rate.burstMax, START_MS, START_MS];
        for (const [laterMs, cost] of list) {
          nowMs += laterMs;
          tokens = Math.min(rate.burstMax, tokens + ((nowMs - filledMs) * rate.perS) / 1_000);
          filledMs = nowMs;
          const next = takeTokens(fullMs, rate, nowMs, cost);
          // Between the two lie roundings: what is that close may go either way, and decides for both.
          if (Math.abs(tokens - cost) > (rate.perS / 1_000) * 0.05 + 1e-6)
            expect(next !== null).toBe(tokens >= cost);
          if (next === null) continue;
          fullMs = next;
          tokens -= cost;
        }
      }),
    );
  });
});

describe('buckets by key', () => {
  it('forget a key that was not used since its last turn, and remember none that was only looked at (R10)', () => {
    const buckets = new KeyedBuckets({ perS: 0.001, burstMax: 1 }, 2);
    expect(['a', 'b', 'a'].map((key) => buckets.take(key, START_MS))).toEqual([true, true, false]);
    expect(buckets.isEmpty('c', START_MS)).toBe(false);
    expect(buckets.isEmpty('b', START_MS)).toBe(true);
    expect(buckets.take('c', START_MS)).toBe(true);
    // `b` has gone for `c`; `a` was used later.
    expect(buckets.isEmpty('b', START_MS)).toBe(false);
    expect(buckets.isEmpty('a', START_MS)).toBe(true);
  });

  it('never hold more than keysMax, all of them in use or not (R10)', () => {
    const keysMax = 40;
    const buckets = new KeyedBuckets({ perS: 0.001, burstMax: 1 }, keysMax);
    const keys = Array.from({ length: 3 * keysMax }, (_, n) => `k${n}`);
    for (const key of keys) {
      buckets.take(key, START_MS);
      buckets.take(key, START_MS);
    }
    expect(keys.filter((key) => buckets.isEmpty(key, START_MS))).toHaveLength(keysMax);
  });
});
