import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { City, RIDE, tokenFor } from './city.ts';
import { newPhone, Outbox, signIn } from './phones.ts';

/** What docs/security.md lists, where no other test tries it. */
const database = await freshDatabase();
const redis = await freshRedis();
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-codes-'));
const outbox = new Outbox(dir);
let city: City;
beforeAll(async () => {
  city = await City.open({ database, redisUrl: redis.url, codeOutboxDir: dir });
});
afterAll(async () => {
  await city.close();
  rmSync(dir, { recursive: true });
});

const operator = { role: 'operations', id: 'ann' } as const;

/** The answer to bytes that no HTTP client would send; the connection is closed after the first. */
async function raw(request: string): Promise<string> {
  const socket = net.connect(Number(new URL(city.url).port), '127.0.0.1');
  // Cut off while it writes: what was answered counts.
  socket.on('error', () => undefined);
  socket.setEncoding('latin1').end(request, 'latin1');
  let answer = '';
  socket.on('data', (chunk) => (answer += String(chunk)));
  await new Promise((resolve) => socket.once('close', resolve));
  return answer;
}

describe('API3: fields that are not the client’s to set', () => {
  it('are ignored when a trip is asked for', async () => {
    const forged = {
      riderId: city.id('victim'),
      status: 'completed',
      fareMinor: 1,
      version: 9,
      tripId: 'mine',
    };
    const { status, body } = await city.http<TripView>('POST', '/v1/trips', {
      ...{ role: 'rider', id: 'forger', key: 'mass', body: { ...RIDE, ...forged, quote: { fareMinor: 1 } } },
    });
    expect([status, body.status, body.version]).toEqual([201, 'searching', 1]);
    expect(body.quote.fareMinor).toBeGreaterThan(1);
    const rows = await database.sql`select rider_id from trips where trip_id = ${body.tripId}`;
    expect(rows).toEqual([{ rider_id: city.id('forger') }]);
    await city.http('POST', `/v1/trips/${body.tripId}/cancel`, {
      ...{ role: 'rider', id: 'forger', key: 'stop', body: { reason: 'no' } },
    });
  });

  it('are ignored when an account is changed: state, kind, number and approval stay', async () => {
    const driver = await signIn(city, outbox, 'driver');
    const token = driver.tokens.accessToken;
    const before = (await city.http<object>('GET', '/v1/account', { token })).body;
    const forged = { kind: 'rider', state: 'erased', phone: '+14155559999', accountId: 'x', role: 'admin' };
    const approval = { state: 'approved' };
    const body = { name: 'Bo', ...forged, approval };
    expect((await city.http('PATCH', '/v1/account', { token, body })).status).toBe(200);
    expect((await city.http('GET', '/v1/account', { token })).body).toEqual({ ...before, name: 'Bo' });
    const car = { vehicleClass: 'economy', seats: 4, model: 'Car', colour: 'red', plate: '1' };
    const sent = await city.http<{ approval: object }>('PUT', '/v1/account/car', {
      ...{ token, body: { ...car, state: 'approved', version: 7, driverId: 'x' } },
    });
    expect(sent).toMatchObject({ status: 200, body: { approval: { state: 'submitted' } } });
  });

  it('do not reach the prototypes of the server’s objects', async () => {
    const body = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"reason":"no"}`;
    const { status } = await city.http('POST', '/v1/trips/00000000-0000-7000-8000-000000000000/cancel', {
      ...{ role: 'rider', key: 'proto', body },
    });
    expect(status).toBe(404);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});

describe('API5: ways around a route’s permission', () => {
  const admin = '/v1/admin/accounts/rider';
  it.each([
    ['another spelling of the path', '/V1/Admin/accounts/rider'],
    ['slashes', '//v1//admin/accounts/rider'],
    ['dots', '/v1/trips/../admin/accounts/rider'],
    ['encoded dots', '/v1/trips/%2e%2e/admin/accounts/rider'],
    ['encoded slashes', '/v1%2fadmin%2faccounts%2frider'],
    ['a suffix', '/v1/admin/accounts/rider/.json'],
  ])('%s', async (_what, target) => {
    const token = await tokenFor('rider', city.id('climber'));
    const answer = await raw(
      `GET ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 40[0345] /);
    expect(answer).not.toContain('"accounts"');
  });

  it('are ways to something: who may is let in by the path itself, a rider not', async () => {
    expect((await city.http('GET', admin, operator)).status).toBe(200);
    expect(await city.http('GET', admin, { role: 'rider' })).toMatchObject({ status: 403 });
  });

  it('headers and fields that other servers take for the method, the path or the role', async () => {
    const token = await tokenFor('rider', city.id('climber'));
    const headers = {
      ...{ 'x-http-method-override': 'DELETE', 'x-original-url': admin, 'x-rewrite-url': admin },
      ...{ 'x-role': 'admin', cookie: 'role=admin', 'x-forwarded-host': 'evil.example' },
    };
    const own = await city.http('GET', '/v1/account', { token, headers });
    expect(own.status).toBe(404);
    const asked = await city.http('GET', `${admin}?role=admin&access_token=${token}`, { token, headers });
    expect(asked).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });

  it('a token in the address is none: addresses are logged', async () => {
    const token = await tokenFor('admin', city.id('ann'));
    for (const name of ['access_token', 'token', 'authorization'])
      expect((await city.http('GET', `${admin}?${name}=${token}`)).status).toBe(401);
  });
});

