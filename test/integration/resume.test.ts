import { afterEach, describe, expect, it } from 'vitest';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, type CityOptions, matched, offerTo } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<CityOptions> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));

afterEach(() => city.close());

describe('R6: who comes back to the same server', () => {
  it('gets what was missed, in order: an offer made while the driver was away can be taken', async () => {
    await open();
    const away = await city.driver('driver', at(-100));
    await away.done({ t: 'snapshot' });
    const leftOff = await away.drop();
    const rider = await city.rider('rider');
    const { tripId } = await ask(rider);
    await city.explain(tripId);
    const { app, welcome } = await city.connect('driver', 'driver', { resume: leftOff });
    expect(welcome).toMatchObject({ epoch: leftOff.epoch, seq: leftOff.seq, resumed: true, snapshot: null });
    const missed = await app.wait('offer');
    expect(missed).toMatchObject({ seq: leftOff.seq + 1, offer: { tripId } });
    await app.done({ t: 'accept', offerId: missed.offer.offerId });
    expect((await rider.trip('to_pickup')).driverId).toBe(city.id('driver'));
  });

  it('with nothing in hand gets a snapshot: the driver the live offer, the rider the trip with its PIN', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const { tripId, pin } = await ask(rider);
    const offer = await offerTo(driver);
    await Promise.all([driver.drop(), rider.drop()]);
    const { app, welcome } = await city.connect('driver', 'driver', { encoding: 'json' });
    expect(welcome).toMatchObject({ resumed: false, snapshot: { status: 'offered', offer, trip: null } });
    const back = await city.connect('rider', 'rider', { encoding: 'json' });
    expect(back.welcome.snapshot!.trip).toMatchObject({ tripId, pin, status: 'searching' });
    await app.done({ t: 'accept', offerId: offer.offerId });
    expect(await back.app.trip('to_pickup')).toMatchObject({ tripId, pin });
  });

  it('an offer whose time ran out meanwhile is not in the snapshot', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    await ask(await city.rider('rider'));
    const { offerId } = await offerTo(driver);
    await driver.drop();
    city.clock.advance(city.market.match.offerTtlMs);
    const { app, welcome } = await city.connect('driver', 'driver');
    expect(welcome.snapshot!.offer).toBeNull();
    expect(await app.refused({ t: 'accept', offerId })).toBe('offer_gone');
  });

  it('a second connection of one account takes over; the first is told so and stays away', async () => {
    await open();
    const first = await city.driver('driver', at(-100));
    const { app } = await city.connect('driver', 'driver', { encoding: 'json' });
    expect(await first.gone).toBe(4200);
    app.ping(at(-90));
    await matched(await city.rider('rider'), app);
  });
});

describe('R6: who comes back after the server was restarted', () => {
  it('the driver gets the live offer, accepts it, and the rider, back too, is told', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const { tripId, pin } = await ask(await city.rider('rider'));
    const offer = await offerTo(driver);
    const resume = driver.leftOff;
    await city.restart();
    const { app, welcome } = await city.connect('driver', 'driver', { resume });
    expect(welcome).toMatchObject({ resumed: false, snapshot: { status: 'offered', offer } });
    expect(welcome.epoch).not.toBe(resume.epoch);
    const back = await city.connect('rider', 'rider');
    expect(back.welcome.snapshot!.trip).toMatchObject({ tripId, pin, status: 'searching' });
    await app.done({ t: 'accept', offerId: offer.offerId });
    expect(await back.app.trip('to_pickup')).toMatchObject({ tripId, driverId: city.id('driver') });
  });

  it('R3: an offer that nobody answers still ends in time, and the next driver is asked', async () => {
    await open();
    const slow = await city.driver('slow', at(-100));
    const { tripId } = await ask(await city.rider('rider'));
    const { offerId } = await offerTo(slow);
    await city.restart();
    const next = await city.driver('next', at(-900));
    await next.done({ t: 'snapshot' });
    expect(next.count('offer')).toBe(0);
    const { app } = await city.connect('driver', 'slow');
    city.clock.advance(city.market.match.offerTtlMs);
    next.ping(at(-900));
    expect(await app.wait('offer_closed')).toMatchObject({ offerId, reason: 'timed_out' });
    expect((await offerTo(next)).tripId).toBe(tripId);
  });

  it('R9: a driver who declined before the restart is not asked again after it', async () => {
    await open();
    const before = await city.driver('declined', at(-100));
    const { tripId } = await ask(await city.rider('rider'));
    await before.done({ t: 'decline', offerId: (await offerTo(before)).offerId });
    await city.restart();
    const { app: declined } = await city.connect('driver', 'declined');
    declined.ping(at(-100));
    const other = await city.driver('other', at(-1_200));
    expect((await offerTo(other)).tripId).toBe(tripId);
    const { decisions } = await city.explain(tripId, 2);
    expect(decisions[1]!.body.ruledOut).toMatchObject([{ driverId: city.id('declined'), why: 'excluded' }]);
    expect(declined.count('offer')).toBe(0);
  });

  it('a trip under way goes on: the way is kept, the rider sees the driver, both ends are told of the end', async () => {
    await open();
    const before = await city.driver('driver', at(-50));
    const { tripId } = await aboard(await city.rider('rider'), before);
    for (const northM of [0, 400, 800]) {
      city.clock.advance(30_000);
      before.ping(at(northM));
      await before.done({ t: 'snapshot' });
    }
    await city.restart();
    const driver = await city.connect('driver', 'driver');
    expect(driver.welcome.snapshot).toMatchObject({ status: 'on_trip', trip: { tripId, pin: null } });
    const rider = await city.connect('rider', 'rider');
    expect(rider.welcome.snapshot!.trip).toMatchObject({ tripId, status: 'on_trip' });
    city.clock.advance(30_000);
    driver.app.ping(at(1_200));
    expect(await rider.app.wait('driver_at')).toMatchObject({ tripId });
    expect(await driver.app.refused({ t: 'offline' })).toBe('driver_busy');
    await driver.app.done({ t: 'complete', tripId });
    const { distanceM, startedMs, endedMs } = await rider.app.trip('completed');
    expect(Math.abs(distanceM! - 1_200)).toBeLessThan(5);
    expect(endedMs! - startedMs!).toBeGreaterThanOrEqual(120_000);
    await driver.app.trip('completed');
  });

  it('a driver on duty stays so: the next ping is enough to be asked', async () => {
    await open();
    await (await city.driver('driver', at(-100))).done({ t: 'snapshot' });
    await city.restart();
    const { app, welcome } = await city.connect('driver', 'driver');
    expect(welcome.snapshot!.status).toBe('available');
    app.ping(at(-100));
    await matched(await city.rider('rider'), app);
  });
});
