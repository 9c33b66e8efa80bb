import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { SessionTokens } from '../../src/accounts/session-opener.ts';
import { CLOSE } from '../../src/protocol/close-codes.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { App } from './app.ts';
import { ask, at, City, matched, offerTo } from './city.ts';
import { newPhone, Outbox, signIn, type SignedIn } from './phones.ts';

const database = await freshDatabase();
const redis = await freshRedis();
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-codes-'));
const outbox = new Outbox(dir);
afterAll(() => rmSync(dir, { recursive: true }));
let city: City;
const apps: App[] = [];
const open = async (): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, codeOutboxDir: dir }));
afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.drop()));
  // Tests without a ride have nothing for the audit of trips: it looks at a ride of its own.
  await ask(await city.rider('for-the-audit'));
  await city.close();
});

const code = (phone: string, kind = 'rider') =>
  city.http<{ code?: string }>('POST', '/v1/sign-in/code', { body: { phone, kind } });
const enter = (phone: string, digits: string, kind = 'rider') =>
  city.http<SignedIn & { code?: string }>('POST', '/v1/sign-in', {
    body: { phone, kind, code: digits, device: 'phone' },
  });
const refresh = (refreshToken: string, replica = 0) =>
  city.http<SessionTokens & { code?: string }>('POST', '/v1/tokens/refresh', {
    body: { refreshToken },
    replica,
  });
const own = (token: string) => city.http<Record<string, unknown>>('GET', '/v1/account', { token });
const admin = { role: 'operations', id: 'ann' } as const;
const connect = async (token: string, replica = 0): Promise<App> => {
  const url = city.urlOf(replica);
  const { app } = await App.connect({ url, token, name: 'app', encoding: 'msgpack', clock: city.clock });
  apps.push(app);
  return app;
};
const other = (digits: string): string => (digits === '000000' ? '000001' : '000000');

describe('signing in by phone', () => {
  it('makes an account the first time, finds it the next, and one of each kind', async () => {
    await open();
    const phone = newPhone();
    const first = await signIn(city, outbox, 'rider', phone);
    expect(first.isNew).toBe(true);
    const seen = await own(first.tokens.accessToken);
    expect(seen).toMatchObject({
      status: 200,
      body: { accountId: first.accountId, kind: 'rider', phone, name: null },
    });
    const again = await signIn(city, outbox, 'rider', phone);
    expect([again.accountId, again.isNew]).toEqual([first.accountId, false]);
    expect((await signIn(city, outbox, 'driver', phone)).accountId).not.toBe(first.accountId);
    const renamed = await city.http('PATCH', '/v1/account', {
      ...{ token: first.tokens.accessToken, body: { name: 'Ann B' } },
    });
    expect(renamed).toMatchObject({ status: 200, body: { name: 'Ann B' } });
  });

  it('stores no number, name or code that can be read', async () => {
    await open();
    const phone = newPhone();
    const { tokens } = await signIn(city, outbox, 'rider', phone);
    await city.http('PATCH', '/v1/account', { token: tokens.accessToken, body: { name: 'Zebulon' } });
    const rows = await database.sql`
      select row_to_json(a)::text as text from accounts a
      union all select row_to_json(c)::text from sign_in_codes c
      union all select row_to_json(s)::text from sessions s
      union all select entry from audit_log`;
    const all = JSON.stringify(rows);
    const hex = (text: string) => Buffer.from(text).toString('hex');
    for (const secret of [phone, phone.slice(1), 'Zebulon', hex(phone), hex('Zebulon'), tokens.refreshToken])
      expect(all).not.toContain(secret);
  });

  it('takes a code once, of many at the same time once, and no wrong one more than five times', async () => {
    await open();
    const phone = newPhone();
    await code(phone);
    const digits = outbox.take(phone);
    const all = await Promise.all(Array.from({ length: 5 }, () => enter(phone, digits)));
    expect(all.map(({ status }) => status).sort()).toEqual([200, 401, 401, 401, 401]);
    expect((await enter(phone, digits)).status).toBe(401);
    await code(phone);
    const next = outbox.take(phone);
    for (let tries = 0; tries < 5; tries++) expect((await enter(phone, other(next))).status).toBe(401);
    expect((await enter(phone, next)).status).toBe(401);
    expect((await enter(newPhone(), '123456')).body.code).toBe('unauthorized');
  });

  it('sends three codes in ten minutes to one number, and the code of the other kind is another', async () => {
    await open();
    const phone = newPhone();
    for (let sends = 0; sends < 3; sends++) expect((await code(phone)).status).toBe(202);
    expect(await code(phone)).toMatchObject({ status: 429 });
    const digits = outbox.take(phone);
    expect((await enter(phone, digits, 'driver')).status).toBe(401);
    expect((await enter(phone, digits)).status).toBe(200);
  });

  it('refuses what is no phone number, or no code, with the reason', async () => {
    await open();
    for (const phone of ['+1', '4155550123', '+1415555', '+999123456789', "+1415' or 1=1"])
      expect((await code(phone)).status).toBe(422);
    expect((await enter(newPhone(), '12345')).status).toBe(422);
    expect((await enter(newPhone(), '12345a')).status).toBe(422);
  });

  it('is in the audit log, with whom it let in and whom it did not', async () => {
    await open();
    const phone = newPhone();
    const { accountId } = await signIn(city, outbox, 'rider', phone);
    await code(phone);
    await enter(phone, other(outbox.take(phone)));
    const log = new PostgresAuditLog(database.sql);
    const entries = await log.search({ action: 'account.sign_in' }, 2);
    expect(entries.map(({ actor, after }) => [actor?.id ?? null, after])).toEqual([
      [null, { outcome: 'wrong_code' }],
      [accountId, { outcome: 'signed_in' }],
    ]);
  });
});

