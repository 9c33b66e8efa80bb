import fc from 'fast-check';
import postgres from 'postgres';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { ChainWalk, entryText, nextHash, type ChainRow } from '../../src/store/audit-chain.ts';
import type { AuditEntry } from '../../src/store/audit-log.ts';
import { PostgresAuditLog, verifyAuditLog } from '../../src/store/audit-log-postgres.ts';
import { freshDatabase } from '../stores.ts';

const { sql, url } = await freshDatabase();
const log = new PostgresAuditLog(sql);
const others = Array.from({ length: 4 }, () => postgres(url, { max: 2, onnotice: () => undefined }));
afterAll(() => Promise.all(others.map((one) => one.end({ timeout: 5 }))));

const entry = (id: string, more: Partial<AuditEntry> = {}): AuditEntry => ({
  ...{
    atMs: 1_790_000_000_123,
    actor: { role: 'admin', id: 'op-1' },
    address: '192.0.2.7',
    action: 'driver.approve',
  },
  ...{ object: { kind: 'driver', id }, before: { state: 'submitted' }, after: { state: 'approved' } },
  ...more,
});
const append = async (count: number): Promise<void> => {
  for (let i = 1; i <= count; i++) await log.append(entry(`d-${i}`));
};

/** What who owns the database may do, and the log's triggers would refuse. */
const behindItsBack = (work: (tx: postgres.TransactionSql) => Promise<unknown>) =>
  sql.begin(async (tx) => {
    await tx`alter table audit_log disable trigger user`;
    await work(tx);
    await tx`alter table audit_log enable trigger user`;
  });

beforeEach(async () => {
  await behindItsBack((tx) => tx`truncate audit_log`);
  await sql`update audit_head set seq = 0, hash = decode(repeat('00', 32), 'hex'), anchor_seq = 0,
    anchor_hash = decode(repeat('00', 32), 'hex')`;
});

describe('the audit log', () => {
  it('keeps one chain without gaps when many append at once', async () => {
    const logs = others.map((one) => new PostgresAuditLog(one));
    await Promise.all(
      logs.flatMap((one, replica) =>
        Array.from({ length: 25 }, (_, i) => one.append(entry(`d-${replica}-${i}`))),
      ),
    );
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 100, head: { seq: 100 }, broken: null });
    const ids = (await log.search({}, 200)).map(({ object }) => object.id);
    expect(new Set(ids).size).toBe(100);
  });

  it('takes back the entry of a transaction that is rolled back, and leaves no gap', async () => {
    await append(1);
    const failed = sql.begin(async (tx) => {
      await tx`select audit_append(${entryText(entry('never'))})`;
      throw new Error('the change fails');
    });
    await expect(failed).rejects.toThrow('the change fails');
    await append(1);
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 2, broken: null });
  });

  it('refuses that a row is changed, removed, or all are', async () => {
    await append(1);
    for (const work of [
      sql`update audit_log set entry = entry`,
      sql`delete from audit_log`,
      sql`truncate audit_log`,
    ])
      await expect(work).rejects.toMatchObject({ code: '23001' });
  });

  it('is searched by actor, action, object and time, the newest first, page by page', async () => {
    const atMs = 1_790_000_000_000;
    await log.append(entry('a', { atMs }));
    await log.append(entry('b', { atMs: atMs + 1, actor: { role: 'support', id: 'op-2' } }));
    await log.append(
      entry('b', { atMs: atMs + 2, action: 'operator.sign_in', object: { kind: 'operator', id: 'b' } }),
    );
    await log.append(entry('c', { atMs: atMs + 3, actor: null, address: null, before: null }));
    const found = async (filter: Parameters<typeof log.search>[0], limit = 10) =>
      (await log.search(filter, limit)).map(({ seq }) => seq);
    expect(await found({})).toEqual([4, 3, 2, 1]);
    expect(await found({ actorId: 'op-1' })).toEqual([3, 1]);
    expect(await found({ action: 'operator.sign_in' })).toEqual([3]);
    expect(await found({ objectId: 'b' })).toEqual([3, 2]);
    expect(await found({ objectId: 'b', objectKind: 'driver' })).toEqual([2]);
    expect(await found({ fromMs: atMs + 1, toMs: atMs + 3 })).toEqual([3, 2]);
    expect(await found({}, 2)).toEqual([4, 3]);
    expect(await found({ beforeSeq: 3 }, 2)).toEqual([2, 1]);
    expect((await log.search({ objectId: 'c' }, 1))[0]).toMatchObject(
      entry('c', { atMs: atMs + 3, actor: null, address: null, before: null }),
    );
  });

  it('keeps any text', async () => {
    const after = { quote: `'; drop table trips; --`, odd: 'nul \0 half \ud800 é 漢 😀' };
    await log.append(entry('x', { after }));
    const [record] = await log.search({}, 1);
    expect(record!.after).toEqual({ ...after, odd: 'nul \ufffd half \ufffd é 漢 😀' });
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 1, broken: null });
  });
});

