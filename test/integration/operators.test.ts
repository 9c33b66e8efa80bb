import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { adminCommand } from '../../src/admin-command.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import type { SessionTokens } from '../../src/accounts/session-opener.ts';
import { verifyAuditLog } from '../../src/store/audit-log-postgres.ts';
import { Device, PASSWORD } from '../accounts/operator-office.ts';
import { PERSONAL } from '../personal-secrets.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { ask, City, matched, at } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
const wall = createWallClock();
let city: City;
/** Of the first admin, signed in. */
let admin: SessionTokens;
beforeAll(async () => {
  city = await City.open({ database, redisUrl: redis.url });
  admin = await signedIn('ann@example.com', await firstLink('ann@example.com'));
});
afterAll(() => city.close());

/** What `npm run admin` prints. */
async function firstLink(email: string): Promise<string> {
  const lines: string[] = [];
  await adminCommand(['--email', email], {
    ...{ ...PERSONAL, nowMs: wall.nowMs(), withDatabase: (work) => work(database.sql) },
    print: (line) => lines.push(line),
  });
  return /"token": "([^"]+)"/.exec(lines.join('\n'))![1]!;
}

interface Body {
  readonly code?: string;
  readonly next?: string | null;
  readonly operators?: { operatorId: string; email: string; state: string }[];
  readonly operator?: { operatorId: string };
  readonly linkToken?: string;
  readonly totpUri?: string;
  readonly secret?: string;
  readonly key?: { keyId: string };
  readonly keys?: { keyId: string; endedMs: number | null }[];
  readonly entries?: { seq: number; action: string; actor: { id: string } | null }[];
  readonly trips?: { tripId: string; pin: string | null }[];
}
type Method = Parameters<City['http']>[0];

/** A request with this access token, or service key. */
const as = (token: string, method: Method, path: string, body?: unknown) =>
  city.http<Body>(method, path, {
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body }),
  });
const post = (path: string, body: unknown) => city.http<Body>('POST', path, { body });

/** Sets password and code device by a link, and signs in for the first time. */
async function signedIn(email: string, token: string): Promise<SessionTokens> {
  const set = await post('/v1/operators/password', { token, password: PASSWORD });
  expect(set.status).toBe(200);
  const totp = new Device(set.body.totpUri!).code(wall.nowMs());
  const answer = await post('/v1/operators/sign-in', { email, password: PASSWORD, totp });
  expect(answer.status).toBe(200);
  return answer.body as unknown as SessionTokens;
}

const invite = async (email: string, role: string) => {
  const invited = await as(admin.accessToken, 'POST', '/v1/admin/operators', { email, role });
  expect(invited.status).toBe(201);
  return { operatorId: invited.body.operator!.operatorId, linkToken: invited.body.linkToken! };
};

