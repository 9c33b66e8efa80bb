import { afterEach, describe, expect, it } from 'vitest';
import type { Quote } from '../../src/domain/trip.ts';
import type { NearbyDriver, TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { ask, at, City, type CityOptions, type HttpCall, matched, offerTo, RIDE, tokenFor } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<CityOptions> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));

afterEach(() => city.close());

const post = <B>(path: string, call: HttpCall) => city.http<B>('POST', path, { role: 'rider', ...call });
const countTrips = async (): Promise<number> => {
  const rows = await database.sql`select 1 from trips where market_id = ${city.market.marketId}`;
  return rows.length;
};

describe('a ride over REST', () => {
  it('R1: priced, asked for, seen by its own and by operators, given up', async () => {
    await open();
    const driver = await city.driver('driver', at(-300));
    await driver.done({ t: 'snapshot' });
    const quoted = await post<Quote>('/v1/quotes', { body: RIDE });
    expect(quoted).toMatchObject({ status: 200, body: { currency: 'USD' } });
    const near = await city.http<{ drivers: NearbyDriver[] }>(
      'GET',
      `/v1/nearby?lat=${RIDE.pickup.lat}&lng=${RIDE.pickup.lng}`,
      { role: 'rider' },
    );
    expect(near).toMatchObject({ status: 200, body: { drivers: [{ vehicleClass: 'economy' }] } });
    expect(Object.keys(near.body.drivers[0]!).sort()).toEqual([
      ...['etaS', 'headingDeg', 'lat', 'lng', 'vehicleClass'],
    ]);

    const asked = await post<TripView>('/v1/trips', { body: RIDE, key: 'ride-1' });
    expect(asked).toMatchObject({ status: 201, body: { status: 'searching', quote: quoted.body } });
    const { tripId } = asked.body;
    const path = `/v1/trips/${tripId}`;
    await driver.done({ t: 'accept', offerId: (await offerTo(driver)).offerId });
    const seen = await city.http<TripView>('GET', path, { role: 'rider' });
    expect(seen).toMatchObject({ status: 200, body: { status: 'to_pickup', driverId: city.id('driver') } });
    expect(seen.body.driverAt).not.toBeNull();
    expect((await city.http('GET', path, { role: 'driver' })).status).toBe(200);
    expect((await city.http('GET', path, { role: 'admin' })).status).toBe(200);

    const given = await post<TripView>(`${path}/cancel`, { body: { reason: 'rain' }, key: 'stop-1' });
    expect(given).toMatchObject({ status: 200, body: { status: 'cancelled', endReason: 'rain' } });
    expect(await driver.trip('cancelled')).toMatchObject({ tripId, endedBy: 'rider' });
    const again = await post<TripView>(`${path}/cancel`, { body: { reason: 'rain' }, key: 'stop-2' });
    expect(again).toMatchObject({ status: 409, body: { code: 'wrong_state' } });
  });

  it('R9: a driver gives a trip up over REST, and it searches again', async () => {
    await open();
    const driver = await city.driver('driver', at(-300));
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, driver);
    const { status, body } = await city.http<TripView>('POST', `/v1/trips/${tripId}/cancel`, {
      ...{ role: 'driver', key: 'flat', body: { reason: 'flat tyre' } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'searching', pin: null });
    expect((await rider.trip('searching')).driverId).toBeNull();
  });

  it('somebody else’s trip is not there at all', async () => {
    await open();
    const { tripId } = await ask(await city.rider('rider'));
    const path = `/v1/trips/${tripId}`;
    const strangers = [
      await city.http('GET', path, { role: 'rider', id: 'stranger' }),
      await city.http('GET', path, { role: 'driver', id: 'stranger' }),
      await city.http('GET', '/v1/trips/17', { role: 'rider' }),
      await city.http('GET', '/v1/trips/0192f3a4-7c00-7000-8000-000000000001', { role: 'rider' }),
      await post(`${path}/cancel`, { id: 'stranger', key: 'x', body: { reason: 'not mine' } }),
    ];
    for (const { status, body } of strangers) {
      expect(status).toBe(404);
      expect(body).toMatchObject({ code: 'not_found', retryable: false });
    }
    expect((await city.http<TripView>('GET', path, { role: 'rider' })).body.status).toBe('searching');
  });

  it('says what is wrong with a request, and changes nothing', async () => {
    await open();
    await ask(await city.rider('other'));
    const key = 'k';
    const { dropoff, ...noDropoff } = RIDE;
    const stranger = { authorization: `Bearer ${(await tokenFor('rider', 'x')).slice(0, -3)}abc` };
    const cases: [status: number, code: string, call: HttpCall][] = [
      [400, 'bad_json', { body: '{"pickup":', key }],
      [400, 'bad_key', { body: RIDE }],
      [400, 'bad_key', { body: RIDE, key: 'x'.repeat(65) }],
      [401, 'unauthorized', { body: RIDE, key, headers: { authorization: 'Bearer x' } }],
      [401, 'unauthorized', { body: RIDE, key, headers: stranger }],
      [403, 'forbidden', { body: RIDE, key, role: 'driver' }],
      [403, 'forbidden', { body: RIDE, key, role: 'admin' }],
      [413, 'body_too_large', { body: { ...RIDE, note: 'x'.repeat(20_000) }, key }],
      [415, 'not_json', { body: RIDE, key, headers: { 'content-type': 'text/plain' } }],
      [422, 'bad_message', { body: noDropoff, key }],
      [422, 'bad_message', { body: { ...RIDE, seats: 0 }, key }],
      [422, 'bad_message', { body: { ...RIDE, pickup: { lat: 91, lng: 0 } }, key }],
      [422, 'outside_area', { body: { ...RIDE, pickup: { lat: 48.2, lng: 16.4 } }, key }],
      [422, 'outside_area', { body: { ...RIDE, dropoff: { ...dropoff, lat: 52 } }, key }],
      [422, 'class_not_offered', { body: { ...RIDE, vehicleClass: 'xl' }, key }],
    ];
    for (const [status, code, call] of cases) {
      const answer = await post('/v1/trips', call);
      expect(answer).toMatchObject({ status, body: { status, code } });
    }
    expect(await city.http('GET', '/v1/trips', { role: 'rider' })).toMatchObject({ status: 405 });
    expect(await city.http('GET', '/v1/nothing')).toMatchObject({
      status: 404,
      body: { code: 'no_such_path' },
    });
    expect(await city.http('GET', '/v1/nearby?lat=x&lng=1', { role: 'rider' })).toMatchObject({
      status: 422,
    });
    expect(await countTrips()).toBe(1);
    // A no that nothing was stored for does not use the key up.
    expect((await post('/v1/trips', { body: RIDE, key })).status).toBe(201);
    expect(await post('/v1/trips', { body: RIDE, key: 'another' })).toMatchObject({
      ...{ status: 409, body: { code: 'rider_busy' } },
    });
  });

  it('R10: who asks too often is told to slow down, and alone', async () => {
    await open();
    await ask(await city.rider('other'));
    const answers = await Promise.all(
      Array.from({ length: 80 }, () => post('/v1/quotes', { id: 'hasty', body: RIDE })),
    );
    const statuses = answers.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    const refused = answers.find(({ status }) => status === 429)!;
    expect(refused.body).toMatchObject({ code: 'rate_limited', retryable: true });
    expect((await post('/v1/quotes', { id: 'patient', body: RIDE })).status).toBe(200);
  });
});