describe('a session', () => {
  it('R5: is refreshed once a token, the same answer for the same token within seconds', async () => {
    await open();
    const { tokens } = await signIn(city, outbox, 'rider');
    const all = await Promise.all(Array.from({ length: 4 }, () => refresh(tokens.refreshToken)));
    expect(all.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const next = new Set(all.map(({ body }) => body.refreshToken));
    expect(next.size).toBe(1);
    expect(next.has(tokens.refreshToken)).toBe(false);
    expect((await own(all[0]!.body.accessToken)).status).toBe(200);
    expect((await refresh([...next][0]!)).status).toBe(200);
  });

  it('ends when an older token comes back: it was stolen from somebody', async () => {
    await open();
    const { tokens } = await signIn(city, outbox, 'rider');
    const second = (await refresh(tokens.refreshToken)).body;
    const third = (await refresh(second.refreshToken)).body;
    expect((await refresh(tokens.refreshToken)).status).toBe(401);
    expect((await refresh(third.refreshToken)).status).toBe(401);
    expect((await own(third.accessToken)).status).toBe(401);
  });

  it('is not refreshed or ended by a token that somebody made up', async () => {
    await open();
    const { tokens } = await signIn(city, outbox, 'rider');
    const bytes = Buffer.from(tokens.refreshToken, 'base64url');
    for (const at of [0, 10, 19, 20, 51]) {
      const wrong = Buffer.from(bytes);
      wrong[at]! ^= 1;
      expect((await refresh(wrong.toString('base64url'))).status).toBe(401);
    }
    for (const wrong of ['', 'x', tokens.accessToken.slice(0, 70)])
      expect((await refresh(wrong)).status).toBe(401);
    expect((await refresh(tokens.refreshToken)).status).toBe(200);
  });

  it('R6: ended on one replica is closed and refused on the other at once; the account’s others go on', async () => {
    await open();
    await city.start();
    const phone = newPhone();
    const [one, two] = [
      await signIn(city, outbox, 'rider', phone),
      await signIn(city, outbox, 'rider', phone),
    ];
    const listed = await city.http<{ sessions: { sessionId: string; isThis: boolean }[] }>(
      'GET',
      '/v1/sessions',
      {
        token: one.tokens.accessToken,
      },
    );
    expect(listed.body.sessions.map(({ sessionId, isThis }) => [sessionId, isThis])).toEqual(
      [two, one].map(({ tokens: { sessionId } }) => [sessionId, sessionId === one.tokens.sessionId]),
    );
    const app = await connect(two.tokens.accessToken, 1);
    const path = `/v1/sessions/${two.tokens.sessionId}`;
    const stranger = (await signIn(city, outbox, 'rider')).tokens.accessToken;
    expect((await city.http('DELETE', path, { token: stranger })).status).toBe(404);
    expect((await city.http('DELETE', path, { token: one.tokens.accessToken })).status).toBe(204);
    expect(await app.gone).toBe(CLOSE.session_ended.code);
    const seen = await city.http('GET', '/v1/account', { token: two.tokens.accessToken, replica: 1 });
    expect(seen.status).toBe(401);
    expect((await refresh(two.tokens.refreshToken, 1)).status).toBe(401);
    expect((await own(one.tokens.accessToken)).status).toBe(200);
  });

  it('R11: that has ended stays so for a server that starts later', async () => {
    await open();
    const { tokens } = await signIn(city, outbox, 'rider');
    const path = `/v1/sessions/${tokens.sessionId}`;
    expect((await city.http('DELETE', path, { token: tokens.accessToken })).status).toBe(204);
    await city.restart();
    expect((await own(tokens.accessToken)).status).toBe(401);
  });
});

describe('a driver', () => {
  const CAR = { vehicleClass: 'economy', seats: 4, model: 'Toyota Prius', colour: 'white', plate: '7ABC123' };
  const ONLINE = { t: 'online', vehicleClass: 'economy', seats: 4 };
  const describeCar = (token: string, car = CAR) => city.http('PUT', '/v1/account/car', { token, body: car });
  const decide = (accountId: string, decision: string, reason: string | null = null) =>
    city.http<{ approval: { state: string } }>('PUT', `/v1/admin/applications/${accountId}`, {
      ...{ ...admin, body: { decision, reason } },
    });

  it('goes on duty once the car is approved, with that car alone', async () => {
    await open();
    const { accountId, tokens } = await signIn(city, outbox, 'driver');
    const app = await connect(tokens.accessToken);
    expect(await app.refused(ONLINE)).toBe('not_approved');
    expect(await describeCar(tokens.accessToken)).toMatchObject({
      body: { approval: { state: 'submitted', plate: '7ABC123' } },
    });
    expect(await app.refused(ONLINE)).toBe('not_approved');
    const waiting = await city.http<{ applications: { driverId: string }[] }>(
      'GET',
      '/v1/admin/applications',
      admin,
    );
    expect(waiting.body.applications.map(({ driverId }) => driverId)).toContain(accountId);
    expect((await decide(accountId, 'approve')).body.approval.state).toBe('approved');
    expect(await decide(accountId, 'approve')).toMatchObject({ status: 409 });
    expect(await app.refused({ ...ONLINE, vehicleClass: 'xl' })).toBe('not_approved');
    expect(await app.refused({ ...ONLINE, seats: 5 })).toBe('not_approved');
    await app.done(ONLINE);
    app.ping(at(-300));
    await ask(await city.rider('rider'));
    await offerTo(app);
    await describeCar(tokens.accessToken, { ...CAR, plate: '8XYZ' });
    expect(await app.wait('duty')).toMatchObject({ status: 'offline' });
  });

  it('who is suspended is off duty and signed out at once, on every replica, and cannot come back until reinstated', async () => {
    await open();
    await city.start();
    const phone = newPhone();
    const { accountId, tokens } = await signIn(city, outbox, 'driver', phone);
    await describeCar(tokens.accessToken);
    await decide(accountId, 'approve');
    const app = await connect(tokens.accessToken, 1);
    await app.done(ONLINE);
    app.ping(at(-300));
    const suspension = `/v1/admin/accounts/driver/${accountId}/suspension`;
    expect((await city.http('PUT', `/v1/admin/accounts/rider/${accountId}/suspension`, admin)).status).toBe(
      404,
    );
    expect(await city.http('PUT', suspension, admin)).toMatchObject({
      status: 200,
      body: { state: 'suspended' },
    });
    expect(await app.gone).toBe(CLOSE.session_ended.code);
    const [duty] = await database.sql`select on_duty from drivers where driver_id = ${accountId}`;
    expect(duty).toEqual({ on_duty: false });
    expect((await refresh(tokens.refreshToken)).status).toBe(401);
    await code(phone, 'driver');
    expect((await enter(phone, outbox.take(phone), 'driver')).body.code).toBe('account_suspended');
    expect((await city.http('DELETE', suspension, admin)).body).toMatchObject({ state: 'active' });
    await code(phone, 'driver');
    expect((await enter(phone, outbox.take(phone), 'driver')).status).toBe(200);
    const log = new PostgresAuditLog(database.sql);
    const actions = (await log.search({ objectId: accountId }, 20)).map(({ action }) => action);
    expect(actions).toEqual(
      expect.arrayContaining(['account.suspend', 'account.reinstate', 'driver.approve']),
    );
  });

  it('who is suspended during a trip is off duty once that has ended', async () => {
    await open();
    const { accountId, tokens } = await signIn(city, outbox, 'driver');
    await describeCar(tokens.accessToken);
    await decide(accountId, 'approve');
    const app = await connect(tokens.accessToken);
    await app.done(ONLINE);
    app.ping(at(-300));
    const { tripId } = await matched(await city.rider('rider'), app);
    expect((await city.http('PUT', `/v1/admin/accounts/driver/${accountId}/suspension`, admin)).status).toBe(
      200,
    );
    expect(await app.gone).toBe(CLOSE.session_ended.code);
    const onDuty = async () => {
      const [row] = await database.sql<{ on_duty: boolean }[]>`
        select on_duty from drivers where driver_id = ${accountId}`;
      return row!.on_duty;
    };
    expect(await onDuty()).toBe(true);
    const cancel = { ...admin, key: 'cancel-1', body: { reason: 'the driver is suspended' } };
    expect((await city.http('POST', `/v1/trips/${tripId}/cancel`, cancel)).status).toBe(200);
    await expect.poll(onDuty, { timeout: 15_000 }).toBe(false);
  });

  it('is found by number or id by operators, which is in the audit log, and not by others', async () => {
    await open();
    const phone = newPhone();
    const { accountId, tokens } = await signIn(city, outbox, 'driver', phone);
    const find = (call: object) =>
      city.http('POST', '/v1/admin/accounts/driver/search', { ...call, body: { phone } });
    expect(await find(admin)).toMatchObject({ status: 200, body: { accountId, phone } });
    expect((await find({ token: tokens.accessToken })).status).toBe(403);
    expect((await city.http('GET', `/v1/admin/people/${accountId}`, admin)).body).toMatchObject({ phone });
    const reads = await new PostgresAuditLog(database.sql).search(
      { action: 'person.read', objectId: accountId },
      5,
    );
    expect(reads.map(({ actor }) => actor)).toEqual(
      Array(2).fill({ role: 'operations', id: city.id('ann') }),
    );
    const page = await city.http<{ accounts: unknown[]; next: string }>(
      'GET',
      '/v1/admin/accounts/driver?limit=1',
      admin,
    );
    expect(page.body.accounts).toEqual([
      { accountId, state: 'active', createdMs: expect.any(Number) as number },
    ]);
    const rest = await city.http<{ accounts: unknown[] }>(
      'GET',
      `/v1/admin/accounts/driver?after=${page.body.next}`,
      admin,
    );
    expect(rest.body.accounts).not.toContainEqual(page.body.accounts[0]);
  });
});