describe('operators over REST', () => {
  it('are invited by the first admin, sign in, and do what their role may', async () => {
    const { operatorId, linkToken } = await invite('ben@example.com', 'support');
    const ben = await signedIn('ben@example.com', linkToken);
    expect((await as(ben.accessToken, 'GET', '/v1/admin/sos')).status).toBe(200);
    expect((await as(ben.accessToken, 'GET', '/v1/admin/operators')).status).toBe(403);
    const listed = await as(admin.accessToken, 'GET', '/v1/admin/operators?limit=1');
    expect(listed.body.operators).toMatchObject([{ email: 'ann@example.com', state: 'active' }]);
    const rest = await as(admin.accessToken, 'GET', `/v1/admin/operators?after=${listed.body.next}`);
    expect(rest.body.operators).toMatchObject([{ operatorId, email: 'ben@example.com', state: 'active' }]);
  });

  it('are out at once when they are disabled, given another role, or a new link', async () => {
    const { operatorId, linkToken } = await invite('cleo@example.com', 'operations');
    const path = `/v1/admin/operators/${operatorId}`;
    let cleo = await signedIn('cleo@example.com', linkToken);
    const sees = async () => (await as(cleo.accessToken, 'GET', '/v1/admin/sos')).status;
    expect(await sees()).toBe(200);
    expect((await as(admin.accessToken, 'PATCH', path, { role: 'support' })).status).toBe(200);
    expect(await sees()).toBe(401);
    const link = await as(admin.accessToken, 'POST', `${path}/link`);
    expect(link.status).toBe(201);
    cleo = await signedIn('cleo@example.com', link.body.linkToken!);
    expect(await sees()).toBe(200);
    expect((await as(admin.accessToken, 'PATCH', path, { state: 'disabled' })).status).toBe(200);
    expect(await sees()).toBe(401);
    expect((await post('/v1/tokens/refresh', { refreshToken: cleo.refreshToken })).status).toBe(401);
  });

  it('cannot take down the last admin, nor name another role or state than there are', async () => {
    const { operators } = (await as(admin.accessToken, 'GET', '/v1/admin/operators')).body;
    const path = `/v1/admin/operators/${operators![0]!.operatorId}`;
    expect((await as(admin.accessToken, 'PATCH', path, { state: 'disabled' })).status).toBe(409);
    expect((await as(admin.accessToken, 'PATCH', path, { role: 'support' })).status).toBe(409);
    for (const body of [{}, { role: 'rider' }, { role: 'root' }, { state: 'invited' }])
      expect((await as(admin.accessToken, 'PATCH', path, body)).status).toBe(422);
    expect((await as(admin.accessToken, 'PATCH', '/v1/admin/operators/op-x', { role: 'admin' })).status).toBe(
      404,
    );
    const again = { email: 'ANN@example.com', role: 'admin' };
    expect((await as(admin.accessToken, 'POST', '/v1/admin/operators', again)).status).toBe(409);
  });

  it('who guess get one answer, and their tries are in the audit log', async () => {
    const wrong = { email: 'ann@example.com', password: 'x', totp: '000000' };
    const answers = [
      await post('/v1/operators/sign-in', wrong),
      await post('/v1/operators/sign-in', { ...wrong, email: 'nobody@example.com' }),
      await post('/v1/operators/sign-in', { ...wrong, password: PASSWORD }),
    ];
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(answers[0]).toMatchObject({ status: 401, body: { code: 'unauthorized' } });
    expect((await post('/v1/operators/password', { token: 'guessed', password: PASSWORD })).status).toBe(401);
    const failed = await as(admin.accessToken, 'GET', '/v1/admin/audit-log?action=operator.sign_in_failed');
    expect(failed.body.entries).toHaveLength(3);
  });
});

describe('a service key over REST', () => {
  const make = async (role: string) => {
    const wish = { role, name: 'a report', days: 1 };
    const made = await as(admin.accessToken, 'POST', '/v1/admin/keys', wish);
    expect(made.status).toBe(201);
    return { secret: made.body.secret!, keyId: made.body.key!.keyId };
  };

  it('does what its role may until it is ended, and is not shown again', async () => {
    const { secret, keyId } = await make('support');
    expect((await as(secret, 'GET', '/v1/admin/sos')).status).toBe(200);
    expect((await as(secret, 'GET', '/v1/admin/keys')).status).toBe(403);
    const { keys } = (await as(admin.accessToken, 'GET', '/v1/admin/keys')).body;
    expect(keys).toMatchObject([{ keyId, endedMs: null }]);
    expect(JSON.stringify(keys)).not.toContain('hdk_');
    expect((await as(admin.accessToken, 'DELETE', `/v1/admin/keys/${keyId}`)).status).toBe(204);
    expect((await as(secret, 'GET', '/v1/admin/sos')).status).toBe(401);
    expect((await as(admin.accessToken, 'DELETE', '/v1/admin/keys/key-x')).status).toBe(404);
    expect((await as(`hdk_${'A'.repeat(43)}`, 'GET', '/v1/admin/sos')).status).toBe(401);
  });

  it('makes no operators and no keys, whatever its role: a person has to', async () => {
    const { secret, keyId } = await make('admin');
    expect((await as(secret, 'GET', '/v1/admin/operators')).status).toBe(200);
    const wish = { role: 'admin', name: 'another', days: 1 };
    expect((await as(secret, 'POST', '/v1/admin/keys', wish)).status).toBe(403);
    const another = { email: 'eve@example.com', role: 'admin' };
    expect((await as(secret, 'POST', '/v1/admin/operators', another)).status).toBe(403);
    expect((await as(secret, 'DELETE', `/v1/admin/keys/${keyId}`)).status).toBe(403);
  });
});

