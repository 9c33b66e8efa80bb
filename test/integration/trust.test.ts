import { afterEach, describe, expect, it } from 'vitest';
import { RATING_MS_MAX } from '../../src/domain/rating.ts';
import type { SosView } from '../../src/protocol/rest-safety.ts';
import { PostgresAuditLog } from '../../src/store/audit-log-postgres.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import type { App } from './app.ts';
import { aboard, ask, at, City, matched } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (): Promise<City> => (city = await City.open({ database, redisUrl: redis.url }));
afterEach(() => city.close());

async function pair(): Promise<{ rider: App; driver: App }> {
  return { rider: await city.rider('rider'), driver: await city.driver('driver', at(-300)) };
}

async function completed(): Promise<string> {
  const { rider, driver } = await pair();
  const { tripId } = await aboard(rider, driver);
  await driver.done({ t: 'complete', tripId });
  return tripId;
}

const rate = (role: 'rider' | 'driver', tripId: string, stars: number, id: string = role) =>
  city.http<{ code?: string }>('PUT', `/v1/trips/${tripId}/rating`, {
    role,
    id,
    body: { stars, tags: ['clean'] },
  });
const meanOf = async (role: 'rider' | 'driver') => (await city.http('GET', '/v1/rating', { role })).body;

describe('ratings', () => {
  it('go both ways, count once, and may be changed for a week', async () => {
    await open();
    const tripId = await completed();
    expect(await meanOf('driver')).toEqual({ ratings: 0, meanStars: null });
    expect(await rate('rider', tripId, 5)).toMatchObject({
      status: 200,
      body: { stars: 5, tags: ['clean'] },
    });
    expect(await rate('driver', tripId, 3)).toMatchObject({ status: 200 });
    expect(await meanOf('driver')).toEqual({ ratings: 1, meanStars: 5 });
    expect(await meanOf('rider')).toEqual({ ratings: 1, meanStars: 3 });
    // All at once: whatever their order, the sum is the one rating's that is left.
    await Promise.all([1, 2, 3, 4, 2, 1].map((stars) => rate('rider', tripId, stars)));
    await rate('rider', tripId, 4);
    expect(await meanOf('driver')).toEqual({ ratings: 1, meanStars: 4 });
    city.clock.advance(RATING_MS_MAX + 1);
    expect(await rate('rider', tripId, 1)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await meanOf('driver')).toEqual({ ratings: 1, meanStars: 4 });
  });

  it('are refused to others, before the end, and when they are none', async () => {
    await open();
    const { rider, driver } = await pair();
    const { tripId } = await matched(rider, driver);
    expect(await rate('rider', tripId, 5)).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    expect(await rate('rider', tripId, 5, 'stranger')).toMatchObject({ status: 404 });
    expect(await rate('driver', tripId, 5, 'stranger')).toMatchObject({ status: 404 });
    for (const stars of [0, 6, 4.5, null])
      expect((await rate('rider', tripId, stars as number)).status).toBe(422);
    expect((await rate('rider', 'no-uuid', 5)).status).toBe(404);
  });
});

describe('a shared trip', () => {
  const share = (tripId: string, id = 'rider') =>
    city.http<{ token: string; path: string }>('PUT', `/v1/trips/${tripId}/share`, { role: 'rider', id });

  it('is followed without a token by who has its link, without a name or number, until it ends', async () => {
    await open();
    const { rider, driver } = await pair();
    const { tripId } = await matched(rider, driver);
    const shared = await share(tripId);
    expect(shared.status).toBe(200);
    expect((await share(tripId)).body).toEqual(shared.body);
    const seen = await city.http<Record<string, unknown>>('GET', shared.body.path);
    expect(seen).toMatchObject({ status: 200, body: { status: 'to_pickup' } });
    expect(seen.body.driverAt).not.toBeNull();
    expect(Object.keys(seen.body).sort()).toEqual([
      ...['driverAt', 'dropoff', 'etaS', 'pickup', 'status', 'vehicleClass'],
    ]);
    await rider.done({ t: 'cancel', tripId, reason: 'enough' });
    expect((await city.http('GET', shared.body.path)).status).toBe(404);
    expect(await share(tripId)).toMatchObject({ status: 409 });
  });

  it('is its rider’s to share and to end; a link is not guessed from another', async () => {
    await open();
    const { tripId } = await ask(await city.rider('rider'));
    const { token, path } = (await share(tripId)).body;
    expect((await share(tripId, 'stranger')).status).toBe(404);
    const flip = (at: number) => token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
    for (const wrong of [flip(3), flip(25), flip(40), token.slice(1), `${token}A`, 'x', '%00', '%zz'])
      expect((await city.http('GET', `/v1/track/${wrong}`)).status).toBe(404);
    const end = (id: string) => city.http('DELETE', `/v1/trips/${tripId}/share`, { role: 'rider', id });
    expect([(await end('stranger')).status, (await city.http('GET', path)).status]).toEqual([404, 200]);
    expect([(await end('rider')).status, (await city.http('GET', path)).status]).toEqual([204, 404]);
    const anew = (await share(tripId)).body;
    expect(anew.token).not.toBe(token);
    expect((await city.http('GET', path)).status).toBe(404);
    expect((await city.http('GET', anew.path)).status).toBe(200);
  });
});

