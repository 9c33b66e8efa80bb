import { Redis } from 'ioredis';
import { expect, it } from 'vitest';

import { freshDatabase, freshRedis } from './stores.ts';

const [one, other] = [await freshDatabase(), await freshDatabase()];
const [redis, otherRedis] = [await freshRedis(), await freshRedis()];

it('gives each asker a database of its own, with durability as in production', async () => {
  await one.sql`CREATE TABLE only_here (id int)`;
  const [there] = await other.sql`SELECT to_regclass('only_here') AS found`;
  expect(there).toEqual({ found: null });
  for (const name of ['fsync', 'synchronous_commit', 'full_page_writes'])
    expect((await one.sql.unsafe(`SHOW ${name}`))[0]).toEqual({ [name]: 'on' });
});

it('gives each asker a Redis of its own, channels included', async () => {
  const [a, b] = [new Redis(redis.url), new Redis(otherRedis.url)];
  await a.set('key', 'value');
  expect(await b.get('key')).toBe(null);
  await b.subscribe('channel');
  expect(await a.publish('channel', 'hello')).toBe(0);
  a.disconnect();
  b.disconnect();
});
