import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { MarketId, TripId } from '../../src/domain/ids.ts';
import { TRIP_STATUSES, type Trip } from '../../src/domain/trip.ts';
import { randomUuidV7 } from '../../src/lib/entropy.ts';
import type { TripFilter } from '../../src/store/trip-search.ts';
import { PostgresTripSearch } from '../../src/store/trip-search-postgres.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import {
  answerOf,
  newDriver,
  newRider,
  openOffer,
  searchingTrip,
  START_MS,
  transitionOf,
  valueOf,
} from './town.ts';

const { sql, store } = await freshTripStore(4);
const search = new PostgresTripSearch(sql, null);
const RIDERS = [newRider(), newRider(), newRider()];
const DRIVERS = [newDriver(), newDriver()];
const MARKETS = ['here', 'there'] as MarketId[];
const EVERY_MS = 600_000;
/** The newest first, as the store has them. */
let all: Trip[];

/** Trips of all kinds, ten minutes apart, one after the other for each rider and driver; the last are under way. */
beforeAll(async () => {
  const trips: TripId[] = [];
  for (let i = 0; i < 24; i++) {
    const requestedMs = START_MS + i * EVERY_MS;
    const riderId = RIDERS[i % 3]!;
    const tripId = randomUuidV7(requestedMs) as TripId;
    trips.push(tripId);
    await searchingTrip(store, { tripId, requestedMs, riderId, marketId: MARKETS[i % 2]! });
    const isLast = i >= 22;
    if (i % 4 !== 3) {
      const driverId = DRIVERS[i % 2]!;
      const offer = await openOffer(store, tripId, { driverId });
      valueOf(await store.execute(answerOf('accept', offer)));
    }
    if (!isLast)
      valueOf(await store.execute(transitionOf('cancelled', tripId, { actor: 'rider', actorId: riderId })));
  }
  all = await Promise.all(trips.reverse().map(async (tripId) => (await store.trip(tripId))!));
});

const fits = (trip: Trip, filter: TripFilter): boolean =>
  (filter.riderId ?? trip.riderId) === trip.riderId &&
  (filter.driverId ?? trip.driverId) === trip.driverId &&
  (filter.marketId ?? trip.marketId) === trip.marketId &&
  (filter.status ?? trip.status) === trip.status &&
  (filter.fromMs ?? trip.requestedMs) <= trip.requestedMs &&
  trip.requestedMs < (filter.toMs ?? Infinity) &&
  (filter.before === undefined || trip.tripId < filter.before);

const filters = fc.record(
  {
    riderId: fc.constantFrom(...RIDERS, 'nobody'),
    driverId: fc.constantFrom(...DRIVERS, 'nobody'),
    marketId: fc.constantFrom(...MARKETS),
    status: fc.constantFrom(...TRIP_STATUSES),
    fromMs: fc.integer({ min: -1, max: 25 }).map((i) => START_MS + i * EVERY_MS),
    toMs: fc.integer({ min: -1, max: 25 }).map((i) => START_MS + i * EVERY_MS + 1),
  },
  { requiredKeys: [] },
);

describe('the search of trips', () => {
  it('finds what fits, the newest first, page by page', async () => {
    expect(new Set(all.map(({ status }) => status)).size).toBeGreaterThan(2);
    await fc.assert(
      fc.asyncProperty(filters, fc.integer({ min: 1, max: 9 }), async (filter, limit) => {
        const expected = all.filter((trip) => fits(trip, filter));
        const pages: Trip[] = [];
        for (let before: TripId | null = null; ;) {
          const page = await search.trips(before === null ? filter : { ...filter, before }, limit);
          pages.push(...page);
          if (page.length < limit) break;
          before = page.at(-1)!.tripId;
        }
        expect(pages).toEqual(expected);
      }),
      { numRuns: 150 },
    );
  });

  it('asks the replica, and the primary where the replica has no answer', async () => {
    const asked: string[] = [];
    const replica = (answers: boolean) => ({
      read: async (query: (from: typeof sql) => Promise<unknown[]>) => {
        asked.push('replica');
        return answers ? ((await query(sql)) as never) : null;
      },
    });
    for (const answers of [true, false])
      expect(await new PostgresTripSearch(sql, replica(answers)).trips({}, 3)).toEqual(all.slice(0, 3));
    expect(asked).toEqual(['replica', 'replica']);
  });

  it('takes the indexes of a rider and of a driver', async () => {
    await sql.begin(async (tx) => {
      await tx`set local enable_seqscan = off`;
      for (const [column, index] of [
        ['rider_id', 'trips_ended_of_rider'],
        ['driver_id', 'trips_ended_of_driver'],
      ]) {
        const plan = await tx.unsafe(
          `explain select t from trips t where t.status in ('completed', 'cancelled', 'expired') and t.${column} = 'x' order by t.trip_id desc limit 5`,
        );
        expect(JSON.stringify(plan)).toContain(index);
      }
    });
  });
});
