import type postgres from 'postgres';
import type { KeyKeeper } from '../lib/envelope.ts';

/** Where data keys lie: each row one, with the id of the key that wraps it. */
const HOLDERS = [
  { table: 'accounts', id: 'account_id' },
  { table: 'operators', id: 'operator_id' },
] as const;
const PAGE = 500;

/** Data keys by what wraps them, null where they were erased. */
export async function countDataKeys(
  sql: postgres.Sql,
): Promise<{ table: string; keyId: string | null; rows: number }[]> {
  const counts = [];
  for (const { table } of HOLDERS) {
    const rows = await sql<{ keyId: string | null; rows: number }[]>`
      select key_id as "keyId", count(*)::int as rows from ${sql(table)} group by key_id order by key_id`;
    for (const { keyId, rows: count } of rows) counts.push({ table, keyId, rows: count });
  }
  return counts;
}

/**
 * Wraps all data keys that another key than the current one has wrapped anew; what they have sealed stays as it is. Page by page, beside live traffic, and may be cut
 * off and begun again: what is done is not looked at twice. Answers how many were wrapped. Rejects with an EnvelopeError when a key that has wrapped one is not there.
 */
export async function rewrapDataKeys(sql: postgres.Sql, keeper: KeyKeeper): Promise<number> {
  let wrappedAnew = 0;
  for (const { table, id } of HOLDERS) {
    for (let after = ''; ;) {
      const page = await sql<{ id: string; data_key: Buffer; key_id: string }[]>`
        select ${sql(id)} as id, data_key, key_id from ${sql(table)}
        where key_id <> ${keeper.currentKeyId} and ${sql(id)} > ${after} order by ${sql(id)} limit ${PAGE}`;
      for (const row of page) {
        const fresh = await keeper.wrap(await keeper.unwrap(row.key_id, row.data_key));
        // Not one that was erased or wrapped anew meanwhile.
        const done = await sql`
          update ${sql(table)} set data_key = ${fresh.wrapped}, key_id = ${fresh.keyId}
          where ${sql(id)} = ${row.id} and data_key = ${row.data_key}`;
        wrappedAnew += done.count;
      }
      const last = page.at(-1);
      if (last === undefined) break;
      after = last.id;
    }
  }
  return wrappedAnew;
}
