import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Place } from '../../src/domain/place.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, offerTo, RIDE, soon } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
let askers = 0;

/** All over the market, so that each server is sure to own some of their zones. */
const PLACES = [-16_000, -12_000, -8_000, -4_000, 0, 4_000].flatMap((northM) =>
  [-4_000, 0, 4_000, 8_000, 12_000].map((eastM) => at(northM, eastM)),
);

/** A place in a zone that the server with this number owns. */
async function placeOwnedBy(replica: number): Promise<Place> {
  return soon(`a zone owned by server ${replica}`, async () => {
    for (const place of PLACES) {
      const { status, body } = await city.http<{ here: boolean }>(
        'GET',
        `/v1/connect?lat=${place.lat}&lng=${place.lng}`,
        // Another account each time: nobody asks so often.
        { role: 'rider', id: `asker-${(askers += 1)}`, replica },
      );
      expect(status).toBe(200);
      if (body.here) return place;
    }
    return null;
  });
}

/** Two servers that know of each other. */
beforeEach(async () => {
  city = await City.open({ database, redisUrl: redis.url, flags: ['--geo-flush-ms', '50'] });
  await city.start();
  // Each has zones of its own once both have read the roll.
  await placeOwnedBy(0);
  await placeOwnedBy(1);
});

afterEach(() => city.close());

describe('two replicas', () => {
  it('R7: driver here, rider there, the zone owned by either: a whole trip, each told all of it', async () => {
    for (const owner of [0, 1]) {
      const pickup = await placeOwnedBy(owner);
      const driver = await city.driver(`driver-${owner}`, pickup, { replica: 0 });
      const rider = await city.rider(`rider-${owner}`, { replica: 1 });
      const { tripId, pin } = await ask(rider, { ...RIDE, pickup });
      const offer = await offerTo(driver);
      expect(offer.tripId).toBe(tripId);
      await driver.done({ t: 'accept', offerId: offer.offerId });
      await rider.trip('to_pickup');
      // The driver is seen from the other replica.
      const moved = await soon('the driver on the rider’s map', async () => {
        driver.ping({ lat: pickup.lat + 0.001, lng: pickup.lng });
        await driver.done({ t: 'snapshot' });
        const seen = rider.seen.findLast((message) => message.t === 'driver_at');
        return Promise.resolve(seen ?? null);
      });
      expect(moved).toMatchObject({ t: 'driver_at', tripId });
      await driver.done({ t: 'arrived', tripId });
      await rider.trip('at_pickup');
      await driver.done({ t: 'start', tripId, pin });
      await driver.done({ t: 'complete', tripId });
      expect((await rider.trip('completed')).driverId).toBe(city.id(`driver-${owner}`));
      await driver.done({ t: 'offline' });
    }
  });

  it('R5: the same key at the other replica gives the same answer', async () => {
    const pickup = await placeOwnedBy(0);
    const rider = await city.rider('rider', { replica: 0 });
    const first = await ask(rider, { ...RIDE, pickup }, 'key-1');
    const { app: elsewhere } = await city.connect('rider', 'rider', { replica: 1 });
    expect(await rider.gone).toBe(4103);
    const again = await ask(elsewhere, { ...RIDE, pickup }, 'key-1');
    expect(again.tripId).toBe(first.tripId);
    await elsewhere.done({ t: 'cancel', tripId: first.tripId, reason: 'tried it' });
  });

  it('R6: whoever connects elsewhere goes on with offer and trip, and the old line is closed', async () => {
    const pickup = await placeOwnedBy(0);
    const before = await city.driver('driver', pickup, { replica: 0 });
    const rider = await city.rider('rider', { replica: 0 });
    const { tripId, pin } = await ask(rider, { ...RIDE, pickup });
    const offer = await offerTo(before);
    const { app: driver, welcome } = await city.connect('driver', 'driver', { replica: 1 });
    expect(await before.gone).toBe(4103);
    expect(welcome.snapshot?.offer?.offerId).toBe(offer.offerId);
    await driver.done({ t: 'accept', offerId: offer.offerId });
    await rider.trip('to_pickup');
    await driver.done({ t: 'arrived', tripId });
    await driver.done({ t: 'start', tripId, pin });
    const { app: back, welcome: again } = await city.connect('driver', 'driver', { replica: 0 });
    expect(again.snapshot?.trip).toMatchObject({ tripId, status: 'on_trip' });
    await back.done({ t: 'complete', tripId });
    await rider.trip('completed');
    // Free again where the driver is now: the next ride finds them.
    back.ping(pickup);
    const next = await ask(rider, { ...RIDE, pickup });
    expect((await offerTo(back)).tripId).toBe(next.tripId);
    await rider.done({ t: 'cancel', tripId: next.tripId, reason: 'enough' });
  });

  it('nearby is answered for zones of the other replica, and of drivers on it', async () => {
    const place = await placeOwnedBy(1);
    await city.driver('driver', place, { replica: 0 });
    const rider = await city.rider('rider', { replica: 0 });
    await soon('the driver from afar', async () => {
      const { drivers } = await rider.done({ t: 'nearby', place });
      return drivers!.length > 0 ? drivers! : null;
    });
    const query = `/v1/nearby?lat=${place.lat}&lng=${place.lng}`;
    const { status, body } = await city.http<{ drivers: object[] }>('GET', query, { role: 'rider' });
    expect(status).toBe(200);
    expect(body.drivers).toHaveLength(1);
  });

  it('R11: what waits at a replica that is drained is matched by the other, and a trip goes on', async () => {
    const pickup = await placeOwnedBy(0);
    const busy = await city.driver('busy', pickup, { replica: 1 });
    const aboardRider = await city.rider('aboard', { replica: 1 });
    const under = await (async () => {
      const { tripId, pin } = await ask(aboardRider, { ...RIDE, pickup });
      const { offerId } = await offerTo(busy);
      await busy.done({ t: 'accept', offerId });
      await busy.done({ t: 'arrived', tripId });
      await busy.done({ t: 'start', tripId, pin });
      return tripId;
    })();
    const waiting = await city.rider('waiting', { replica: 1 });
    const { tripId } = await ask(waiting, { ...RIDE, pickup });
    await city.stopServer(0);
    // The other is the first server now.
    const driver = await city.driver('driver', pickup);
    const offer = await offerTo(driver);
    expect(offer.tripId).toBe(tripId);
    await driver.done({ t: 'accept', offerId: offer.offerId });
    await waiting.trip('to_pickup');
    await busy.done({ t: 'complete', tripId: under });
    await aboardRider.trip('completed');
    await waiting.done({ t: 'cancel', tripId, reason: 'enough' });
  });
});

describe('one replica', () => {
  it('is joined by others and left by them with nothing changed for its clients', async () => {
    const driver = await city.driver('driver', RIDE.pickup);
    const rider = await city.rider('rider');
    await city.stopServer(1);
    const { tripId } = await aboard(rider, driver);
    await city.start();
    await placeOwnedBy(1);
    await driver.done({ t: 'complete', tripId });
    expect((await rider.trip('completed')).tripId).toBe(tripId);
  });
});
