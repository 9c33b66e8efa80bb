import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

import type postgres from 'postgres';
import { afterEach, describe, expect, it } from 'vitest';

import { createWallClock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { openPostgres } from '../../src/postgres-pool.ts';
import { freePort } from '../../src/private-processes.ts';
import { failureKind } from '../../src/store/retry.ts';
import { Cable } from '../integration/cable.ts';
import { freshDatabase } from '../stores.ts';
import { makeCertificates } from './certificates.ts';
import { ownKey, startPostgres } from './postgres-servers.ts';
import { Servers, soon } from './servers.ts';

const database = await freshDatabase();
const servers = await Servers.open();
const clock = createWallClock();

const lines: string[] = [];
const keep = (fields: object, message: string): void =>
  void lines.push(JSON.stringify({ ...fields, message }));
const log: Log = { debug: keep, info: keep, warn: keep, error: keep };

const pools: postgres.Sql[] = [];
const cables: Cable[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.end({ timeout: 1 });
  for (const cable of cables.splice(0)) await cable.cut();
});

function open(
  url: string,
  changes: { caFile?: string; isReadOnly?: boolean; poolMax?: number } = {},
): postgres.Sql {
  const pool = openPostgres(url, { poolMax: 2, log, clock, prng: createPrng(1), ...changes });
  pools.push(pool);
  return pool;
}

async function lay(url: string): Promise<Cable> {
  const cable = await Cable.lay(url);
  cables.push(cable);
  return cable;
}

/** A statement of its own each time, with a parameter: it is described before it is run. */
const one = async (sql: postgres.Sql | postgres.TransactionSql): Promise<boolean> => {
  const [row] = await sql<{ n: number }[]>`select ${1}::int as n`;
  return row?.n === 1;
};
const failure = (work: Promise<unknown>): Promise<Error & { code?: string }> =>
  work.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  );
const withQuery = (url: string, query: string): string => `${url}${url.includes('?') ? '&' : '?'}${query}`;

