import { afterEach, describe, expect, it } from 'vitest';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import type { Answer, App } from './app.ts';
import { aboard, ask, at, City, type CityOptions, matched, offerTo, RIDE } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
let city: City;
const open = async (options: Partial<CityOptions> = {}): Promise<City> =>
  (city = await City.open({ database, redisUrl: redis.url, ...options }));

afterEach(() => city.close());

const ROUNDS = 8;
const outcome = (answer: Answer): string => (answer.t === 'ack' ? 'done' : answer.code);

/** Two at once, each side first in every other round; answers both outcomes. */
async function atOnce(
  round: number,
  one: () => Promise<Answer>,
  other: () => Promise<Answer>,
): Promise<[string, string]> {
  if (round % 2 === 0) {
    const [first, second] = await Promise.all([one(), other()]);
    return [outcome(first), outcome(second)];
  }
  const [second, first] = await Promise.all([other(), one()]);
  return [outcome(first), outcome(second)];
}

/** What the app was told last about the trip. */
function lastToldOf(app: App, tripId: string): TripView | undefined {
  const told = app.seen.flatMap((message) =>
    message.t === 'trip' && message.trip.tripId === tripId ? [message.trip] : [],
  );
  return told.at(-1);
}

/** Versions told of a trip never fall: nobody hears of an acceptance after the end. The same may be told again when it was in doubt. */
function expectToldInOrder(app: App): void {
  const versions = new Map<string, number>();
  for (const message of app.seen) {
    if (message.t !== 'trip') continue;
    const { tripId, version } = message.trip;
    expect(version).toBeGreaterThanOrEqual(versions.get(tripId) ?? 0);
    versions.set(tripId, version);
  }
}

const cancelled = (rider: App, tripId: string) => () =>
  rider.ask({ t: 'cancel', tripId, reason: 'changed my mind' });