describe('the audit log over REST', () => {
  it('is searched page by page, by admins alone, and is unbroken', async () => {
    const first = await as(admin.accessToken, 'GET', '/v1/admin/audit-log?limit=2');
    const second = await as(admin.accessToken, 'GET', `/v1/admin/audit-log?limit=2&after=${first.body.next}`);
    const seqs = [...first.body.entries!, ...second.body.entries!].map(({ seq }) => seq);
    expect(seqs).toEqual([0, 1, 2, 3].map((i) => seqs[0]! - i));
    const own = await as(admin.accessToken, 'GET', '/v1/admin/audit-log?action=key.make');
    expect(own.body.entries!.every(({ actor }) => actor!.id.startsWith('op-'))).toBe(true);
    for (const role of ['support', 'operations', 'rider'] as const)
      expect((await city.http('GET', '/v1/admin/audit-log', { role })).status).toBe(403);
    expect((await as(admin.accessToken, 'GET', '/v1/admin/audit-log?after=x')).status).toBe(422);
    expect(await verifyAuditLog(database.sql)).toMatchObject({ broken: null });
  });
});

describe('trips over REST', () => {
  it('are found by operators, without their PIN', async () => {
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, await city.driver('driver', at(-300)));
    await rider.done({ t: 'cancel', tripId, reason: 'enough' });
    const other = await ask(await city.rider('other'));
    const search = async (query: string) =>
      (await city.http<Body>('GET', `/v1/admin/trips${query}`, { role: 'support' })).body;
    expect(await search('?limit=1')).toMatchObject({
      trips: [{ tripId: other.tripId, pin: null }],
      next: other.tripId,
    });
    expect((await search(`?after=${other.tripId}`)).trips).toMatchObject([{ tripId }]);
    expect((await search(`?riderId=${city.id('rider')}`)).trips).toMatchObject([
      { tripId, status: 'cancelled' },
    ]);
    expect((await search(`?driverId=${city.id('driver')}&status=cancelled`)).trips).toMatchObject([
      { tripId },
    ]);
    expect((await search(`?marketId=elsewhere`)).trips).toEqual([]);
    expect((await city.http('GET', '/v1/admin/trips?status=gone', { role: 'support' })).status).toBe(422);
    expect((await city.http('GET', '/v1/admin/trips', { role: 'driver' })).status).toBe(403);
  });

  it('that an operator ends are in the audit log, and those that a rider gives up are not', async () => {
    const cancel = (tripId: string, role: 'support' | 'rider', id: string) =>
      city.http('POST', `/v1/trips/${tripId}/cancel`, {
        role,
        id,
        key: `c-${id}`,
        body: { reason: 'by phone' },
      });
    const [one, two] = [await ask(await city.rider('one')), await ask(await city.rider('two'))];
    expect((await cancel(one.tripId, 'rider', 'one')).status).toBe(200);
    expect((await cancel(two.tripId, 'support', 'cleo')).status).toBe(200);
    const log = await as(admin.accessToken, 'GET', '/v1/admin/audit-log?objectKind=trip');
    expect(log.body.entries).toMatchObject([
      { action: 'trip.cancel', actor: { role: 'support', id: city.id('cleo') }, object: { id: two.tripId } },
    ]);
    expect(JSON.stringify(log.body.entries)).not.toContain('by phone');
  });
});