describe('a pool', () => {
  it('runs statements, transactions and many at once', async () => {
    const sql = open(database.url, { poolMax: 3 });
    expect(await one(sql)).toBe(true);
    expect(await sql.begin(async (tx) => (await tx<{ n: number }[]>`select ${2}::int as n`)[0]!.n)).toBe(2);
    const many = Array.from({ length: 200 }, (_, i) => sql<{ n: number }[]>`select ${i}::int as n`);
    expect((await Promise.all(many)).map(([row]) => row!.n)).toEqual(many.map((_, i) => i));
    const long = 'x'.repeat(300_000);
    expect((await sql<{ t: string }[]>`select ${long}::text as t`)[0]!.t).toBe(long);
    expect((await failure(sql`select 1 / ${0}::int`)).code).toBe('22012');
    const odd = ['a,b', 'say "x"', 'c:\\d', 'NULL', '', '{}'];
    const [row] = await sql`
      select ${odd}::text[] as texts, ${[1.5, null, -2]}::float8[] as numbers, '{{1,2},{3,4}}'::int[] as nested,
        '[0:1]={t,f}'::bool[] as flags, ${[]}::uuid[] as none, ${['x', null]}::text[] as gaps`;
    expect(row).toEqual({
      ...{ texts: odd, numbers: [1.5, null, -2], flags: [true, false], none: [], gaps: ['x', null] },
      nested: [
        [1, 2],
        [3, 4],
      ],
    });
    expect(await one(sql)).toBe(true);
  });

  it('fails at once while PostgreSQL is out of reach, and is back by itself', async () => {
    const cable = await lay(database.url);
    const sql = open(cable.url);
    expect(await one(sql)).toBe(true);
    const underWay = failure(sql`select pg_sleep(30)`.execute());
    await soon('the statement', async () => {
      const [row] = await database.sql<{ n: number }[]>`
        select count(*)::int as n from pg_stat_activity where query = 'select pg_sleep(30)' and state = 'active'`;
      return row?.n === 1;
    });
    await cable.cut();
    expect(failureKind(await underWay)).toBe('ambiguous');
    // Each connection fails several times, and none is worse for it.
    for (let i = 0; i < 6; i++) expect((await failure(one(sql))).code).toBe('ECONNREFUSED');
    await cable.mend();
    const [both] = await Promise.all([Promise.all([one(sql), one(sql)]), one(sql)]);
    expect(both).toEqual([true, true]);
    await database.sql`select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(30)'`;
  });

  it('R11: recovers from any number of connections lost while statements are being written', async () => {
    const sql = open(database.url, { poolMax: 3 });
    const codes = new Set<string | undefined>();
    for (let round = 0; round < 12; round++) {
      const many = Array.from({ length: 12 }, (_, i) =>
        failure(i % 2 === 0 ? one(sql) : sql.begin(async (tx) => (await tx`select ${i}::int`) && one(tx))),
      );
      await database.sql`
        select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()
          and datname = current_database() and application_name = 'hexdispatch'`;
      for (const error of await Promise.all(many)) codes.add(error.code);
    }
    expect([...codes]).not.toContain('CONNECT_TIMEOUT');
    // All three connections are good for a statement, and at once.
    await soon('all', async () => {
      const many = Array.from({ length: 12 }, () => one(sql));
      return (await Promise.all(many)).every(Boolean);
    });
    const [row] = await sql<{ padding: string | null }[]>`
      select current_setting('hexdispatch.padding', true) as padding`;
    expect(row!.padding).toBe(null);
  });

  it('fails what it cannot log in for, also where something takes the connection and ends it without a word', async () => {
    const door = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
    await once(door, 'listening');
    const sql = open(`postgres://me:pw@127.0.0.1:${(door.address() as AddressInfo).port}/db`);
    expect((await failure(one(sql))).code).toBe('ECONNRESET');
    door.close();
  });

  it('drops a link that swallows all bytes, with a statement in any of its stages', async () => {
    const cable = await lay(database.url);
    const sql = open(cable.url, { poolMax: 2 });
    await Promise.all([one(sql), one(sql)]);
    cable.freeze();
    // Known to the server, and to be described first.
    const errors = await Promise.all([failure(one(sql)), failure(sql`select ${'text'}::text as new`)]);
    expect(errors.map((error) => error.code)).toEqual(['ETIMEDOUT', 'ETIMEDOUT']);
    expect(errors.map(failureKind)).toEqual(['ambiguous', 'ambiguous']);
    cable.thaw();
    await soon('a statement', () => one(sql));
  });

  it('leaves a statement alone that is only slow, and the server ends one that is too slow', async () => {
    const sql = open(withQuery(database.url, 'statement_timeout=4000'));
    expect(await sql`select pg_sleep(3), 1 as n`).toMatchObject([{ n: 1 }]);
    const error = await failure(sql`select pg_sleep(30)`);
    expect([error.code, failureKind(error)]).toEqual(['57014', 'too_slow']);
    expect(await one(sql)).toBe(true);
  });

  it('does not hand the end of one connection to the next one’s first statement', async () => {
    const sql = open(database.url, { poolMax: 1 });
    for (let round = 0; round < 3; round++) {
      const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
      const underWay = failure(sql`select pg_sleep(30)`.execute());
      await soon('end of the session', async () => {
        await database.sql`select pg_terminate_backend(${row!.pid})`;
        return (await database.sql`select from pg_stat_activity where pid = ${row!.pid}`).length === 0;
      });
      expect((await underWay).code).toBe('57P01');
      expect(await one(sql)).toBe(true);
    }
  });

  it('with a wrong password says so, and the log does not have it', async () => {
    lines.length = 0;
    const url = new URL(database.url);
    url.password = 'hunter2';
    expect((await failure(one(open(url.href)))).code).toBe('28P01');
    url.port = String(await freePort());
    expect((await failure(one(open(url.href)))).code).toBe('ECONNREFUSED');
    expect(lines.join()).toContain('28P01');
    expect(lines.join()).not.toContain('hunter2');
  });
});

describe('PostgreSQL with TLS', () => {
  it('is reached with the right authority and the right name, and not otherwise', async () => {
    const { caFile, certFile, keyFile } = await makeCertificates(servers.dir, ['127.0.0.1']);
    const settings = { ssl: 'on', ssl_cert_file: certFile, ssl_key_file: await ownKey(servers, keyFile) };
    const { url } = await startPostgres(servers, { name: 'tls', settings });
    const isEncrypted = async (sql: postgres.Sql): Promise<boolean | undefined> => {
      const [row] = await sql<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`;
      return row?.ssl;
    };
    expect(await isEncrypted(open(withQuery(url, 'sslmode=verify-full'), { caFile }))).toBe(true);
    expect(await isEncrypted(open(withQuery(url, 'sslmode=require')))).toBe(true);
    expect(await isEncrypted(open(withQuery(url, 'sslmode=disable')))).toBe(false);
    const stranger = await failure(one(open(withQuery(url, 'sslmode=verify-full'))));
    expect(stranger.message).toMatch(/certificate/);
    const named = withQuery(url.replace('127.0.0.1', 'localhost'), 'sslmode=verify-full');
    expect((await failure(one(open(named, { caFile })))).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect((await failure(one(open(withQuery(database.url, 'sslmode=require'))))).code).toBe('TLS_REFUSED');
    expect(() => open(withQuery(url, 'sslmode=verify-full'), { caFile: 'none.crt' })).toThrow(
      /^DATABASE_CA_FILE cannot be read/,
    );
  });
});