describe('R1, R4: two sides at once', () => {
  it('the driver accepts while the rider cancels: it ends cancelled, and the driver is free', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    for (let round = 0; round < ROUNDS; round++) {
      const { tripId } = await ask(rider);
      const { offerId } = await offerTo(driver);
      const [accept, cancel] = await atOnce(
        round,
        () => driver.ask({ t: 'accept', offerId }),
        cancelled(rider, tripId),
      );
      expect(cancel).toBe('done');
      expect(['done', 'offer_gone']).toContain(accept);
      await rider.wait('trip', ({ trip }) => trip.tripId === tripId && trip.status === 'cancelled');
      if (accept === 'done')
        await driver.wait('trip', ({ trip }) => trip.tripId === tripId && trip.status === 'cancelled');
      else await driver.wait('offer_closed', (closed) => closed.offerId === offerId);
      expect((await driver.done({ t: 'snapshot' })).snapshot).toMatchObject({
        status: 'available',
        trip: null,
      });
    }
    expectToldInOrder(driver);
    expectToldInOrder(rider);
  });

  it('the driver completes while the rider cancels: one of them wins, and both hear the same', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    // Four commands each: more would be above a connection's rate.
    for (let round = 0; round < 4; round++) {
      const { tripId } = await aboard(rider, driver);
      const outcomes = await atOnce(
        round,
        () => driver.ask({ t: 'complete', tripId }),
        cancelled(rider, tripId),
      );
      expect([...outcomes].sort()).toEqual(['done', 'wrong_state']);
      const status = outcomes[0] === 'done' ? 'completed' : 'cancelled';
      await Promise.all([rider.trip(status), driver.trip(status)]);
      expect(lastToldOf(rider, tripId)).toMatchObject({ status, version: 5 });
      expect(lastToldOf(driver, tripId)).toMatchObject({ status, version: 5 });
    }
    expectToldInOrder(driver);
    expectToldInOrder(rider);
  });

  it('R9: the driver gives up while the rider cancels: never assigned again, and the driver is free', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    for (let round = 0; round < ROUNDS; round++) {
      const { tripId } = await matched(rider, driver);
      const [giveUp, cancel] = await atOnce(
        round,
        () => driver.ask({ t: 'cancel', tripId, reason: 'flat tyre' }),
        cancelled(rider, tripId),
      );
      expect(cancel).toBe('done');
      expect(['done', 'wrong_state']).toContain(giveUp);
      await rider.wait('trip', ({ trip }) => trip.tripId === tripId && trip.status === 'cancelled');
      if (giveUp === 'done') await driver.wait('duty', ({ status }) => status === 'available');
      else await driver.trip('cancelled');
    }
    expectToldInOrder(rider);
    await matched(rider, driver);
  });

  it('R3: the driver accepts as the time runs out: accepted or gone, never both', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    for (let round = 0; round < ROUNDS; round++) {
      const rider = await city.rider(`rider-${round}`);
      const { tripId } = await ask(rider);
      const { offerId } = await offerTo(driver);
      city.clock.advance(city.market.match.offerTtlMs - 10 * (round % 4));
      driver.ping(at(-100));
      const accept = outcome(await driver.ask({ t: 'accept', offerId }));
      if (accept === 'done') {
        expect((await rider.trip('to_pickup')).tripId).toBe(tripId);
      } else {
        expect(accept).toBe('offer_gone');
        expect(await driver.wait('offer_closed')).toMatchObject({ offerId, reason: 'timed_out' });
      }
      await rider.done({ t: 'cancel', tripId, reason: 'next one' });
      if (accept === 'done') await driver.trip('cancelled');
    }
    expectToldInOrder(driver);
  });

  it('a driver goes off duty as a rider asks: the ride finds another driver without waiting for who has left', async () => {
    await open();
    const leaving = await city.driver('leaving', at(-100));
    const staying = await city.driver('staying', at(-900));
    for (let round = 0; round < ROUNDS; round++) {
      const rider = await city.rider(`rider-${round}`);
      leaving.ping(at(-100));
      const [{ trip }] = await Promise.all([
        rider.done({ t: 'request', ...RIDE }),
        leaving.done({ t: 'offline' }),
      ]);
      const { tripId } = trip!;
      // At once: an offer to somebody who has left is taken back, it does not run out.
      const { offer } = await staying.wait('offer', (one) => one.offer.tripId === tripId);
      await staying.done({ t: 'accept', offerId: offer.offerId });
      expect(city.clock.nowMs() - trip!.requestedMs).toBeLessThan(city.market.match.offerTtlMs);
      await rider.done({ t: 'cancel', tripId, reason: 'next one' });
      await staying.wait('trip', (told) => told.trip.tripId === tripId && told.trip.status === 'cancelled');
      await leaving.done({ t: 'online', vehicleClass: 'economy', seats: 4 });
    }
  });
});

describe('R2: many at once', () => {
  it('eight riders ask and four drivers accept until all have been driven, nobody twice at once', async () => {
    await open();
    const drivers = await Promise.all(
      [0, 1, 2, 3].map((i) => city.driver(`driver-${i}`, at(-100 - 300 * i, 200 * i))),
    );
    const riders = await Promise.all(Array.from({ length: 8 }, (_, i) => city.rider(`rider-${i}`)));
    const drive = async (driver: App): Promise<void> => {
      for (;;) {
        const { offerId, tripId } = await offerTo(driver);
        const taken = await driver.ask({ t: 'accept', offerId });
        if (taken.t === 'error') continue;
        await driver.done({ t: 'arrived', tripId });
        const { pin } =
          await riders[Number((taken.trip!.riderId.match(/\d+$/) ?? ['0'])[0])]!.trip('at_pickup');
        await driver.done({ t: 'start', tripId, pin });
        await driver.done({ t: 'complete', tripId });
      }
    };
    // Drivers wait for the next offer until the city closes under them.
    const shifts = drivers.map((driver) => drive(driver).catch((error: unknown) => String(error)));
    const trips = await Promise.all(
      riders.map(async (rider) => {
        await ask(rider);
        return rider.trip('completed');
      }),
    );
    expect(new Set(trips.map(({ tripId }) => tripId)).size).toBe(8);
    await city.dropApps();
    for (const end of await Promise.all(shifts)) expect(end).toContain('closed with 1006');
  });
});
