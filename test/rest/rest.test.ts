import type { Role } from '../../src/domain/role.ts';
import { once } from 'node:events';
import net from 'node:net';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { accepted } from '../../src/domain/rejection.ts';
import type { RestLimits } from '../../src/rest/rest-server.ts';
import { contractFiles } from '../../src/protocol/contract.ts';
import { TRIP, TRIP_ID } from '../gateway/recording-desk.ts';
import { tokenFor, Town, until } from '../gateway/town.ts';

const RIDE = {
  ...{ pickup: { lat: 37.77, lng: -122.41 }, dropoff: { lat: 37.8, lng: -122.3 } },
  ...{ vehicleClass: 'economy', seats: 1 },
};
const quick = { perS: 10_000, burstMax: 10_000 };

const contract = new Ajv2020({ strict: false });
contract.addSchema(JSON.parse(contractFiles().get('openapi.json')!) as object, 'openapi');
const fits = (name: string, value: unknown): boolean =>
  contract.getSchema(`openapi#/components/schemas/${name}`)!(value) as boolean;

const towns: Town[] = [];
const openTown = async (limits: Partial<RestLimits> = {}, metricsToken?: string): Promise<Town> => {
  const town = await Town.open({}, { account: quick, address: quick, ...limits }, metricsToken);
  towns.push(town);
  return town;
};
afterEach(async () => {
  for (const town of towns.splice(0)) await town.close();
});

interface Asked {
  method?: string;
  role?: Role;
  subject?: string;
  key?: string;
  body?: unknown;
  raw?: string | Uint8Array;
  type?: string;
  headers?: Record<string, string>;
}

