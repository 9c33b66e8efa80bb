import type postgres from 'postgres';
import type { KeyedWrite, KnownWrite, RestAnswers } from './rest-answers.ts';

/** On PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresRestAnswers implements RestAnswers {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async begin(write: KeyedWrite, staleMs: number): Promise<KnownWrite> {
    const { account, key, operation, fingerprint, beganMs } = write;
    const print = Buffer.from(fingerprint);
    // The row that is there is locked and looked at again before it is replaced: one try gets it.
    const begun = await this.#sql`
      insert into rest_answers as known (account, key, operation, fingerprint, began_at)
      values (${account}, ${key}, ${operation}, ${print}, ${new Date(beganMs)})
      on conflict (account, key) do update set began_at = excluded.began_at
        where known.answer is null and known.began_at <= ${new Date(staleMs)}
          and known.fingerprint = excluded.fingerprint
      returning 1`;
    if (begun.length > 0) return { state: 'begun' };
    const [row] = await this.#sql<{ fingerprint: Buffer; answer: Buffer | null }[]>`
      select fingerprint, answer from rest_answers where account = ${account} and key = ${key}`;
    // Dropped between the two: whoever asks again finds nothing.
    if (row === undefined) return { state: 'under_way' };
    if (!row.fingerprint.equals(print)) return { state: 'other' };
    return row.answer === null ? { state: 'under_way' } : { state: 'done', answer: row.answer };
  }

  async keep({ account, key, beganMs }: KeyedWrite, answer: Uint8Array): Promise<void> {
    await this.#sql`
      update rest_answers set answer = ${Buffer.from(answer)}
      where account = ${account} and key = ${key} and began_at = ${new Date(beganMs)} and answer is null`;
  }

  async drop({ account, key, beganMs }: KeyedWrite): Promise<void> {
    await this.#sql`
      delete from rest_answers
      where account = ${account} and key = ${key} and began_at = ${new Date(beganMs)} and answer is null`;
  }
}
