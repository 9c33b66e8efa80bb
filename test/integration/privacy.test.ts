import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { City, RIDE } from './city.ts';
import { newPhone, Outbox, signIn } from './phones.ts';

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

const admin = { role: 'admin', id: 'privacy' } as const;
const exportOf = (accountId: string, who: object) =>
  city.http<Record<string, unknown>>('GET', `/v1/accounts/${accountId}/export`, who);
const erase = (accountId: string, who: object) =>
  city.http<{ code?: string } | undefined>('DELETE', `/v1/accounts/${accountId}`, who);
const cancel = (tripId: string, token: string) =>
  city.http('POST', `/v1/trips/${tripId}/cancel`, { token, key: `c-${tripId}`, body: { reason: 'no' } });

describe('what people may ask of their data', () => {
  it('all of it: the account opened, where they were signed in, and their trips', async () => {
    const phone = newPhone();
    const { accountId, tokens } = await signIn(city, outbox, 'rider', phone);
    const mine = { token: tokens.accessToken };
    await city.http('PATCH', '/v1/account', { ...mine, body: { name: 'Ann B' } });
    const { tripId } = (
      await city.http<{ tripId: string }>('POST', '/v1/trips', { ...mine, key: 't', body: RIDE })
    ).body;
    const { status, body } = await exportOf(accountId, mine);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      account: { accountId, kind: 'rider', phone, name: 'Ann B' },
      sessions: [{ device: 'a test’s phone' }],
      trips: [{ trip_id: tripId, pickup_lat: RIDE.pickup.lat, dropoff_lng: RIDE.dropoff.lng }],
    });
    expect(JSON.stringify(body)).not.toMatch(/data_key|salt|"pin"/);
    await cancel(tripId, tokens.accessToken);
  });

  it('the end of it: nothing that was sealed can be opened, every token is refused, the number is free', async () => {
    const phone = newPhone();
    const { accountId, tokens } = await signIn(city, outbox, 'rider', phone);
    const mine = { token: tokens.accessToken };
    const ride = await city.http<{ tripId: string }>('POST', '/v1/trips', { ...mine, key: 't', body: RIDE });
    expect(await erase(accountId, mine)).toMatchObject({ status: 409, body: { code: 'rider_busy' } });
    await cancel(ride.body.tripId, tokens.accessToken);
    expect((await erase(accountId, mine)).status).toBe(204);
    expect((await city.http('GET', '/v1/account', mine)).status).toBe(401);
    const refreshed = await city.http('POST', '/v1/tokens/refresh', {
      body: { refreshToken: tokens.refreshToken },
    });
    expect(refreshed.status).toBe(401);
    const [row] = await database.sql`select * from accounts where account_id = ${accountId}`;
    expect(row).toMatchObject({
      ...{ state: 'erased', phone_index: null, phone_sealed: null, name_sealed: null },
      ...{ data_key: null, key_id: null },
    });
    expect(
      await database.sql`select device, address, end_reason from sessions where subject = ${accountId}`,
    ).toEqual([{ device: '', address: '', end_reason: 'erased' }]);
    expect(await database.sql`select rider_id from trips where trip_id = ${ride.body.tripId}`).toEqual([
      { rider_id: accountId },
    ]);
    const again = await signIn(city, outbox, 'rider', phone);
    expect([again.isNew, again.accountId === accountId]).toEqual([true, false]);
  });

  it('is asked by an admin for somebody, which the audit log tells; again is no error; by support never', async () => {
    const { accountId, tokens } = await signIn(city, outbox, 'driver');
    expect((await exportOf(accountId, { role: 'support', id: 'privacy' })).status).toBe(403);
    expect((await erase(accountId, { role: 'operations', id: 'privacy' })).status).toBe(403);
    expect((await exportOf(accountId, admin)).status).toBe(200);
    expect((await erase(accountId, admin)).status).toBe(204);
    expect((await erase(accountId, admin)).status).toBe(204);
    expect((await city.http('GET', '/v1/account', { token: tokens.accessToken })).status).toBe(401);
    expect((await exportOf(accountId, admin)).body).toMatchObject({
      account: { state: 'erased', phone: null, name: null },
    });
    const log = await new PostgresAuditLog(database.sql).search({ objectId: accountId }, 10);
    const actor = { role: 'admin', id: city.id('privacy') };
    expect(log.filter(({ action }) => action === 'account.erase')).toMatchObject([
      { actor, before: { state: 'active' }, after: { state: 'erased' } },
    ]);
    expect(log.filter(({ action }) => action === 'person.read')).toMatchObject([{ actor }, { actor }]);
  });

  it('another’s is not there at all', async () => {
    const [me, other] = [await signIn(city, outbox, 'rider'), await signIn(city, outbox, 'rider')];
    const mine = { token: me.tokens.accessToken };
    expect((await exportOf(other.accountId, mine)).status).toBe(404);
    expect((await erase(other.accountId, mine)).status).toBe(404);
    expect((await exportOf('nobody', mine)).status).toBe(404);
    expect((await exportOf(other.accountId, { token: other.tokens.accessToken })).status).toBe(200);
  });
});

describe('R5: a key of a write that is no trip’s', () => {
  it('gives the same answer again on another replica, where a repeat without it is refused', async () => {
    await city.start();
    const { accountId, tokens } = await signIn(city, outbox, 'driver');
    const car = { vehicleClass: 'economy', seats: 4, model: 'Car', colour: 'red', plate: 'PLATE-77' };
    await city.http('PUT', '/v1/account/car', { token: tokens.accessToken, body: car });
    const decide = (replica: number, call: object, decision = 'approve') =>
      city.http<{ code?: string }>('PUT', `/v1/admin/applications/${accountId}`, {
        ...{ role: 'operations', id: 'ann', replica, body: { decision, reason: null } },
        ...call,
      });
    const first = await decide(0, { key: 'decision-1' });
    expect(first.status).toBe(200);
    expect(await decide(1, { key: 'decision-1' })).toEqual(first);
    expect(await decide(1, {})).toMatchObject({ status: 409 });
    expect(await decide(0, { key: 'decision-1' }, 'reject')).toMatchObject({ body: { code: 'key_reused' } });
    expect(await decide(0, { key: 'no\ttab' })).toMatchObject({ status: 400 });
    const log = await new PostgresAuditLog(database.sql).search({ objectId: accountId }, 10);
    expect(log.filter(({ action }) => action === 'driver.approve')).toHaveLength(1);
    const [row] = await database.sql<{ answer: Buffer }[]>`
      select answer from rest_answers where key = 'decision-1'`;
    expect(row!.answer.toString('latin1')).not.toContain('PLATE-77');
  });

  it('is not looked at where the answer is a secret: nothing of it is kept', async () => {
    const made = await city.http<{ key: string }>('POST', '/v1/admin/keys', {
      ...{ role: 'admin', id: 'ann', key: 'secret-1' },
      body: { name: 'n', role: 'support', days: 1 },
    });
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    expect(await database.sql`select 1 from rest_answers where key = 'secret-1'`).toHaveLength(0);
  });
});
