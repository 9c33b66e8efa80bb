import { afterEach, describe, expect, it } from 'vitest';
import { totalMinor } from '../../src/domain/fare.ts';
import type { Market } from '../../src/domain/market.ts';
import type { TripView } from '../../src/protocol/messages.ts';
import type { TripFare } from '../../src/protocol/rest-trips.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { aboard, ask, at, City, matched, RIDE } from './city.ts';

const database = await freshDatabase();
const redis = await freshRedis();
const CHARGES = {
  cashStepMinor: 5,
  cancellationFeeMinor: 502,
  cancellationFreeMs: 60_000,
  noShowFeeMinor: 700,
};
let city: City;
const open = async (market: Partial<Market> = {}): Promise<City> =>
  (city = await City.open({
    ...{ database, redisUrl: redis.url, noShowMs: 1_000, market: { charges: CHARGES, ...market } },
  }));

afterEach(() => city.close());

const fareOf = async ({ tripId }: TripView): Promise<TripFare> => {
  const path = `/v1/trips/${tripId}/fare`;
  const seen = await city.http<TripFare>('GET', path, { role: 'rider' });
  expect(seen.status).toBe(200);
  expect((await city.http<TripFare>('GET', path, { role: 'support' })).body).toEqual(seen.body);
  expect((await city.http('GET', path, { role: 'rider', id: 'stranger' })).status).toBe(404);
  return seen.body;
};

describe('a fare', () => {
  it('is told line by line, in the quote and at the end, and paid in steps', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const trip = await aboard(rider, driver);
    expect((await fareOf(trip)).fare).toBeNull();
    city.clock.advance(600_000);
    await driver.done({ t: 'complete', tripId: trip.tripId });
    const done = await rider.trip('completed');
    const { quote, fare, ...currency } = await fareOf(trip);
    expect(currency).toEqual({ tripId: trip.tripId, currency: 'USD', minorDigits: 2 });
    expect(quote).toEqual({ totalMinor: trip.quote.fareMinor, lines: trip.quote.lines });
    expect(fare).toEqual({ totalMinor: done.fareMinor, lines: done.fareLines });
    expect(fare!.totalMinor).toBe(totalMinor(fare!.lines));
    expect(fare!.totalMinor % 5).toBe(0);
    expect(fare!.lines.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['base', 'distance', 'time']));
  });

  it('is nothing for who cancels in time, and the fee for who does later', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const early = await matched(rider, driver);
    const { trip } = await rider.done({ t: 'cancel', tripId: early.tripId, reason: 'changed my mind' });
    expect(trip).toMatchObject({ status: 'cancelled', fareMinor: null, fareLines: null });

    const again = await city.rider('again');
    const late = await matched(again, driver);
    city.clock.advance(61_000);
    const ended = await again.done({ t: 'cancel', tripId: late.tripId, reason: 'too late' });
    expect(ended.trip).toMatchObject({
      fareMinor: 500,
      fareLines: [
        { kind: 'cancellation', amountMinor: 502 },
        { kind: 'rounding', amountMinor: -2 },
      ],
    });

    const waiting = await city.rider('waiting');
    const asked = await ask(waiting, { ...RIDE, seats: 8 });
    city.clock.advance(61_000);
    const gone = await waiting.done({ t: 'cancel', tripId: asked.tripId, reason: 'nobody comes' });
    expect(gone.trip).toMatchObject({ status: 'cancelled', fareMinor: null });
  });

  it('is the fee for who does not come', async () => {
    await open();
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const trip = await matched(rider, driver);
    await driver.done({ t: 'arrived', tripId: trip.tripId });
    city.clock.advance(1_001);
    const { trip: ended } = await driver.done({ t: 'no_show', tripId: trip.tripId });
    expect(ended).toMatchObject({ fareMinor: 700, fareLines: [{ kind: 'no_show', amountMinor: 700 }] });
    expect((await fareOf(trip)).fare).toEqual({ totalMinor: 700, lines: ended!.fareLines });
  });
});
