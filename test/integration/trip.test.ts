import type { Role } from '../../src/domain/role.ts';
import { afterEach, describe, expect, it } from 'vitest';
import { rideFare, totalMinor } from '../../src/domain/fare.ts';
import { distanceM } from '../../src/domain/place.ts';
import { ENCODINGS } from '../../src/protocol/codec.ts';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, matched, offerTo, RIDE } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<Parameters<typeof City.open>[0]> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));

afterEach(() => city.close());

describe.each(ENCODINGS)('a whole trip in %s', (encoding) => {
  it('R1, R4, R6: from the quote to the fare, told to both sides at once and kept event by event', async () => {
    await open();
    const driver = await city.driver('driver', at(-400), { encoding });
    const rider = await city.rider('rider', { encoding });
    const { quote } = await rider.done({ t: 'quote', ...RIDE });
    expect(quote!.distanceM).toBeGreaterThan(3_000);

    const asked = await ask(rider);
    expect(asked).toMatchObject({ status: 'searching', version: 1, driverId: null, quote, ...RIDE });
    expect(asked.pin).toMatch(/^\d{4}$/);
    const offer = await offerTo(driver);
    expect(offer).toMatchObject({ tripId: asked.tripId, fareMinor: quote!.fareMinor, seats: RIDE.seats });
    expect(offer).not.toHaveProperty('riderId');
    const { trip: accepted } = await driver.done({ t: 'accept', offerId: offer.offerId });
    expect(accepted).toMatchObject({ status: 'to_pickup', version: 2, pin: null });
    const { tripId } = accepted!;
    const toPickup = await rider.trip('to_pickup');
    expect(toPickup).toMatchObject({ version: 2, driverId: city.id('driver'), pin: asked.pin });
    expect(toPickup.etaS).toBeGreaterThan(0);

    await driver.done({ t: 'arrived', tripId });
    expect(await rider.trip('at_pickup')).toMatchObject({ etaS: 0, pin: asked.pin });
    const wrongPin = String((Number(asked.pin) + 1) % 10_000).padStart(4, '0');
    for (let i = 0; i < 5; i++)
      expect(await driver.refused({ t: 'start', tripId, pin: wrongPin })).toBe('wrong_pin');
    // Five wrong ones at once, then one a minute, also for the right one: nobody tries them all.
    expect(await driver.refused({ t: 'start', tripId, pin: asked.pin })).toBe('rate_limited');
    city.clock.advance(60_000);
    expect(await driver.refused({ t: 'complete', tripId })).toBe('wrong_state');
    await driver.done({ t: 'start', tripId, pin: asked.pin });
    expect(await rider.trip('on_trip')).toMatchObject({ version: 4, pin: null });

    const way = [0, 150, 300, 450, 600].map((northM) => at(northM));
    for (const place of way) {
      city.clock.advance(10_000);
      driver.ping(place);
      const told = await rider.wait('driver_at', ({ place: { lat } }) => Math.abs(lat - place.lat) < 1e-6);
      expect(told).toMatchObject({ tripId });
      expect(told.etaS).toBeGreaterThan(100);
    }
    await driver.done({ t: 'complete', tripId });
    const done = await rider.trip('completed');
    const drivenM = distanceM(way[0]!, way[4]!);
    expect(Math.abs(done.distanceM! - drivenM)).toBeLessThan(1);
    const durationS = (done.endedMs! - done.startedMs!) / 1_000;
    expect(durationS).toBeGreaterThanOrEqual(50);
    const terms = { table: city.market.fares.economy!, surgeFactor: 1, fees: [], ...city.market.charges };
    expect(Math.abs(done.fareMinor! - totalMinor(rideFare(terms, drivenM, durationS)))).toBeLessThanOrEqual(
      1,
    );
    expect(totalMinor(done.fareLines!)).toBe(done.fareMinor);
    expect(await driver.trip('completed')).toMatchObject({
      version: 5,
      fareMinor: done.fareMinor,
      pin: null,
    });

    const { events } = await city.explain(tripId);
    expect(events.map((event) => `${event.seq} ${event.kind}`)).toEqual([
      ...['1 requested', '2 accepted', '3 arrived', '4 started', '5 completed'],
    ]);
    for (const app of [rider, driver])
      expect((await app.done({ t: 'get_trip', tripId })).trip).toEqual({ ...done, pin: null });
    const stranger = await city.rider('stranger', { encoding });
    expect(await stranger.refused({ t: 'get_trip', tripId })).toBe('not_found');
    expect((await rider.done({ t: 'snapshot' })).snapshot).toEqual({ status: null, offer: null, trip: null });
    expect((await driver.done({ t: 'snapshot' })).snapshot).toMatchObject({
      status: 'available',
      trip: null,
    });
  });
});