describe('the verification of the audit log', () => {
  const broken = async (range: Parameters<typeof verifyAuditLog>[1] = {}) =>
    (await verifyAuditLog(sql, range)).broken;
  const forged = entryText(entry('d-3', { after: { state: 'rejected' } }));

  it('finds a row that was changed behind its back', async () => {
    await append(5);
    await behindItsBack((tx) => tx`update audit_log set entry = ${forged} where seq = 3`);
    expect(await broken()).toMatchObject({ seq: 3, why: expect.stringContaining('changed') as string });
  });

  it('finds a row that was changed together with its hash', async () => {
    await append(5);
    await behindItsBack(
      (tx) => tx`update audit_log a set entry = ${forged},
        hash = sha256((select hash from audit_log where seq = 2) || int8send(3) || convert_to(${forged}, 'UTF8'))
        where seq = 3`,
    );
    expect(await broken()).toMatchObject({ seq: 4 });
  });

  it('finds a removed row, a cut tail, and an emptied log', async () => {
    await append(5);
    await behindItsBack((tx) => tx`delete from audit_log where seq = 5`);
    expect(await broken()).toMatchObject({ seq: 5, why: expect.stringContaining('missing') as string });
    await behindItsBack((tx) => tx`delete from audit_log where seq = 2`);
    expect(await broken()).toMatchObject({ seq: 2 });
    await behindItsBack((tx) => tx`truncate audit_log`);
    expect(await broken()).toMatchObject({ seq: 1 });
  });

  it('finds by a link that was written down that the tail was cut together with the head, or the chain made anew', async () => {
    await append(5);
    const { head: expected } = await verifyAuditLog(sql);
    expect(await broken({ expected })).toBeNull();
    await behindItsBack(async (tx) => {
      await tx`delete from audit_log where seq > 3`;
      await tx`update audit_head set seq = 3, hash = (select hash from audit_log where seq = 3)`;
    });
    expect(await broken()).toBeNull();
    expect(await broken({ expected })).toMatchObject({ seq: 4 });
    await log.append(entry('other'));
    await log.append(entry('another'));
    expect(await broken()).toBeNull();
    expect(await broken({ expected })).toMatchObject({ seq: 5 });
  });

  it('walks more than a page, and a part of the chain', async () => {
    await sql`select count(*) from (select audit_append(${entryText(entry('many'))}) from generate_series(1, 2500)) x`;
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 2_500, broken: null });
    expect(await verifyAuditLog(sql, { from: 1_001, to: 2_000 })).toMatchObject({
      rows: 1_000,
      broken: null,
    });
    await behindItsBack((tx) => tx`delete from audit_log where seq = 1000`);
    expect(await broken({ from: 1_001 })).toMatchObject({ seq: 1_000 });
    expect(await broken({ from: 1_002 })).toBeNull();
  });

  it('begins at the anchor where rows were let go by age', async () => {
    await append(5);
    await behindItsBack(async (tx) => {
      await tx`update audit_head set anchor_seq = 3, anchor_hash = (select hash from audit_log where seq = 3)`;
      await tx`delete from audit_log where seq <= 3`;
    });
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 2, head: { seq: 5 }, broken: null });
  });
});

describe('a chain', () => {
  it('is broken by any change of any row', () => {
    const texts = fc.array(fc.string(), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(texts, fc.nat(), fc.nat(2), (entries, pick, how) => {
        const rows: ChainRow[] = [];
        let hash: Buffer = Buffer.alloc(32);
        for (const [i, text] of entries.entries()) {
          hash = nextHash(hash, i + 1, text);
          rows.push({ seq: i + 1, hash, entry: text });
        }
        const head = rows.at(-1)!;
        const at = pick % rows.length;
        const changed = rows.map((row) => ({ ...row }));
        if (how === 0) changed[at]!.entry += '!';
        if (how === 1) changed.splice(at, 1);
        if (how === 2)
          changed[at]!.hash = Buffer.from(changed[at]!.hash.map((byte, i) => (i === 7 ? byte ^ 1 : byte)));
        const walk = (of: ChainRow[]) => {
          const one = new ChainWalk({ seq: 0, hash: Buffer.alloc(32) });
          for (const row of of) one.next(row);
          one.end(head);
          return one.broken;
        };
        expect(walk(rows)).toBeNull();
        expect(walk(changed)).toMatchObject({ seq: at + 1 });
      }),
    );
  });

  it('hashes the same text for the same entry', () => {
    const one = entry('a', { after: { x: 1, y: { b: [1, null], a: true } } });
    const same = {
      ...one,
      after: { y: { a: true, b: [1, null] }, x: 1 },
      object: { id: 'a', kind: 'driver' },
    };
    expect(entryText(same)).toBe(entryText(one));
  });
});
