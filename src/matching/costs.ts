import type { MatchPolicy } from '../domain/market.ts';

/** The terms of a pair's cost, all in seconds; their sum is what is minimised. */
export interface CostTerms {
  /** Drive from where the driver is, or will be free, to the pickup. */
  readonly pickupS: number;
  /** Until the driver is free; 0 for who is free now. */
  readonly freeInS: number;
  /** What asking in vain is expected to cost: chance of a no × half the time an offer may take. */
  readonly refusalS: number;
  /** Taken off for a long idle driver (fairness). */
  readonly fairnessS: number;
}

/** Half of an offer's life passes, on average, before a no. */
export function refusalS(acceptanceRate: number, policy: MatchPolicy): number {
  return ((1 - acceptanceRate) * policy.offerTtlMs) / 2000;
}

/** Grows with the hours a driver has been idle, up to the policy's ceiling. */
export function fairnessS(idleMs: number, policy: MatchPolicy): number {
  if (!(idleMs > 0)) return 0;
  return Math.min(policy.fairnessSMax, (idleMs / 3_600_000) * policy.fairnessSPerIdleHour);
}

export const totalCost = (terms: CostTerms): number =>
  terms.freeInS + terms.pickupS + terms.refusalS - terms.fairnessS;

/**
 * Cost of leaving a request for the next tick: more than any sensible pickup, so that as many as possible are matched;
 * ten times that once the request has starved, so that it goes before every younger one in its reach.
 */
export const UNMATCHED_S = 7_200;
export function unmatchedCost(ageMs: number, policy: MatchPolicy): number {
  return ageMs >= policy.starvationMs ? UNMATCHED_S * 10 : UNMATCHED_S;
}
