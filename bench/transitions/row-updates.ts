import type postgres from 'postgres';
import type { Prng } from '../../src/lib/prng.ts';
import type { LoadMeter } from './load-meter.ts';

/** As many as pgbench has at scale 1. */
export const LIMIT_ROWS = 100_000;

/** The table of both single-row updates, this one and pgbench's. */
export const LIMIT_TABLE = `
  create table limit_rows (id integer primary key, balance integer not null);
  insert into limit_rows select n, 0 from generate_series(1, ${LIMIT_ROWS}) n;`;

export interface RowUpdatesOptions {
  /** A pool of `atOnce` connections. */
  readonly sql: postgres.Sql;
  readonly prng: Prng;
  readonly meter: LoadMeter;
  readonly atOnce: number;
}

/**
 * The least a durable change can be: one prepared statement that changes one random row, in a transaction of its own, on as many
 * connections as there are callers. What pgbench does with the same statement, but in JavaScript with the client that the store has.
 */
export class RowUpdates {
  readonly #options: RowUpdatesOptions;
  #isHalted = false;
  #updated = 0;

  constructor(options: RowUpdatesOptions) {
    this.#options = options;
  }

  /** Resolves some time after `halt`. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.atOnce }, () => this.#updateOnAndOn()));
  }

  halt(): void {
    this.#isHalted = true;
  }

  /** Rejects unless each update that was acknowledged is there. */
  async check(): Promise<void> {
    const [row] = await this.#options.sql<
      { sum: number }[]
    >`select sum(balance)::integer as sum from limit_rows`;
    if (row?.sum !== this.#updated)
      throw new Error(`${this.#updated} updates acknowledged, ${row?.sum} stored`);
  }

  async #updateOnAndOn(): Promise<void> {
    const { sql, prng, meter } = this.#options;
    while (!this.#isHalted) {
      const id = 1 + prng.int(LIMIT_ROWS);
      const { count } = await meter.timed(() =>
        sql`update limit_rows set balance = balance + 1 where id = ${id}`.execute(),
      );
      this.#updated += count;
    }
  }
}
