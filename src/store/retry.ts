import type { Clock } from '../lib/clock.ts';
import type { Prng } from '../lib/prng.ts';

/**
 * What a failed statement means for what it was to do: `rolled_back` = it certainly did not happen; `ambiguous` = the
 * answer was lost, it may have happened; `too_slow` = it did not happen, and at once again it would only add to the load;
 * `final` = trying again will not help.
 */
export type FailureKind = 'rolled_back' | 'ambiguous' | 'too_slow' | 'final';

/**
 * The one table of operational errors that are worth another try: SQLSTATE (PostgreSQL's appendix A), the client library's
 * codes, the system's and this folder's.
 */
const FAILURES: Readonly<Record<string, FailureKind>> = {
  '40001': 'rolled_back', // serialization_failure
  '40P01': 'rolled_back', // deadlock_detected
  '40003': 'ambiguous', // statement_completion_unknown
  '53300': 'rolled_back', // too_many_connections
  '55P03': 'rolled_back', // lock_not_available
  '25006': 'rolled_back', // read_only_sql_transaction: a standby that is not promoted yet
  '57P01': 'ambiguous', // admin_shutdown
  '57P02': 'ambiguous', // crash_shutdown
  '57P03': 'rolled_back', // cannot_connect_now: starting up
  '57014': 'too_slow', // query_canceled: longer than statement_timeout
  '08000': 'ambiguous', // connection_exception
  '08001': 'rolled_back', // sqlclient_unable_to_establish_sqlconnection
  '08003': 'ambiguous', // connection_does_not_exist
  '08006': 'ambiguous', // connection_failure
  CONNECTION_CLOSED: 'ambiguous',
  CONNECTION_DESTROYED: 'ambiguous',
  CONNECT_TIMEOUT: 'rolled_back',
  ECONNREFUSED: 'rolled_back',
  ENOENT: 'rolled_back', // the unix socket is not there (yet)
  ENOTFOUND: 'rolled_back',
  EAI_AGAIN: 'rolled_back',
  ECONNRESET: 'ambiguous',
  EPIPE: 'ambiguous',
  ETIMEDOUT: 'ambiguous',
  WRONG_ANSWERS: 'ambiguous', // answer-list.ts
};

/** What the error of a statement means, by its `code`; what the table does not name is `final`. */
export function failureKind(error: unknown): FailureKind {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return 'final';
  return FAILURES[error.code] ?? 'final';
}

export interface RetryBudgetOptions {
  /** Retries that one first try pays for. */
  readonly perTry: number;
  /** Retries that can be saved up; so many are there at the start. */
  readonly savedMax: number;
}

/** A store that fails or is slow gets at most 1.1 times its load, and 50 statements more. */
const RETRY_BUDGET: RetryBudgetOptions = { perTry: 0.1, savedMax: 50 };

/**
 * What keeps retries from becoming a storm: every first try adds a part of a retry, and who wants one takes a whole. One budget for
 * all that goes to one store; when it is used up, errors go to the callers at once, who try again at their own pace.
 */
export class RetryBudget {
  readonly counts = { tries: 0, retries: 0, denied: 0 };
  readonly #options: RetryBudgetOptions;
  #saved: number;

  constructor(options: Partial<RetryBudgetOptions> = {}) {
    this.#options = { ...RETRY_BUDGET, ...options };
    this.#saved = this.#options.savedMax;
  }

  tried(): void {
    this.counts.tries += 1;
    this.#saved = Math.min(this.#options.savedMax, this.#saved + this.#options.perTry);
  }

  /** Takes one retry, if there is one. */
  take(): boolean {
    if (this.#saved < 1) {
      this.counts.denied += 1;
      return false;
    }
    this.#saved -= 1;
    this.counts.retries += 1;
    return true;
  }
}

/** How often and how fast operational errors are tried again. */
export interface RetryPolicy {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly budget: RetryBudget;
  /** Tries in all; when the last fails its error goes to the caller. */
  readonly attemptsMax: number;
  /** Ceiling of the first wait; it doubles with every try up to `delayMsMax`. */
  readonly delayMs: number;
  readonly delayMsMax: number;
  /** So long after the first no other try is decided on, ms: statements that time out must not add up. */
  readonly tryingMsMax: number;
}

/** About three seconds in all: a failover is left to the caller's own repetition. */
export const RETRY_DEFAULTS = { attemptsMax: 8, delayMs: 20, delayMsMax: 1_000, tryingMsMax: 4_000 } as const;

/**
 * Runs `attempt` until it succeeds, fails with what may not be repeated, or there are no more tries, time or budget. Ambiguous
 * failures are repeated only when `idempotent` says that a second run does no harm. Waits are uniform in 0..ceiling (full jitter), so
 * that replicas which failed together do not come back together.
 */
export async function withRetries<T>(
  policy: RetryPolicy,
  idempotent: boolean,
  attempt: () => Promise<T>,
): Promise<T> {
  policy.budget.tried();
  const endMs = policy.clock.nowMs() + policy.tryingMsMax;
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const kind = failureKind(error);
      const repeatable = kind === 'rolled_back' || (kind === 'ambiguous' && idempotent);
      const isOver = tries >= policy.attemptsMax || policy.clock.nowMs() >= endMs;
      if (!repeatable || isOver || !policy.budget.take()) throw error;
    }
    const ceilingMs = Math.min(policy.delayMsMax, policy.delayMs * 2 ** (tries - 1));
    await wait(policy.clock, policy.prng.float() * ceilingMs);
  }
}

const wait = (clock: Clock, delayMs: number): Promise<void> =>
  new Promise((resolve) => {
    clock.after(delayMs, resolve);
  });