describe('R5: one key, one answer', () => {
  const overRest = (key: string, ride: object = RIDE) => post<TripView>('/v1/trips', { body: ride, key });

  it('over the socket and over REST, at the same time, whatever the encoding', async () => {
    await open();
    const rider = await city.rider('rider');
    const [socket, rest, again] = await Promise.all([ask(rider, RIDE, 'k1'), overRest('k1'), overRest('k1')]);
    expect([rest.body.tripId, again.body.tripId]).toEqual([socket.tripId, socket.tripId]);
    expect([rest.body.pin, again.status]).toEqual([socket.pin, 201]);
    const { app } = await city.connect('rider', 'rider', { encoding: 'json' });
    expect((await ask(app, RIDE, 'k1')).tripId).toBe(socket.tripId);
    expect(await app.refused({ t: 'request', ...RIDE, seats: 3 }, 'k1')).toBe('key_reused');
    expect(await overRest('k1', { ...RIDE, seats: 3 })).toMatchObject({
      ...{ status: 422, body: { code: 'key_reused' } },
    });
    expect(await countTrips()).toBe(1);
    const other = await post<TripView>('/v1/trips', { id: 'other', body: RIDE, key: 'k1' });
    expect(other.body.tripId).not.toBe(socket.tripId);
  });

  it('on two servers at once, and on the one that comes after both', async () => {
    await open();
    const second = await city.start();
    const askAt = async (url: string) => {
      const response = await fetch(`${url}/v1/trips`, {
        method: 'POST',
        headers: {
          ...{ 'content-type': 'application/json', 'idempotency-key': 'k2' },
          authorization: `Bearer ${await tokenFor('rider', city.id('rider'))}`,
        },
        body: JSON.stringify(RIDE),
      });
      return ((await response.json()) as TripView).tripId;
    };
    const urls = [city.url, `http://127.0.0.1:${second}`];
    const ids = await Promise.all([0, 1, 0, 1, 0, 1].map((i) => askAt(urls[i]!)));
    expect(new Set(ids).size).toBe(1);
    await city.restart();
    expect((await overRest('k2')).body.tripId).toBe(ids[0]);
    expect(await countTrips()).toBe(1);
  });

  it('an accept, a decline and a cancel, repeated after a restart, are answered as they were and done once', async () => {
    await open();
    const declining = await city.driver('declining', at(-100));
    const accepting = await city.driver('accepting', at(-600));
    const { tripId } = await ask(await city.rider('rider'));
    const declined = { t: 'decline', offerId: (await offerTo(declining)).offerId };
    await declining.done(declined, 'no');
    const taken = { t: 'accept', offerId: (await offerTo(accepting)).offerId };
    const { trip } = await accepting.done(taken, 'yes');
    await city.restart();
    const again = (await city.connect('driver', 'accepting')).app;
    expect((await again.done(taken, 'yes')).trip).toMatchObject({ tripId, version: trip!.version });
    await (await city.connect('driver', 'declining')).app.done(declined, 'no');
    expect(await again.refused({ t: 'start', tripId, pin: '0000' }, 'early')).toBe('wrong_state');
    await again.done({ t: 'arrived', tripId }, 'here');
    // The answer to the key, not to the state: it was a no.
    expect(await again.refused({ t: 'start', tripId, pin: '0000' }, 'early')).toBe('wrong_state');
    const stop = { role: 'rider', key: 'stop', body: { reason: 'enough' } } as const;
    const first = await post<TripView>(`/v1/trips/${tripId}/cancel`, stop);
    await city.restart();
    const second = await post<TripView>(`/v1/trips/${tripId}/cancel`, stop);
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(second.body.version).toBe(first.body.version);
    const { events } = await city.explain(tripId);
    expect(events.map((event) => event.kind)).toEqual(['requested', 'accepted', 'arrived', 'cancelled']);
  });
});
