import type postgres from 'postgres';

import type { Clock } from '../lib/clock.ts';

/** A replica that failed is left alone for so long: finding out that it is still out of reach takes a reader seconds. */
const LEFT_ALONE_MS = 5_000;

/** A PostgreSQL that follows the primary, for reads that may lag. */
export class ReadReplica {
  readonly #sql: postgres.Sql;
  readonly #clock: Clock;
  readonly #onFallback: ((error: unknown) => void) | null;
  #fallbacks = 0;
  #againMs = -Infinity;

  constructor(options: {
    readonly sql: postgres.Sql;
    readonly clock: Clock;
    /** Called when the replica fails, and not while it is left alone after that. */
    readonly onFallback: ((error: unknown) => void) | null;
  }) {
    this.#sql = options.sql;
    this.#clock = options.clock;
    this.#onFallback = options.onFallback;
  }

  /** Reads that the primary had to answer, since the start. */
  get fallbacks(): number {
    return this.#fallbacks;
  }

  /** Null when the primary must be asked, for whatever reason: also a replica that does not know a new column yet is no help. */
  async read(
    query: (sql: postgres.Sql) => postgres.PendingQuery<postgres.Row[]>,
  ): Promise<postgres.Row[] | null> {
    if (this.#clock.nowMs() >= this.#againMs) {
      try {
        return await query(this.#sql);
      } catch (error) {
        this.#againMs = this.#clock.nowMs() + LEFT_ALONE_MS;
        this.#onFallback?.(error);
      }
    }
    this.#fallbacks += 1;
    return null;
  }
}
