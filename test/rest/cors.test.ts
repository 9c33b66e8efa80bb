import { afterEach, describe, expect, it } from 'vitest';
import { Cors } from '../../src/rest/cors.ts';
import { PAGE_ORIGIN, tokenFor, Town } from '../gateway/town.ts';

const towns: Town[] = [];
const openTown = async (address = { perS: 1_000, burstMax: 1_000 }): Promise<Town> => {
  const town = await Town.open({}, { address });
  towns.push(town);
  return town;
};
afterEach(async () => {
  for (const town of towns.splice(0)) await town.close();
});

const NEARBY = '/v1/nearby?lat=37.77&lng=-122.41';
const corsHeaders = (response: Response): Record<string, string> =>
  Object.fromEntries([...response.headers].filter(([name]) => /^(access-control-|vary)/.test(name)));
const READABLE = {
  'access-control-allow-origin': PAGE_ORIGIN,
  'access-control-expose-headers': 'retry-after, allow',
  vary: 'origin',
};
/** As a browser asks before a page's request with a token. */
const preflight = (town: Town, origin: string, path = NEARBY): Promise<Response> =>
  fetch(town.url(path), {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    },
  });

describe('a page of an allowed origin', () => {
  it('may ask, and read answers and refusals alike', async () => {
    const town = await openTown();
    const asked = await preflight(town, PAGE_ORIGIN);
    expect([asked.status, await asked.text()]).toEqual([204, '']);
    expect(corsHeaders(asked)).toEqual({
      ...READABLE,
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, idempotency-key',
      'access-control-max-age': '7200',
    });
    const authorization = `Bearer ${await tokenFor('rider', 'rider-1')}`;
    const answered = await fetch(town.url(NEARBY), { headers: { origin: PAGE_ORIGIN, authorization } });
    expect([answered.status, corsHeaders(answered)]).toEqual([200, READABLE]);
    const refused = await fetch(town.url(NEARBY), { headers: { origin: PAGE_ORIGIN } });
    expect([refused.status, corsHeaders(refused)]).toEqual([401, READABLE]);
    const headers = { origin: PAGE_ORIGIN };
    const wrongMethod = await fetch(town.url(NEARBY), { method: 'DELETE', headers });
    expect([wrongMethod.status, corsHeaders(wrongMethod)]).toEqual([405, READABLE]);
    const nowhere = await fetch(town.url('/v1/nowhere'), { headers });
    expect([nowhere.status, corsHeaders(nowhere)]).toEqual([404, READABLE]);
  });

  it('is held to the address’s rate by its preflights too (R10)', async () => {
    const town = await openTown({ perS: 0.001, burstMax: 1 });
    expect((await preflight(town, PAGE_ORIGIN)).status).toBe(204);
    const refused = await preflight(town, PAGE_ORIGIN);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
  });
});

describe('a page of another origin', () => {
  it.each(['https://evil.example', 'https://app.example.com.evil.example', 'http://app.example.com', 'null'])(
    'is allowed nothing: %s',
    async (origin) => {
      const town = await openTown();
      const asked = await preflight(town, origin);
      expect([asked.status, corsHeaders(asked)]).toEqual([405, {}]);
      const answered = await fetch(town.url(NEARBY), { headers: { origin } });
      expect(corsHeaders(answered)).toEqual({});
    },
  );

  it('is like one without an origin, and OPTIONS a method like others', async () => {
    const town = await openTown();
    const response = await fetch(town.url(NEARBY), { method: 'OPTIONS', headers: { origin: PAGE_ORIGIN } });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET']);
  });
});

describe('origins', () => {
  it('are all for *, and none for an empty list', () => {
    expect(new Cors(['*']).allowed('https://any.example')).toBe('*');
    expect(new Cors(['*']).allowed('')).toBe(null);
    expect(new Cors([]).isOpen).toBe(false);
    expect(new Cors([]).allowed('https://any.example')).toBe(null);
  });
});