describe('API2: accounts are not told apart', () => {
  it('by what is answered to a number with an account and to one without', async () => {
    const [known, unknown] = [newPhone(), newPhone()];
    const { accountId } = await signIn(city, outbox, 'rider', known);
    const suspended = await city.http('PUT', `/v1/admin/accounts/rider/${accountId}/suspension`, operator);
    expect(suspended.status).toBe(200);
    const answers = [];
    for (const phone of [known, unknown]) {
      const asked = await city.http<Record<string, unknown>>('POST', '/v1/sign-in/code', {
        body: { phone, kind: 'rider' },
      });
      const right = outbox.take(phone);
      const wrong = right === '000000' ? '000001' : '000000';
      const tried = await city.http('POST', '/v1/sign-in', {
        body: { phone, kind: 'rider', code: wrong, device: 'd' },
      });
      answers.push([asked.status, Object.keys(asked.body), tried]);
    }
    expect(answers[0]).toEqual(answers[1]);
  });

  it('by asking for another’s account, which is like one that is not there', async () => {
    const [me, other] = [await signIn(city, outbox, 'rider'), await signIn(city, outbox, 'rider')];
    const token = me.tokens.accessToken;
    const answers = [other.accountId, '00000000-0000-7000-8000-000000000000'].map((accountId) =>
      city.http('GET', `/v1/accounts/${accountId}/export`, { token }),
    );
    const [theirs, nobodys] = await Promise.all(answers);
    expect(theirs).toEqual(nobodys);
  });
});

describe('API8: requests that are to be read in two ways', () => {
  it.each([
    ['two lengths', 'Content-Length: 2\r\nContent-Length: 44\r\n\r\n{}'],
    ['a length and chunks', 'Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{}'],
    ['a length that is none', 'Content-Length: +2\r\n\r\n{}'],
    ['a header with a line end of its own', 'X-A: b\nAuthorization: Bearer x\r\n\r\n'],
    ['a space before the colon', 'Content-Length : 2\r\n\r\n{}'],
  ])('are refused, or read in one: %s', async (_what, rest) => {
    // Were the rest taken for a request of its own, it would be answered too.
    const smuggled = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await raw(
      `POST /v1/quotes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${rest}${smuggled}`,
    );
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));
    expect(statuses.filter((status) => status < 300).length).toBeLessThanOrEqual(1);
    expect(statuses[0] ?? 400).toBeGreaterThanOrEqual(400);
  });

  it('a head that does not end is not read for ever', async () => {
    const answer = await raw(`GET /livez HTTP/1.1\r\nHost: x\r\nX-Long: ${'a'.repeat(4_000_000)}\r\n\r\n`);
    expect(answer).not.toContain(' 200 ');
  });

  it('no header of an answer is made of what the request holds', async () => {
    const token = await tokenFor('rider', city.id('splitter'));
    const split = 'a%0d%0aSet-Cookie:%20x=1';
    for (const target of [`/v1/trips/${split}`, `/v1/track/${split}`, `/v1/nearby?lat=${split}&lng=1`]) {
      const answer = await raw(
        `GET ${target} HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 4/);
      expect(answer.slice(0, answer.indexOf('\r\n\r\n')).toLowerCase()).not.toContain('set-cookie');
    }
  });
});

describe('injection', () => {
  const odd = [`' or 1=1 --`, `'; drop table accounts; --`, `\\`, `%`, `_`, `{"$gt":""}`, `a\u0000b`];
  it.each(odd)('SQL in a parameter or a query is text: %j', async (text) => {
    const part = encodeURIComponent(text);
    for (const target of [
      `/v1/admin/people/${part}`,
      `/v1/admin/accounts/rider?after=${part}`,
      `/v1/admin/trips?riderId=${part}`,
      `/v1/track/${part}`,
    ]) {
      const { status } = await city.http('GET', target, { ...operator });
      expect(status, target).toBeLessThan(500);
      expect(status, target).toBeGreaterThanOrEqual(200);
    }
    const searched = await city.http('POST', '/v1/admin/accounts/rider/search', {
      ...operator,
      body: { phone: text },
    });
    expect(searched.status).toBe(422);
    expect(await database.sql`select to_regclass('accounts') is not null as there`).toEqual([
      { there: true },
    ]);
  });
});
