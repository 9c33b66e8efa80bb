import { beforeEach, describe, expect, it } from 'vitest';
import { isKeyHolder, isServiceKey, ServiceKeys } from '../../src/accounts/service-keys.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { PostgresServiceKeyStore } from '../../src/store/service-key-store-postgres.ts';
import { freshDatabase } from '../stores.ts';

const { sql } = await freshDatabase();
const store = new PostgresServiceKeyStore(sql);
const HOUR_MS = 3_600_000;
const ADDRESS = '192.0.2.1';
/** What the replicas have told each other. */
const ended = new Set<string>();
let nowMs = 1_790_000_000_000;

const replica = (): ServiceKeys =>
  new ServiceKeys({
    ...{ store, wallNowMs: () => nowMs, isEnded: (keyId) => ended.has(keyId) },
    onEnded: (keyIds) => keyIds.forEach((keyId) => ended.add(keyId)),
  });
const by = () => ({ atMs: nowMs, actor: { role: 'admin', id: 'op-1' } as const, address: ADDRESS });
const make = (keys: ServiceKeys, name = 'reports') => {
  nowMs += 1;
  return keys.make({ role: 'support', name, ttlMs: HOUR_MS }, by());
};

beforeEach(async () => {
  await sql`delete from service_keys`;
  ended.clear();
});

describe('a service key', () => {
  it('speaks for an operator of its role until its end, on every replica', async () => {
    const keys = replica();
    const { secret, key } = await make(keys);
    expect(secret).toMatch(/^hdk_[A-Za-z0-9_-]{43}$/);
    expect([isServiceKey(secret), isKeyHolder(key.keyId), isKeyHolder('op-1')]).toEqual([true, true, false]);
    const holder = { role: 'support', operatorId: key.keyId, expiresMs: nowMs + HOUR_MS };
    const [here, there] = [keys, replica()];
    expect(await here.lookUp(secret, ADDRESS)).toEqual({ ok: true, value: holder });
    expect(await there.lookUp(secret, ADDRESS)).toEqual({ ok: true, value: holder });
    nowMs += HOUR_MS;
    for (const one of [here, there, replica()])
      expect(await one.lookUp(secret, ADDRESS)).toMatchObject({ code: 'unauthorized' });
  });

  it('is refused as soon as it is ended, also where it was just looked up', async () => {
    const [here, there] = [replica(), replica()];
    const { secret, key } = await make(here);
    const other = await make(here, 'other');
    for (const one of [here, there]) expect(await one.lookUp(secret, ADDRESS)).toMatchObject({ ok: true });
    expect(await here.end(key.keyId, by())).toMatchObject({ ok: true, value: { endedMs: nowMs } });
    for (const one of [here, there, replica()]) {
      expect(await one.lookUp(secret, ADDRESS)).toMatchObject({ code: 'unauthorized' });
      expect(await one.lookUp(other.secret, ADDRESS)).toMatchObject({ ok: true });
    }
    expect(await here.end('key-nobodys', by())).toMatchObject({ code: 'not_found' });
    const audited = await new PostgresAuditLog(sql).search({ objectId: key.keyId }, 10);
    expect(audited.map(({ action }) => action)).toEqual(['key.end', 'key.make']);
  });

  it('that was ended is refused within a minute also where no word of it arrived', async () => {
    const deaf = replica();
    const { secret, key } = await make(deaf);
    await deaf.lookUp(secret, ADDRESS);
    await replica().end(key.keyId, by());
    ended.clear();
    nowMs += 60_000;
    expect(await deaf.lookUp(secret, ADDRESS)).toMatchObject({ code: 'unauthorized' });
  });

  it('is not kept as it is, and not found by what looks like it', async () => {
    const keys = replica();
    const { secret, key } = await make(keys);
    const [row] = await sql`select * from service_keys where key_id = ${key.keyId}`;
    expect(JSON.stringify(row)).not.toContain(secret.slice(4));
    for (const wrong of [
      'hdk_',
      `${secret}A`,
      secret.slice(0, -1),
      secret.toLowerCase(),
      `hdk_${'A'.repeat(43)}`,
    ])
      expect(await keys.lookUp(wrong, ADDRESS)).toMatchObject({ code: 'unauthorized' });
  });

  it('R10: is not looked up for an address that sends one wrong key after the other', async () => {
    const keys = replica();
    const { secret } = await make(keys);
    await keys.lookUp(secret, ADDRESS);
    const answers = [];
    for (let i = 0; i < 40; i++)
      answers.push(await keys.lookUp(`hdk_${String(i).padStart(43, 'A')}`, ADDRESS));
    expect(answers.at(-1)).toMatchObject({ code: 'rate_limited' });
    expect(await keys.lookUp(secret, ADDRESS)).toMatchObject({ ok: true });
    expect(await keys.lookUp(`hdk_${'A'.repeat(43)}`, '192.0.2.2')).toMatchObject({ code: 'unauthorized' });
  });

  it('is listed page by page', async () => {
    const keys = replica();
    for (const name of ['a', 'b', 'c']) await make(keys, name);
    const [, second] = await keys.keys(null, 2);
    expect(second!.name).toBe('b');
    expect((await keys.keys(second!, 2)).map(({ name }) => name)).toEqual(['c']);
  });
});
