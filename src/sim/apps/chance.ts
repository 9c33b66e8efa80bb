import type { Prng } from '../../lib/prng.ts';

/** Log-normal around a median; `spread` is the standard deviation of the logarithm. */
export const logNormal = (prng: Prng, median: number, spread: number): number =>
  median * Math.exp(spread * prng.normal());

/** Log-normal with a mean instead of a median: noise that changes no sum over many. */
export const logNormalMean = (prng: Prng, mean: number, spread: number): number =>
  logNormal(prng, mean * Math.exp((-spread * spread) / 2), spread);

/** Uniform from `range[0]` up to `range[1]`. */
export const uniform = (prng: Prng, range: readonly [number, number]): number =>
  range[0] + (range[1] - range[0]) * prng.float();
