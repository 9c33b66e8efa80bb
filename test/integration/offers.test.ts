import { afterEach, describe, expect, it } from 'vitest';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, type CityOptions, matched, offerTo, RIDE, soon } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<CityOptions> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));

afterEach(() => city.close());

describe('offers', () => {
  it('R9: declined, it goes to the next nearest, and to nobody twice; with nobody left the ride expires', async () => {
    await open();
    const riders = await city.rider('rider');
    const near = await city.driver('near', at(-100));
    const far = await city.driver('far', at(-900));
    const { tripId } = await ask(riders);
    await near.done({ t: 'decline', offerId: (await offerTo(near)).offerId });
    const second = await offerTo(far);
    expect(second.tripId).toBe(tripId);
    await far.done({ t: 'decline', offerId: second.offerId });
    city.clock.advance(city.market.match.requestTtlMs);
    near.ping(at(-100));
    far.ping(at(-900));
    expect(await riders.trip('expired')).toMatchObject({ endedBy: 'system', endReason: 'no_driver' });
    expect([near.count('offer'), far.count('offer')]).toEqual([1, 1]);
    const { decisions } = await city.explain(tripId, 3);
    const last = decisions[2]!.body;
    expect(last.outcome).toBe('nobody');
    expect(last.ruledOut.map((one) => one.why)).toEqual(['excluded', 'excluded']);
  });

  it('R3: not answered in time it is closed, a late answer is too late, and the next driver is asked', async () => {
    await open();
    const slow = await city.driver('slow', at(-100));
    const next = await city.driver('next', at(-500));
    const rider = await city.rider('rider');
    await ask(rider);
    const { offerId } = await offerTo(slow);
    city.clock.advance(city.market.match.offerTtlMs);
    next.ping(at(-500));
    expect(await slow.wait('offer_closed')).toMatchObject({ offerId, reason: 'timed_out' });
    expect(await slow.refused({ t: 'accept', offerId })).toBe('offer_gone');
    await next.done({ t: 'accept', offerId: (await offerTo(next)).offerId });
    expect((await rider.trip('to_pickup')).driverId).toBe(city.id('next'));
  });

  it('R3: broadcast to several, accepted by two at once: one wins, the other is told that it is gone', async () => {
    await open({ match: { mode: 'broadcast', broadcastWidth: 3 } });
    const drivers = await Promise.all([0, 1, 2].map((i) => city.driver(`driver-${i}`, at(-100 - 50 * i))));
    const rider = await city.rider('rider');
    // Rides one after the other, so that the race is run more than once.
    for (let ride = 0; ride < 4; ride++) {
      const { tripId } = await ask(rider);
      const offers = await Promise.all(drivers.map(offerTo));
      expect(offers.map((offer) => offer.tripId)).toEqual([tripId, tripId, tripId]);
      const answers = await Promise.all(
        drivers.map((driver, i) => driver.ask({ t: 'accept', offerId: offers[i]!.offerId })),
      );
      const winners = answers.filter((answer) => answer.t === 'ack');
      expect(winners).toHaveLength(1);
      expect(answers.filter((answer) => answer.t === 'error' && answer.code === 'offer_gone')).toHaveLength(
        2,
      );
      const { driverId } = await rider.trip('to_pickup');
      const won = answers.findIndex((answer) => answer.t === 'ack');
      expect(driverId).toBe(city.id(`driver-${won}`));
      await rider.done({ t: 'cancel', tripId, reason: 'next one' });
      await rider.trip('cancelled');
      await drivers[won]!.trip('cancelled');
    }
  });

  it('R1: with nobody there at all the ride waits its time, then expires, once, and says why', async () => {
    await open();
    const rider = await city.rider('rider');
    const { tripId } = await ask(rider);
    city.clock.advance(city.market.match.requestTtlMs - 5_000);
    expect((await rider.done({ t: 'snapshot' })).snapshot!.trip).toMatchObject({
      tripId,
      status: 'searching',
    });
    city.clock.advance(5_000);
    expect(await rider.trip('expired')).toMatchObject({ version: 2, endedBy: 'system', fareMinor: null });
    const { decisions, events } = await city.explain(tripId);
    expect(decisions.map(({ body }) => [body.outcome, body.candidates])).toEqual([['nobody', []]]);
    expect(events.map((event) => event.kind)).toEqual(['requested', 'expired']);
    expect(await rider.refused({ t: 'cancel', tripId, reason: 'too late' })).toBe('wrong_state');
    expect((await ask(rider)).tripId).not.toBe(tripId);
  });

  it('R3: somebody else’s offer cannot be answered, nor one that never was', async () => {
    await open();
    const mine = await city.driver('mine', at(-100));
    const other = await city.driver('other', at(-2_500));
    await ask(await city.rider('rider'));
    const { offerId, tripId } = await offerTo(mine);
    expect(await other.refused({ t: 'accept', offerId })).toBe('not_found');
    expect(await other.refused({ t: 'decline', offerId: tripId })).toBe('not_found');
    await mine.done({ t: 'accept', offerId });
  });

  it('R2: a driver with an offer is asked for no other ride; a second ride waits until there is somebody', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const [first, second] = [await city.rider('first'), await city.rider('second')];
    const one = await ask(first);
    const offer = await offerTo(driver);
    const other = await ask(second);
    const late = await city.driver('late', at(-300));
    expect((await offerTo(late)).tripId).toBe(other.tripId);
    expect(offer.tripId).toBe(one.tripId);
    expect(driver.count('offer')).toBe(1);
    const { decisions } = await city.explain(other.tripId);
    expect(decisions[0]!.body.ruledOut).toMatchObject([{ driverId: city.id('driver'), why: 'offered' }]);
  });
});