describe('a call for help', () => {
  const raise = (key: string, body: object, id = 'rider') =>
    city.http<SosView>('POST', '/v1/sos', { role: 'rider', id, key, body });
  const list = async (query: string) =>
    (
      await city.http<{ calls: SosView[]; next: string | null }>('GET', `/v1/admin/sos${query}`, {
        role: 'support',
      })
    ).body;

  it('R5: is stored once for its key, shown to operators page by page, and handled once', async () => {
    await open();
    const { tripId } = await ask(await city.rider('rider'));
    const place = at(10);
    const first = await raise('k-1', { tripId, place });
    expect(first).toMatchObject({
      status: 201,
      body: { accountId: city.id('rider'), tripId, handledBy: null },
    });
    expect((await raise('k-1', { tripId, place })).body).toEqual(first.body);
    for (const key of ['k-2', 'k-3']) await raise(key, { tripId: null, place: null });
    const page = await list('?limit=2');
    expect(page.calls[0]).toEqual(first.body);
    const rest = await list(`?limit=2&after=${page.next}`);
    expect([page.calls.length, rest.calls.length, rest.next]).toEqual([2, 1, null]);
    const handle = (id: string) =>
      city.http<SosView>('PUT', `/v1/admin/sos/${first.body.sosId}/handled`, {
        ...{ role: 'operations', id, body: { note: `by ${id}` } },
      });
    expect((await handle('ann')).body).toMatchObject({ handledBy: city.id('ann'), note: 'by ann' });
    expect((await handle('ben')).body).toMatchObject({ handledBy: city.id('ann'), note: 'by ann' });
    expect([(await list('')).calls.length, (await list('?state=all')).calls.length]).toEqual([2, 3]);
    const entries = await new PostgresAuditLog(database.sql).search({ objectId: first.body.sosId }, 10);
    expect(entries.map(({ actor, action }) => [actor?.id, action])).toEqual([
      [city.id('ben'), 'sos.handle'],
      [city.id('ann'), 'sos.handle'],
    ]);
  });

  it('is refused about others’ trips, and to be listed by riders', async () => {
    await open();
    const { tripId } = await ask(await city.rider('rider'));
    expect((await raise('k-1', { tripId, place: null }, 'stranger')).status).toBe(404);
    expect((await city.http('GET', '/v1/admin/sos', { role: 'rider' })).status).toBe(403);
    expect((await city.http('GET', '/v1/admin/sos?after=rubbish', { role: 'admin' })).status).toBe(422);
    expect((await raise('k-2', { tripId: null, place: { lat: 91, lng: 0 } })).status).toBe(422);
  });
});

describe('a driver whose places cannot be believed', () => {
  const suspicions = async (id: string) => {
    const path = `/v1/admin/drivers/${city.id(id)}/suspicions`;
    return (
      await city.http<{ isSuspect: boolean; suspicions: object[] }>('GET', path, { role: 'operations' })
    ).body;
  };
  /** Two cities by turns, each until it is believed. */
  const teleport = (driver: App, times: number): void => {
    for (let n = 0; n < times * 4; n++) {
      city.clock.advance(1_000);
      driver.ping(at(Math.floor(n / 4) % 2 === 0 ? 20_000 : -20_000, (n % 4) * 5));
    }
  };
  const ONLINE = { t: 'online', vehicleClass: 'economy', seats: 4 } as const;

  it('is taken off duty, is no candidate, hears why when asking again, and is let back by an operator', async () => {
    await open();
    const driver = await city.driver('ghost', at(-300));
    expect(await suspicions('ghost')).toEqual({ isSuspect: false, suspicions: [] });
    teleport(driver, 4);
    expect(await driver.wait('duty')).toMatchObject({ status: 'offline' });
    const { tripId } = await ask(await city.rider('rider'));
    expect(await driver.refused(ONLINE)).toBe('location_suspect');
    expect(await suspicions('ghost')).toMatchObject({
      isSuspect: true,
      suspicions: [{ isMock: false, liftedBy: null }],
    });
    const path = `/v1/admin/drivers/${city.id('ghost')}/suspicions`;
    expect((await city.http('DELETE', path, { role: 'operations', id: 'ann' })).status).toBe(204);
    expect(await suspicions('ghost')).toMatchObject({
      isSuspect: false,
      suspicions: [{ liftedBy: city.id('ann') }],
    });
    await driver.done(ONLINE);
    driver.ping(at(-300));
    expect((await driver.wait('offer')).offer.tripId).toBe(tripId);
  });

  it('ends the trip first, and comes back when the time is over', async () => {
    await open();
    const [rider, driver] = [await city.rider('rider'), await city.driver('ghost', at(-300))];
    const { tripId } = await aboard(rider, driver);
    teleport(driver, 4);
    await expect.poll(async () => (await suspicions('ghost')).isSuspect, { timeout: 15_000 }).toBe(true);
    await driver.done({ t: 'complete', tripId });
    expect(await driver.wait('duty')).toMatchObject({ status: 'offline' });
    city.clock.advance(31 * 60_000);
    await driver.done(ONLINE);
  });

  it('is one whose device says that it makes them up', async () => {
    await open();
    const driver = await city.driver('mock', at(-300));
    await matched(await city.rider('rider'), await city.driver('honest', at(-100)));
    expect(await driver.refused({ ...ONLINE, mockLocation: true })).toBe('location_suspect');
    expect(await driver.wait('duty')).toMatchObject({ status: 'offline' });
    expect(await driver.refused({ ...ONLINE, mockLocation: false })).toBe('location_suspect');
    expect(await suspicions('mock')).toMatchObject({ isSuspect: true, suspicions: [{ isMock: true }] });
  });
});