async function ask(town: Town, path: string, asked: Asked = {}) {
  const headers: Record<string, string> = { ...asked.headers };
  if (asked.role !== undefined)
    headers.authorization = `Bearer ${await tokenFor(asked.role, asked.subject ?? `${asked.role}-1`)}`;
  if (asked.key !== undefined) headers['idempotency-key'] = asked.key;
  const body = asked.raw ?? (asked.body === undefined ? undefined : JSON.stringify(asked.body));
  if (body !== undefined) headers['content-type'] = asked.type ?? 'application/json';
  const method = asked.method ?? (body === undefined ? 'GET' : 'POST');
  const response = await fetch(town.url(path), { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await response.text();
  const isProblem = response.headers.get('content-type') === 'application/problem+json';
  const json = /json/.test(response.headers.get('content-type') ?? '') ? (JSON.parse(text) as unknown) : null;
  if (isProblem) expect(fits('Problem', json), text).toBe(true);
  expect(isProblem).toBe(response.status >= 400);
  return { status: response.status, json: json as Record<string, unknown>, text, headers: response.headers };
}

describe('the operations', () => {
  it('a trip is asked for, seen and given up, each with the command of the socket', async () => {
    const town = await openTown();
    const asked = await ask(town, '/v1/trips', { role: 'rider', key: 'k-1', body: { ...RIDE, extra: 1 } });
    expect(asked.status).toBe(201);
    expect(fits('TripView', asked.json)).toBe(true);
    expect(town.desk.commands).toEqual([
      { account: 'rider-1', command: { t: 'request', id: 'k-1', ...RIDE } },
    ]);
    const seen = await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider' });
    expect(seen).toMatchObject({ status: 200, json: TRIP });
    const cancel = { key: 'k-2', body: { reason: 'no' } };
    const gone = await ask(town, `/v1/trips/${TRIP_ID}/cancel`, { role: 'driver', ...cancel });
    expect(gone).toMatchObject({ status: 200, json: { status: 'cancelled', endReason: 'no' } });
    expect(town.desk.commands[1]).toEqual({
      account: 'driver-1',
      command: { t: 'cancel', id: 'k-2', tripId: TRIP_ID, reason: 'no' },
    });
  });

  it('connect names the replica of a place, or that there is no service', async () => {
    const town = await openTown();
    const here = await ask(town, '/v1/connect?lat=37.5&lng=-122.25', { role: 'driver' });
    expect([here.status, fits('Connect', here.json)]).toEqual([200, true]);
    expect(here.json).toEqual({ url: null, zone: '862830827ffffff', here: true });
    const other = await ask(town, '/v1/connect?lat=37.5&lng=-121.25', { role: 'rider' });
    expect(fits('Connect', other.json)).toBe(true);
    expect(other.json).toMatchObject({ url: 'ws://127.0.0.1:9', here: false });
    const none = await ask(town, '/v1/connect?lat=65&lng=-122.25', { role: 'rider' });
    expect(none).toMatchObject({ status: 422, json: { code: 'outside_area' } });
    const nowhere = await ask(town, '/v1/connect?lat=95&lng=-122.25', { role: 'rider' });
    expect(nowhere).toMatchObject({ status: 422, json: { code: 'bad_message' } });
    expect((await ask(town, '/v1/connect?lat=37.5&lng=-122.25', { role: 'admin' })).status).toBe(403);
    expect((await ask(town, '/v1/connect?lat=37.5&lng=-122.25')).status).toBe(401);
  });

  it('quote, nearby and explain answer as the contract says', async () => {
    const town = await openTown({ nearbyMax: 3 });
    const quote = await ask(town, '/v1/quotes', { role: 'rider', body: RIDE });
    expect([quote.status, fits('Quote', quote.json)]).toEqual([200, true]);
    const nearby = await ask(town, '/v1/nearby?lat=37.5&lng=-122.25', { role: 'rider' });
    expect([nearby.status, fits('Nearby', nearby.json)]).toEqual([200, true]);
    expect(nearby.json.drivers).toHaveLength(3);
    expect(nearby.json.drivers).toMatchObject([{ lat: 37.5, lng: -122.25 }, {}, {}]);
    const explained = await ask(town, `/v1/admin/trips/${TRIP_ID}/explain`, { role: 'admin' });
    expect(explained).toMatchObject({ status: 200, json: { tripId: TRIP_ID } });
  });

  it('a key sent again gives the same answer (R5)', async () => {
    const town = await openTown();
    const first = await ask(town, '/v1/trips', { role: 'rider', key: 'k', body: RIDE });
    const second = await ask(town, '/v1/trips', { role: 'rider', key: 'k', body: RIDE });
    expect(second.text).toBe(first.text);
  });
});

describe('a refusal', () => {
  const trip = `/v1/trips/${TRIP_ID}`;
  it.each<[string, string, Asked, number, string]>([
    ['no token', trip, {}, 401, 'unauthorized'],
    ['a wrong token', trip, { headers: { authorization: 'Bearer x.y.z' } }, 401, 'unauthorized'],
    ['another scheme', trip, { headers: { authorization: 'Basic eDp5' } }, 401, 'unauthorized'],
    ['a driver asking for a ride', '/v1/trips', { role: 'driver', key: '1', body: RIDE }, 403, 'forbidden'],
    ['a rider asking why', `/v1/admin/trips/${TRIP_ID}/explain`, { role: 'rider' }, 403, 'forbidden'],
    [
      'a trip that is not there',
      `/v1/trips/${TRIP_ID.replace('1', '2')}`,
      { role: 'rider' },
      404,
      'not_found',
    ],
    ['an id that is none', '/v1/trips/%27%3B--', { role: 'rider' }, 404, 'not_found'],
    ['an unknown path', '/v2/trips', { role: 'rider' }, 404, 'no_such_path'],
    ['another method', '/v1/trips', { role: 'rider', method: 'DELETE' }, 405, 'method_not_allowed'],
    ['no key', '/v1/trips', { role: 'rider', body: RIDE }, 400, 'bad_key'],
    ['a key of words', '/v1/trips', { role: 'rider', key: 'a b', body: RIDE }, 400, 'bad_key'],
    ['no JSON', '/v1/trips', { role: 'rider', key: '1', raw: '{' }, 400, 'bad_json'],
    ['a form', '/v1/trips', { role: 'rider', key: '1', raw: 'a=b', type: 'text/plain' }, 415, 'not_json'],
    ['no seats', '/v1/trips', { role: 'rider', key: '1', body: { ...RIDE, seats: 0 } }, 422, 'bad_message'],
    ['a long body', '/v1/trips', { role: 'rider', key: '1', raw: ' '.repeat(20_000) }, 413, 'body_too_large'],
    ['no place', '/v1/nearby?lat=1', { role: 'rider' }, 422, 'bad_message'],
    ['a place off the earth', '/v1/nearby?lat=1&lng=181', { role: 'rider' }, 422, 'bad_message'],
    ['a place of words', '/v1/nearby?lat=1e&lng=1', { role: 'rider' }, 422, 'bad_message'],
  ])('of %s says so', async (_why, path, asked, status, code) => {
    const town = await openTown();
    const answer = await ask(town, path, asked);
    expect(answer).toMatchObject({ status, json: { status, code } });
    expect(town.desk.commands).toEqual([]);
  });

  it('names the place of what is wrong, the methods that are allowed, and when to try again', async () => {
    const town = await openTown({ account: { perS: 0.001, burstMax: 1 } });
    const wrong = { ...RIDE, pickup: { lat: 91, lng: 0 } };
    const bad = await ask(town, '/v1/trips', { role: 'rider', key: '1', body: wrong });
    expect(bad.json.detail).toBe('/pickup/lat must be <= 90');
    const method = await ask(town, `/v1/trips/${TRIP_ID}`, { method: 'PUT' });
    expect(method.headers.get('allow')).toBe('GET');
    const limited = await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider' });
    expect(limited).toMatchObject({ status: 429, json: { code: 'rate_limited', retryable: true } });
    expect(limited.headers.get('retry-after')).toBe('1');
    expect((await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider', subject: 'other' })).status).toBe(200);
  });

  it('of an address above its rate needs no token to be looked at (R10)', async () => {
    const town = await openTown({ address: { perS: 0.001, burstMax: 2 } });
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask(town, '/v1/nearby?lat=1&lng=1')).status);
    expect(statuses).toEqual([401, 401, 429, 429]);
  });

  it.each([
    ['at once', () => accepted(null)],
    ['later', () => Promise.resolve(accepted(null))],
  ])('an answer without a body is one, %s', async (_when, handle) => {
    const town = await Town.open({}, {}, undefined, null, { handlers: { unshareTrip: handle } });
    towns.push(town);
    const asked = { method: 'DELETE', role: 'rider', key: 'k' } as const;
    const gone = await ask(town, `/v1/trips/${TRIP_ID}/share`, asked);
    expect([gone.status, gone.text, gone.headers.get('content-length')]).toEqual([204, '', null]);
    expect((await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider' })).status).toBe(200);
  });

  it('of what broke says nothing of it', async () => {
    const town = await openTown();
    town.desk.failsWith = new Error('secret of the database');
    const answers = [
      await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider' }),
      await ask(town, '/v1/trips', { role: 'rider', key: '1', body: RIDE }),
    ];
    for (const answer of answers) {
      expect(answer).toMatchObject({ status: 500, json: { code: 'internal' } });
      expect(answer.text).not.toMatch(/secret|at |\.ts/);
    }
    expect(town.errors).toEqual([town.desk.failsWith, town.desk.failsWith]);
  });
});

describe('bodies from strangers', () => {
  it('never reach the desk unless they fit, whatever they hold', async () => {
    const town = await openTown();
    const ride = fc.record(
      {
        pickup: fc.record({ lat: fc.anything(), lng: fc.anything() }, { requiredKeys: [] }),
        dropoff: fc.anything(),
        vehicleClass: fc.anything(),
        seats: fc.anything(),
      },
      { requiredKeys: [] },
    );
    const raw = fc.oneof(
      ride.map((value) =>
        Buffer.from(JSON.stringify(value, (_key, entry: unknown) => (typeof entry === 'bigint' ? 1 : entry))),
      ),
      fc.json().map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.nat({ max: 2_000 }).map((depth) => Buffer.from('{"a":'.repeat(depth))),
    );
    await fc.assert(
      fc.asyncProperty(raw, async (body) => {
        const answer = await ask(town, '/v1/trips', { role: 'rider', key: 'k', raw: body });
        expect([400, 422]).toContain(answer.status);
        expect(answer.json.detail).toBeTypeOf('string');
      }),
      { numRuns: 200 },
    );
    expect(town.desk.calls).toBe(0);
    expect(town.errors).toEqual([]);
  });

  it('that come too slowly are not waited for (R10)', async () => {
    const town = await openTown({ bodyMsMax: 50 });
    const socket = net.connect(town.port, '127.0.0.1');
    await once(socket, 'connect');
    const token = await tokenFor('rider', 'rider-1');
    socket.write(
      `POST /v1/trips HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\nIdempotency-Key: 1\r\n` +
        'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"pick',
    );
    let answer = '';
    socket.on('data', (data: Buffer) => {
      answer += data.toString();
    });
    await once(socket, 'close');
    expect(answer).toMatch(/^HTTP\/1\.1 408 .*body_too_slow/s);
  });

  it('of who hangs up in the middle are forgotten', async () => {
    const town = await openTown();
    for (let i = 0; i < 10; i++) {
      const socket = net.connect(town.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        'POST /v1/trips HTTP/1.1\r\nHost: x\r\nIdempotency-Key: 1\r\nContent-Type: application/json\r\n' +
          'Content-Length: 100\r\n\r\n{"pick',
      );
      socket.destroy();
    }
    await until(() => town.rest.counters.get('requestTrip aborted') === 10);
    await town.rest.drain();
  });
});

describe('the probes', () => {
  it('say alive, ready, and what is missing', async () => {
    const town = await openTown();
    expect((await ask(town, '/livez')).status).toBe(200);
    expect((await ask(town, '/readyz')).status).toBe(200);
    town.ready = 'PostgreSQL does not answer';
    const answer = await ask(town, '/readyz');
    expect(answer).toMatchObject({ status: 503, json: { code: 'not_ready', detail: town.ready } });
    expect((await ask(town, '/livez')).status).toBe(200);
  });

  it('metrics are for this machine, or for who brings the token', async () => {
    const open = await openTown();
    expect(await ask(open, '/metrics')).toMatchObject({ status: 200, text: 'up 1\n' });
    expect((await ask(open, '/metrics', { headers: { 'x-forwarded-for': '203.0.113.9' } })).status).toBe(403);
    const guarded = await openTown({}, 'scrape-me');
    expect((await ask(guarded, '/metrics')).status).toBe(403);
    const headers = { authorization: 'Bearer scrape-me' };
    expect((await ask(guarded, '/metrics', { headers })).status).toBe(200);
  });

  it('the contract is served, and answers carry the headers that keep browsers from guessing', async () => {
    const town = await openTown();
    expect((await ask(town, '/v1/openapi.json')).json).toEqual({ openapi: '3.1.0' });
    const { headers } = await ask(town, '/v1/asyncapi.json');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('referrer-policy')).toBe('no-referrer');
    expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
  });
});

describe('a drain', () => {
  it('answers what has begun, refuses what comes, and is ready no more', async () => {
    const town = await openTown();
    town.desk.commandGate.shut();
    const begun = ask(town, '/v1/trips', { role: 'rider', key: '1', body: RIDE });
    await until(() => town.desk.commandGate.arrived === 1);
    // The REST server alone, so that the port stays open and the refusals can be seen.
    const drained = town.rest.drain();
    expect((await ask(town, '/readyz')).status).toBe(503);
    const late = await ask(town, `/v1/trips/${TRIP_ID}`, { role: 'rider' });
    expect(late).toMatchObject({ status: 503, json: { code: 'draining', retryable: true } });
    town.desk.commandGate.open();
    const answer = await begun;
    expect(answer.status).toBe(201);
    expect(answer.headers.get('connection')).toBe('close');
    await drained;
  });
});