describe('cancelling', () => {
  it('R1: by the rider while it searches, with an offer out, and before and after the driver is there', async () => {
    await open();
    const rider = await city.rider('rider');
    const cancel = async (tripId: string) => {
      const { trip } = await rider.done({ t: 'cancel', tripId, reason: 'plans changed' });
      expect(trip).toMatchObject({ status: 'cancelled', endedBy: 'rider', endReason: 'plans changed' });
      expect(await rider.refused({ t: 'cancel', tripId, reason: 'again' })).toBe('wrong_state');
    };
    await cancel((await ask(rider)).tripId);

    const driver = await city.driver('driver', at(-100));
    const offered = await ask(rider);
    const { offerId } = await offerTo(driver);
    await cancel(offered.tripId);
    expect(await driver.wait('offer_closed')).toMatchObject({ offerId, reason: 'withdrawn' });
    expect(await driver.refused({ t: 'accept', offerId })).toBe('offer_gone');

    await cancel((await matched(rider, driver)).tripId);
    await driver.trip('cancelled');
    const { tripId } = await matched(rider, driver);
    await driver.done({ t: 'arrived', tripId });
    await cancel(tripId);
    expect(await driver.trip('cancelled')).toMatchObject({ tripId });
  });

  it('R1: by the rider on the way, who owes what was driven; the driver is free for the next', async () => {
    await open();
    const driver = await city.driver('driver', at(-50));
    const rider = await city.rider('rider');
    const { tripId } = await aboard(rider, driver);
    for (const northM of [0, 500, 1_000]) {
      city.clock.advance(30_000);
      driver.ping(at(northM));
      await rider.wait('driver_at', ({ place }) => Math.abs(place.lat - at(northM).lat) < 1e-6);
    }
    const { trip } = await rider.done({ t: 'cancel', tripId, reason: 'let me out' });
    expect(trip!.status).toBe('cancelled');
    expect(Math.abs(trip!.distanceM! - 1_000)).toBeLessThan(5);
    expect(trip!.fareMinor).toBeGreaterThanOrEqual(city.market.fares.economy!.minimumMinor);
    expect(await driver.trip('cancelled')).toMatchObject({ fareMinor: trip!.fareMinor });
    await matched(await city.rider('next'), driver);
  });

  it('R9: by the driver, before the rider is aboard: somebody else is found, and the first never asked again', async () => {
    await open();
    const first = await city.driver('first', at(-100));
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, first);
    const { trip } = await first.done({ t: 'cancel', tripId, reason: 'flat tyre' });
    expect(trip).toMatchObject({ status: 'searching', driverId: null, version: 3 });
    expect(await first.wait('duty')).toMatchObject({ status: 'available' });
    const again = await rider.trip('searching');
    expect(again.version).toBe(3);
    expect(again.pin).toMatch(/^\d{4}$/);
    const second = await city.driver('second', at(-1_500));
    await second.done({ t: 'accept', offerId: (await offerTo(second)).offerId });
    expect(await rider.trip('to_pickup')).toMatchObject({ driverId: city.id('second'), version: 4 });
    expect(await first.refused({ t: 'arrived', tripId })).toBe('not_found');
    await second.done({ t: 'arrived', tripId });
    await second.done({ t: 'cancel', tripId, reason: 'lost the key' });
    await rider.wait('trip', ({ trip: { version } }) => version === 6);
    city.clock.advance(city.market.match.requestTtlMs);
    first.ping(at(-100));
    await rider.trip('expired');
    expect([first.count('offer'), second.count('offer')]).toEqual([1, 1]);
  });

  it('R1: by the driver on the way it ends, paid as far as it was driven', async () => {
    await open();
    const driver = await city.driver('driver', at(-50));
    const rider = await city.rider('rider');
    const { tripId } = await aboard(rider, driver);
    const { trip } = await driver.done({ t: 'cancel', tripId, reason: 'engine broke' });
    expect(trip).toMatchObject({ status: 'cancelled', endedBy: 'driver', endReason: 'engine broke' });
    expect(trip!.fareMinor).toBeGreaterThan(0);
    await rider.trip('cancelled');
  });

  it('R1: a rider who does not come: too early at first, and once the waiting time has passed it ends the trip', async () => {
    await open({ noShowMs: 120_000 });
    const driver = await city.driver('driver', at(-50));
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, driver);
    expect(await driver.refused({ t: 'no_show', tripId })).toBe('wrong_state');
    await driver.done({ t: 'arrived', tripId });
    // The same command again later, with the same key: a no that may become a yes is not kept.
    expect(await driver.refused({ t: 'no_show', tripId }, 'waited')).toBe('too_early');
    city.clock.advance(120_000);
    await driver.done({ t: 'no_show', tripId }, 'waited');
    expect(await rider.trip('cancelled')).toMatchObject({ endedBy: 'driver' });
    expect((await driver.done({ t: 'snapshot' })).snapshot!.status).toBe('available');
  });
});

