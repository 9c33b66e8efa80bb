/** So many in a window, which begins with the first of them. */
export interface RateRule {
  readonly max: number;
  readonly windowS: number;
}

/**
 * What is counted over all replicas, by class of request and by whom. Reads are here for what is above a replica's share. Addresses have much: phones of one
 * carrier may share one. How often a number or an e-mail may be tried is counted with it in PostgreSQL: Redis may be emptied (R12).
 */
export const RATE_RULES = {
  'sign_in:address': { max: 300, windowS: 60 },
  'sign_in:account': { max: 60, windowS: 60 },
  'write:address': { max: 3_000, windowS: 10 },
  'write:account': { max: 140, windowS: 10 },
  'read:address': { max: 2_000, windowS: 10 },
  'read:account': { max: 100, windowS: 10 },
} as const satisfies Record<string, RateRule>;
export type RateRuleName = keyof typeof RATE_RULES;

/** Limits that all replicas share (R10). */
export interface RateLimits {
  /**
   * Counts one and answers 0, or the milliseconds until the next is let through. Never rejects: while the count is out of reach each replica counts
   * for itself, by the same rule.
   */
  take(rule: RateRuleName, key: string): Promise<number>;
}
