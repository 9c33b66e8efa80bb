import { afterEach, describe, expect, it } from 'vitest';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, type CityOptions, matched } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<CityOptions> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));
afterEach(() => city.close());

type Answered = TripView & { readonly code?: string };
const cancel = (tripId: string, key = 'c-1', role: 'support' | 'admin' = 'support') =>
  city.http<Answered>('POST', `/v1/trips/${tripId}/cancel`, { role, key, body: { reason: 'by phone' } });
const assign = (tripId: string, driver: string, key = 'a-1') =>
  city.http<Answered>('POST', `/v1/admin/trips/${tripId}/assign`, {
    ...{ role: 'operations', key, body: { driverId: city.id(driver) } },
  });
/** Nobody is matched but by hand: drivers stand too far away. */
const FAR = { match: { radiusM: 100, radiusMMax: 100 } };

describe('an operator', () => {
  it('R1, R5: ends a trip in any state, once, and both apps are told', async () => {
    await open();
    const [rider, driver] = [await city.rider('rider'), await city.driver('driver', at(-300))];
    const { tripId } = await aboard(rider, driver);
    const ended = await cancel(tripId);
    expect(ended).toMatchObject({ status: 200, body: { status: 'cancelled', endedBy: 'operator' } });
    expect(ended.body.fareMinor).toBeGreaterThan(0);
    expect(await rider.trip('cancelled')).toMatchObject({ tripId });
    expect(await driver.trip('cancelled')).toMatchObject({ tripId });
    expect((await cancel(tripId)).body).toEqual(ended.body);
    expect(await cancel(tripId, 'c-2')).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
    const searching = await ask(rider);
    expect((await cancel(searching.tripId, 'c-3')).body).toMatchObject({
      status: 'cancelled',
      fareMinor: null,
    });
  });

  it('R2, R3, R5: gives a searching trip to a driver, who is told like any other', async () => {
    await open(FAR);
    const [rider, driver] = [await city.rider('rider'), await city.driver('driver', at(-2_000))];
    const { tripId, pin } = await ask(rider);
    const given = await assign(tripId, 'driver');
    expect(given).toMatchObject({ status: 200, body: { status: 'to_pickup', driverId: city.id('driver') } });
    expect(given.body.pin).toBeNull();
    expect((await assign(tripId, 'driver')).body).toMatchObject({ tripId, version: given.body.version });
    await driver.trip('to_pickup');
    await rider.trip('to_pickup');
    await driver.done({ t: 'arrived', tripId });
    await driver.done({ t: 'start', tripId, pin: pin! });
    await driver.done({ t: 'complete', tripId });
  });

  it('R2, R3: is told no for a busy driver, one off duty, one unknown, one who gave the trip up, and a trip that is taken', async () => {
    await open(FAR);
    const busy = await city.driver('busy', at(-20));
    await matched(await city.rider('first'), busy);
    const { tripId } = await ask(await city.rider('second'));
    const off = await city.driver('off', at(-2_000));
    await off.done({ t: 'offline' });
    const small = await city.driver('small', at(-2_000), { seats: 1 });
    await small.done({ t: 'snapshot' });
    const codes = [];
    for (const name of ['busy', 'off', 'nobody', 'small'])
      codes.push((await assign(tripId, name, `k-${name}`)).body.code);
    expect(codes).toEqual(['driver_busy', 'wrong_state', 'not_found', 'wrong_state']);
    const free = await city.driver('free', at(-2_000));
    await assign(tripId, 'free', 'k-free');
    await free.done({ t: 'cancel', tripId, reason: 'flat tyre' });
    expect(await assign(tripId, 'free', 'k-again')).toMatchObject({
      status: 409,
      body: { code: 'wrong_state' },
    });
    await city.driver('other', at(-2_000));
    expect((await assign(tripId, 'other', 'k-other')).status).toBe(200);
    await city.driver('late', at(-2_000));
    expect(await assign(tripId, 'late', 'k-late')).toMatchObject({
      status: 409,
      body: { code: 'wrong_state' },
    });
  });

  it('R2: of many who assign one trip at once, one does', async () => {
    await open(FAR);
    const { tripId } = await ask(await city.rider('rider'));
    const names = ['a', 'b', 'c', 'd', 'e'];
    for (const name of names) await city.driver(name, at(-2_000));
    const answers = await Promise.all(names.map((name) => assign(tripId, name, `k-${name}`)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
});
