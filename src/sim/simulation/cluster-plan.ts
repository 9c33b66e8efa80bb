import type { Prng } from '../../lib/prng.ts';

/** What goes wrong between several replicas: mean times between, Infinity = never in this world. */
export interface ClusterPlan {
  /** One is stopped where it stands (SIGSTOP) and goes on later. */
  readonly pauseEveryMs: number;
  /** One machine loses its way to PostgreSQL, to Redis, or to both. */
  readonly cutEveryMs: number;
  /** One drains, is gone for a while, and comes back: a rolling restart. */
  readonly drainEveryMs: number;
  /** Nobody reaches Redis for a while. */
  readonly redisOutEveryMs: number;
  /** All that Redis holds is gone: claims, and who is alive. */
  readonly redisEmptiedEveryMs: number;
  /** The last machine starts only after so long: adding a replica. 0 = with the others. */
  readonly lastJoinsAfterMs: number;
  /** Each machine's clock is off by at most so much, either way. */
  readonly skewMsMax: number;
  /** How long one of these lasts: uniform up to it. */
  readonly pauseMsMax: number;
  readonly cutMsMax: number;
  readonly redisOutMsMax: number;
  /** Apps know every machine's address and choose for themselves; else they go by a load balancer. */
  readonly appsChoose: boolean;
  /** How often an app is sent to another machine though nothing is wrong with the one it had. */
  readonly wanders: number;
}

const SECOND_MS = 1_000;
const SKEW_MS_MAX = 2_000;

const between = (prng: Prng, low: number, high: number): number => low + (high - low) * prng.float();
const sometimes = (prng: Prng, probability: number, low: number, high: number): number => {
  const meanMs = between(prng, low, high);
  return prng.chance(probability) ? meanMs : Infinity;
};

/** `durationMs`: of the world. Every tenth has no trouble of this kind at all. */
export function drawClusterPlan(prng: Prng, durationMs: number): ClusterPlan {
  const some = prng.chance(0.9) ? 1 : 0;
  const often = (probability: number): number =>
    sometimes(prng, probability * some, 30 * SECOND_MS, 180 * SECOND_MS);
  return {
    pauseEveryMs: often(0.5),
    cutEveryMs: often(0.5),
    drainEveryMs: often(0.4),
    redisOutEveryMs: often(0.3),
    redisEmptiedEveryMs: often(0.4),
    lastJoinsAfterMs: prng.chance(0.3) ? Math.round(prng.float() * durationMs) : 0,
    skewMsMax: prng.chance(0.8) ? Math.round(between(prng, 0, SKEW_MS_MAX)) : 0,
    pauseMsMax: Math.round(between(prng, 2, 25) * SECOND_MS),
    cutMsMax: Math.round(between(prng, 2, 25) * SECOND_MS),
    redisOutMsMax: Math.round(between(prng, 1, 10) * SECOND_MS),
    appsChoose: prng.chance(0.5),
    wanders: between(prng, 0, 0.6),
  };
}