describe('a trip', () => {
  it('the rider sees the driver move at most once a second, with the time still to drive', async () => {
    await open();
    const driver = await city.driver('driver', at(-800));
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, driver);
    city.clock.advance(5_000);
    const beganMs = city.clock.nowMs();
    // Fixes 10 ms apart, all within one second by the device's clock and nearly all by the server's.
    for (let i = 0; i < 20; i++) driver.ping(at(-790 + i), { agoMs: 400 - 10 * i });
    const first = await rider.wait('driver_at');
    expect(first).toMatchObject({ tripId });
    // The answer comes behind whatever the burst has caused.
    await driver.done({ t: 'snapshot' });
    await rider.done({ t: 'snapshot' });
    const secondsPassed = Math.floor((city.clock.nowMs() - beganMs) / 1_000);
    expect(rider.count('driver_at')).toBeLessThanOrEqual(1 + secondsPassed);
    city.clock.advance(60_000);
    driver.ping(at(-100));
    const nearer = await rider.wait('driver_at', ({ place }) => place.lat > at(-200).lat);
    expect(nearer.etaS).toBeLessThan(first.etaS);
  });

  it('the PIN is shown to its rider alone, on every door', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const { tripId, pin } = await matched(rider, driver);
    const path = `/v1/trips/${tripId}`;
    const seenBy = async (role: Role) => (await city.http<TripView>('GET', path, { role })).body.pin;
    expect(await seenBy('rider')).toBe(pin);
    expect(await seenBy('driver')).toBeNull();
    expect(await seenBy('admin')).toBeNull();
    expect((await driver.done({ t: 'snapshot' })).snapshot!.trip!.pin).toBeNull();
    expect(JSON.stringify(await city.explain(tripId))).not.toContain(`"pin":"${pin}"`);
  });

  it('explains to operators alone who was weighed, who was ruled out and why, at what cost, and the choice', async () => {
    await open();
    const near = await city.driver('near', at(-300));
    await city.driver('far', at(-900));
    await city.driver('small', at(-50), { seats: 1 });
    const { tripId } = await matched(await city.rider('rider'), near);
    for (const role of ['rider', 'driver'] as const)
      expect((await city.http('GET', `/v1/admin/trips/${tripId}/explain`, { role })).status).toBe(403);
    const { decisions, offers } = await city.explain(tripId);
    const decision = decisions[0]!.body;
    expect(decision).toMatchObject({ mode: 'batch', outcome: 'offered' });
    const [chosen, costlier] = decision.candidates;
    expect(chosen).toMatchObject({ driverId: city.id('near'), fate: 'chosen' });
    expect(costlier).toMatchObject({ driverId: city.id('far'), fate: 'costlier' });
    expect(chosen!.cost).toBeLessThan(costlier!.cost);
    expect(decision.ruledOut).toEqual([
      expect.objectContaining({ driverId: city.id('small'), why: 'seats' }),
    ]);
    expect(offers).toMatchObject([{ driverId: city.id('near'), status: 'accepted' }]);
  });

  it('fixes gathered in a tunnel become part of the way; those from before the start do not', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const { tripId } = await matched(rider, driver);
    await driver.done({ t: 'arrived', tripId });
    const { pin } = (await rider.done({ t: 'snapshot' })).snapshot!.trip!;
    city.clock.advance(30_000);
    const { trip } = await driver.done({ t: 'start', tripId, pin });
    city.clock.advance(60_000);
    const startedMs = trip!.startedMs!;
    const fix = (northM: number, afterMs: number) => {
      const { lat, lng } = at(northM);
      return [startedMs + afterMs, lat, lng, 5, null, null];
    };
    const { app } = await city.connect('driver', 'driver', { encoding: 'json', resume: await driver.drop() });
    const p = [fix(-40, -5_000), fix(0, 1_000), fix(400, 20_000), fix(800, 40_000), fix(1_000, 50_000)];
    app.raw(JSON.stringify({ t: 'pings', p }));
    await app.done({ t: 'complete', tripId });
    const done = await rider.trip('completed');
    expect(Math.abs(done.distanceM! - distanceM(at(0), at(1_000)))).toBeLessThan(1);
  });

  it('an app that sent no fixes is charged by the quote', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const { tripId, quote } = await aboard(rider, driver);
    await driver.done({ t: 'complete', tripId });
    expect((await rider.trip('completed')).distanceM).toBe(quote.distanceM);
  });
});
