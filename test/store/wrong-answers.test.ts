import { describe, expect, it } from 'vitest';
import { freshTripStore } from './fresh-trip-store.ts';
import { newDriver, newTrip, offerOf, requestOf, searchingTrip, valueOf } from './town.ts';

const { sql, store, storeWith } = await freshTripStore(4);

/** `name` of the database does its work as before, but of its first `calls` answers each comes out as `spoilt` makes it. */
async function spoil(name: string, args: string, calls: number, spoilt: string): Promise<void> {
  const names = [...args.matchAll(/(\w+) \w/g)].map((match) => match[1]).join(', ');
  await sql.unsafe(`
    create sequence calls_of_${name};
    alter function ${name} rename to whole_${name};
    create function ${name}(${args}) returns jsonb language plpgsql as $$
    declare
      answers jsonb := whole_${name}(${names});
    begin
      return case when nextval('calls_of_${name}') > ${calls} then answers else ${spoilt} end;
    end $$`);
}

async function restore(name: string): Promise<void> {
  await sql.unsafe(`drop function ${name}; drop sequence calls_of_${name};
    alter function whole_${name} rename to ${name}`);
}

/** One too few, one that is a hole, one too many, no list at all, none. */
const SPOILT = [
  'answers - 0',
  "jsonb_set(answers, '{0}', 'null')",
  'answers || (answers -> 0)',
  "'{}'",
  'null',
];

describe('an answer that does not fit what was asked', () => {
  it.each(SPOILT)('R5 to commands (%s) is asked for again; each happens once', async (spoilt) => {
    const trips = Array.from({ length: 3 }, () => newTrip());
    await spoil('run_commands', 'batch jsonb, retryable text[]', 1, spoilt);
    try {
      const answers = await Promise.all(trips.map((trip) => store.execute(requestOf(trip))));
      for (const [at, trip] of trips.entries()) {
        expect(valueOf(answers[at]!)).toMatchObject({ replayed: false, trip: { tripId: trip.tripId } });
        expect(await store.eventsOf(trip.tripId)).toHaveLength(1);
      }
    } finally {
      await restore('run_commands');
    }
  });

  it('R10 that never does goes to the callers as an error of the store, and the next are served', async () => {
    const patient = storeWith({ lanesMax: 1, retry: { attemptsMax: 3, delayMs: 1, delayMsMax: 2 } });
    await spoil('run_commands', 'batch jsonb, retryable text[]', 1_000, 'answers - 0');
    try {
      const trips = [newTrip(), newTrip()];
      const settled = await Promise.allSettled(trips.map((trip) => patient.execute(requestOf(trip))));
      expect(settled).toMatchObject(
        trips.map(() => ({ status: 'rejected', reason: { code: 'WRONG_ANSWERS' } })),
      );
      const [row] = await sql<
        { calls: number }[]
      >`select last_value::int as calls from calls_of_run_commands`;
      expect(row?.calls).toBe(3);
    } finally {
      await restore('run_commands');
    }
    valueOf(await patient.execute(requestOf(newTrip())));
  });

  it.each(SPOILT)('R3 to offers (%s) is asked for again; each is opened once', async (spoilt) => {
    const { tripId } = await searchingTrip(store);
    const offers = [offerOf(tripId, newDriver()), offerOf(tripId, newDriver())];
    await spoil('open_offers', 'batch jsonb', 1, spoilt);
    try {
      const openings = await store.openOffers(offers);
      expect(openings).toMatchObject(offers.map(({ offerId }) => ({ opened: true, offer: { offerId } })));
    } finally {
      await restore('open_offers');
    }
    expect(await store.offersOf(tripId)).toHaveLength(2);
    const closings = offers.map(({ offerId, expiresMs }) => {
      return { offerId, status: 'timed_out', atMs: expiresMs } as const;
    });
    // Fewer closed offers are no fault: of those that are not there nothing is said.
    await spoil('close_offers', 'batch jsonb', 1, spoilt === 'answers - 0' ? "'7'" : spoilt);
    try {
      const closed = await store.closeOffers(closings);
      expect(closed.map(({ offerId, status }) => [offerId, status])).toEqual(
        closings.map(({ offerId }) => [offerId, 'timed_out']),
      );
    } finally {
      await restore('close_offers');
    }
  });
});
