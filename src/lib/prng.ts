/**
 * Seeded random numbers: xoshiro256** (Blackman and Vigna 2018), 64 bits of output, period 2^256 - 1, state filled by
 * splitmix64. Not for secrets. The same seed gives the same sequence on every machine.
 */
export interface Prng {
  /** Uniform in [0, 1), 53 bits. */
  float(): number;
  /** Uniform integer in [0, `bound`), `bound` from 1 to 2^53. */
  int(bound: number): number;
  /** True with the given probability (0 to 1). */
  chance(probability: number): boolean;
  /** Standard normal (Box and Muller). */
  normal(): number;
  /** Exponential with the given mean. */
  exponential(mean: number): number;
  /** A generator of its own, so that one consumer's draws do not shift another's. */
  fork(): Prng;
}

const MASK = (1n << 64n) - 1n;

function splitmix(seed: bigint): () => bigint {
  let s = seed & MASK;
  return () => {
    s = (s + 0x9e3779b97f4a7c15n) & MASK;
    let z = s;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
    return z ^ (z >> 31n);
  };
}

const rotl = (x: bigint, k: bigint): bigint => ((x << k) | (x >> (64n - k))) & MASK;

export function createPrng(seed: number | bigint): Prng {
  const fill = splitmix(BigInt(seed));
  let [a, b, c, d] = [fill(), fill(), fill(), fill()];
  const next = (): bigint => {
    const result = (rotl((b * 5n) & MASK, 7n) * 9n) & MASK;
    const t = (b << 17n) & MASK;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotl(d, 45n);
    return result;
  };
  const float = (): number => Number(next() >> 11n) / 2 ** 53;
  return {
    float,
    int: (bound) => Math.floor(float() * bound),
    chance: (probability) => float() < probability,
    normal: () => Math.sqrt(-2 * Math.log(1 - float())) * Math.cos(2 * Math.PI * float()),
    exponential: (mean) => -mean * Math.log(1 - float()),
    fork: () => createPrng(next()),
  };
}
