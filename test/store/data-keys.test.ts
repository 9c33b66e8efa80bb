import { describe, expect, it } from 'vitest';
import { createKeyKeeper, EnvelopeError, newDataKey, openText, sealText } from '../../src/lib/envelope.ts';
import { complianceReport, complianceText } from '../../src/store/compliance-postgres.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { countDataKeys, rewrapDataKeys } from '../../src/store/data-keys-postgres.ts';
import { freshDatabase } from '../stores.ts';

const { sql } = await freshDatabase();
const OLD = { id: 'old', key: Buffer.alloc(32, 1) };
const NEW = { id: 'new', key: Buffer.alloc(32, 2) };
const before = createKeyKeeper([OLD]);
const during = createKeyKeeper([NEW, OLD]);
const after = createKeyKeeper([NEW]);
const AT = new Date('2026-01-02T03:04:05Z');
const PHONE = '+14155550123';

async function account(n: number): Promise<void> {
  const id = `r-${String(n).padStart(5, '0')}`;
  const key = newDataKey();
  const { keyId, wrapped } = await before.wrap(key);
  await sql`insert into accounts (account_id, kind, state, phone_index, phone_sealed, data_key, key_id, version, created_at)
    values (${id}, 'rider', 'active', ${Buffer.from(id)}, ${sealText(key, `${PHONE}${n}`, id)}, ${wrapped}, ${keyId}, 1, ${AT})`;
}
const phoneOf = async (n: number, keeper: typeof after): Promise<string> => {
  const id = `r-${String(n).padStart(5, '0')}`;
  const [row] = await sql<{ phone_sealed: Buffer; data_key: Buffer; key_id: string }[]>`
    select phone_sealed, data_key, key_id from accounts where account_id = ${id}`;
  return openText(await keeper.unwrap(row!.key_id, row!.data_key), row!.phone_sealed, id);
};

describe('keys that wrap data keys', () => {
  it('are changed without opening what the data keys have sealed, in pages, and again without harm', async () => {
    const COUNT = 1_203;
    await Promise.all(Array.from({ length: COUNT }, (_, n) => account(n)));
    await sql`insert into accounts (account_id, kind, state, version, created_at) values ('gone', 'rider', 'erased', 1, ${AT})`;
    await expect(rewrapDataKeys(sql, after)).rejects.toThrow(EnvelopeError);
    const [sealed] = await sql`select phone_sealed from accounts where account_id = 'r-00007'`;
    // Two at once: as when the first was believed dead.
    const done = await Promise.all([rewrapDataKeys(sql, during), rewrapDataKeys(sql, during)]);
    expect(done[0] + done[1]).toBe(COUNT);
    expect(await rewrapDataKeys(sql, during)).toBe(0);
    for (const n of [0, 7, 500, COUNT - 1]) expect(await phoneOf(n, after)).toBe(`${PHONE}${n}`);
    expect(await sql`select phone_sealed from accounts where account_id = 'r-00007'`).toEqual([sealed]);
    expect(await countDataKeys(sql)).toEqual([
      { table: 'accounts', keyId: 'new', rows: COUNT },
      { table: 'accounts', keyId: null, rows: 1 },
    ]);
  });
});

describe('the compliance report', () => {
  it('says what is kept, for how long, sealed by which key, and who has read it', async () => {
    const log = new PostgresAuditLog(sql);
    const read = {
      ...{
        atMs: AT.getTime(),
        actor: { role: 'support' as const, id: 'op-7' },
        address: null,
        action: 'person.read',
      },
      ...{ object: { kind: 'rider', id: 'r-00001' }, before: null, after: null },
    } as const;
    await log.append(read);
    await log.append({ ...read, atMs: AT.getTime() + 1_000 });
    const days = { trips: 2_555, paths: 90, matches: 30, answers: 7, sessions: 30, audit: 730 };
    const report = await complianceReport(sql, days);
    expect(report.kept.find(({ table }) => table === 'accounts')).toMatchObject({
      ...{ rows: 1_204, oldest: AT.toISOString(), days: null, sealed: ['phone', 'name'] },
    });
    expect(report.kept.find(({ table }) => table === 'trip_path')).toMatchObject({ rows: 0, days: 90 });
    expect(report.readers).toEqual([{ actor: 'op-7', times: 2, last: '2026-01-02T03:04:06.000Z' }]);
    const text = complianceText(report);
    expect(text).toContain('kept 90 days');
    expect(text).toMatch(/accounts +1203 by new/);
    expect(text).toMatch(/op-7 +2 times/);
    expect(text).not.toContain(PHONE);
  });

  it('has a row for every table in which people are', async () => {
    const named = await sql<{ table: string }[]>`
      select distinct c.table_name as table from information_schema.columns as c
      join information_schema.tables as t using (table_schema, table_name)
      where c.table_schema = 'public' and t.table_type = 'BASE TABLE'
        and c.column_name ~ '^(rider_id|account_id|phone_sealed|email_sealed|address|raised_by|lat|actor_id|rater_id)$'
        and c.table_name !~ '_[0-9]{4}_[0-9]{2}$|_default$'`;
    const days = { trips: 1, paths: 1, matches: 1, answers: 1, sessions: 1, audit: 1 };
    const kept = (await complianceReport(sql, days)).kept.map(({ table }) => table);
    // Parts and sums of what has a row.
    const parts = ['trip_events', 'rating_sums'];
    for (const { table } of named) expect([...kept, ...parts]).toContain(table);
  });
});