describe('duty', () => {
  it('R2: nobody is asked who is off duty, and nobody goes off duty during a trip', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    await driver.done({ t: 'offline' });
    expect((await driver.done({ t: 'snapshot' })).snapshot).toMatchObject({ status: 'offline' });
    const { tripId } = await ask(rider);
    expect(await rider.refused({ t: 'request', ...RIDE })).toBe('rider_busy');
    const other = await city.driver('other', at(-1_000));
    expect((await offerTo(other)).tripId).toBe(tripId);
    expect(driver.count('offer')).toBe(0);
    await other.done({
      t: 'accept',
      offerId: (await other.done({ t: 'snapshot' })).snapshot!.offer!.offerId,
    });
    expect(await other.refused({ t: 'offline' })).toBe('driver_busy');
    await other.done({ t: 'arrived', tripId });
  });

  it('off duty with an offer out is a no: the next driver is asked at once', async () => {
    await open();
    const leaving = await city.driver('leaving', at(-100));
    const next = await city.driver('next', at(-700));
    const { tripId } = await ask(await city.rider('rider'));
    const { offerId } = await offerTo(leaving);
    await leaving.done({ t: 'offline' });
    expect((await offerTo(next)).tripId).toBe(tripId);
    expect(await leaving.refused({ t: 'accept', offerId })).toBe('offer_gone');
  });

  it('R8: a driver silent for a minute is not asked, one silent for five goes off duty and is told', async () => {
    await open();
    const silent = await city.driver('silent', at(-100));
    const heard = await city.driver('heard', at(-1_500));
    await silent.done({ t: 'snapshot' });
    city.clock.advance(61_000);
    heard.ping(at(-1_500));
    await heard.done({ t: 'snapshot' });
    const rider = await city.rider('rider');
    const { tripId } = await ask(rider);
    expect((await offerTo(heard)).tripId).toBe(tripId);
    const { decisions } = await city.explain(tripId);
    expect(decisions[0]!.body.ruledOut).toMatchObject([{ driverId: city.id('silent'), why: 'silent' }]);
    city.clock.advance(240_000);
    heard.ping(at(-1_500));
    expect(await silent.wait('duty')).toMatchObject({ status: 'offline' });
    expect((await silent.done({ t: 'snapshot' })).snapshot!.status).toBe('offline');
    expect(silent.count('offer')).toBe(0);
  });

  it('R8: a driver silent during a trip keeps it: back after ten minutes, the ride goes on and ends', async () => {
    await open();
    const driver = await city.driver('driver', at(-50));
    const rider = await city.rider('rider');
    const { tripId } = await aboard(rider, driver);
    const away = await driver.drop();
    city.clock.advance(600_000);
    await soon('forgotten place of the silent driver', async () => {
      const { driverAt } = (await city.http<TripView>('GET', `/v1/trips/${tripId}`, { role: 'rider' })).body;
      return driverAt === null ? true : null;
    });
    const other = await city.rider('other');
    await ask(other);
    const { app, welcome } = await city.connect('driver', 'driver', { resume: away });
    expect(welcome.resumed).toBe(true);
    expect((await app.done({ t: 'snapshot' })).snapshot).toMatchObject({
      status: 'on_trip',
      trip: { tripId },
    });
    app.ping(at(2_900));
    await rider.wait('driver_at');
    await app.done({ t: 'complete', tripId });
    await rider.trip('completed');
    await app.done({ t: 'accept', offerId: (await offerTo(app)).offerId });
    expect((await other.trip('to_pickup')).driverId).toBe(city.id('driver'));
    expect(app.count('duty')).toBe(0);
  });

  it('R8: off duty by silence, a driver comes back on duty and is asked again', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    await driver.done({ t: 'snapshot' });
    city.clock.advance(301_000);
    await driver.wait('duty', ({ status }) => status === 'offline');
    driver.ping(at(-100));
    const rider = await city.rider('rider');
    const { tripId } = await ask(rider);
    expect((await driver.done({ t: 'snapshot' })).snapshot).toMatchObject({ status: 'offline', offer: null });
    await driver.done({ t: 'online', vehicleClass: 'economy', seats: 4 });
    driver.ping(at(-90));
    expect((await offerTo(driver)).tripId).toBe(tripId);
  });

  it('R8: a fix older than the last one moves nobody', async () => {
    await open();
    const driver = await city.driver('driver', at(0, -500));
    city.clock.advance(30_000);
    driver.ping(at(0));
    driver.ping(at(0, 900), { agoMs: 10_000 });
    await driver.done({ t: 'snapshot' });
    const { drivers } = await (await city.rider('rider')).done({ t: 'nearby', place: at(0) });
    expect(drivers).toHaveLength(1);
    expect(Math.abs(drivers![0]!.lng - at(0).lng)).toBeLessThan(1e-5);
    await matched(await city.rider('other'), driver);
  });
});
