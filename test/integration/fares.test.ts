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

/** A box of so many metres around the centre. */
const around = (northM: number, eastM: number, sizeM: number) => [
  at(northM - sizeM, eastM - sizeM),
  at(northM - sizeM, eastM + sizeM),
  at(northM + sizeM, eastM + sizeM),
  at(northM + sizeM, eastM - sizeM),
];
const NO_FEES = { pickupFeeMinor: 0, dropoffFeeMinor: 0, isPickupForbidden: false };

describe('the places of a ride', () => {
  it('have their fees and tolls in the quote, and the ride is metered with the same', async () => {
    await open({
      districts: [
        { ...NO_FEES, name: 'station', area: around(0, 0, 500), pickupFeeMinor: 150 },
        { ...NO_FEES, name: 'north', area: around(3_000, 0, 500), dropoffFeeMinor: 250 },
      ],
      tolls: [
        { name: 'bridge', from: around(0, 0, 500), to: around(3_000, 0, 500), amountMinor: 825 },
        { name: 'way back', from: around(3_000, 0, 500), to: around(0, 0, 500), amountMinor: 1 },
      ],
    });
    const fees = [
      { kind: 'pickup_fee', amountMinor: 150, about: 'station' },
      { kind: 'dropoff_fee', amountMinor: 250, about: 'north' },
      { kind: 'toll', amountMinor: 825, about: 'bridge' },
    ];
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    const trip = await aboard(rider, driver);
    expect(trip.quote.lines).toEqual(expect.arrayContaining(fees));
    await driver.done({ t: 'complete', tripId: trip.tripId });
    expect((await rider.trip('completed')).fareLines).toEqual(expect.arrayContaining(fees));
  });

  it('may be forbidden for pickups, or lie outside the service area, on both doors', async () => {
    await open({
      area: around(0, 0, 5_000),
      districts: [{ ...NO_FEES, name: 'kerb', area: around(0, 2_000, 300), isPickupForbidden: true }],
    });
    const rider = await city.rider('rider');
    for (const t of ['quote', 'request'] as const) {
      expect(await rider.refused({ t, ...RIDE, pickup: at(0, 2_000) })).toBe('pickup_forbidden');
      expect(await rider.refused({ t, ...RIDE, dropoff: at(6_000) })).toBe('outside_area');
    }
    const asked = { role: 'rider', key: 'kerb', body: { ...RIDE, pickup: at(0, 2_000) } } as const;
    expect(await city.http('POST', '/v1/trips', asked)).toMatchObject({
      ...{ status: 422, body: { code: 'pickup_forbidden', detail: 'kerb' } },
    });
    await rider.done({ t: 'request', ...RIDE, dropoff: at(0, 2_000) });
  });
});
