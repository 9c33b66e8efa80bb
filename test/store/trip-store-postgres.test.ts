import postgres from 'postgres';
import { describe, expect, it } from 'vitest';
import { randomToken } from '../../src/lib/entropy.ts';
import { OFFER_STATUSES } from '../../src/domain/offer.ts';
import { ACTORS, TRIP_EVENTS, TRIP_STATUSES } from '../../src/domain/trip.ts';
import { commandDocument } from '../../src/store/command-document.ts';
import type { TripCommand } from '../../src/store/trip-store.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import {
  answerOf,
  byRider,
  bySystem,
  newDriver,
  newKey,
  newTrip,
  offerOf,
  openOffer,
  rejectionOf,
  requestOf,
  searchingTrip,
  transitionOf,
  valueOf,
} from './town.ts';

const { databaseUrl, sql, store, storeWith } = await freshTripStore(8);

/** Transactions that wrote the events of these trips. */
async function transactionsOf(tripIds: readonly string[]): Promise<number> {
  const [row] = await sql<{ n: number }[]>`
    select count(distinct xmin::text)::int as n from trip_events where trip_id = any (${tripIds as string[]})`;
  return row?.n ?? 0;
}

describe('group commit', () => {
  it('commits what arrives together in few transactions', async () => {
    const trips = Array.from({ length: 500 }, () => newTrip());
    const answers = await Promise.all(trips.map((trip) => store.execute(requestOf(trip))));
    expect(answers.every((answer) => answer.ok)).toBe(true);
    const transactions = await transactionsOf(trips.map((trip) => trip.tripId));
    expect(transactions).toBe(Math.ceil(500 / 128));
  });

  it('commits a lone command by itself, at once', async () => {
    const trips = [newTrip(), newTrip(), newTrip()];
    for (const trip of trips) valueOf(await store.execute(requestOf(trip)));
    expect(await transactionsOf(trips.map((trip) => trip.tripId))).toBe(3);
  });

  it('R10 refuses what exceeds the queue, without doing it', async () => {
    const small = storeWith({ commandsQueuedMax: 10 });
    const trips = Array.from({ length: 12 }, () => newTrip());
    const settled = await Promise.allSettled(trips.map((trip) => small.execute(requestOf(trip))));
    expect(settled.slice(0, 10).every((one) => one.status === 'fulfilled')).toBe(true);
    for (const [offset, one] of settled.slice(10).entries()) {
      expect(one).toMatchObject({ status: 'rejected', reason: { code: 'overloaded' } });
      expect(await small.trip(trips[10 + offset]?.tripId ?? newTrip().tripId)).toBeNull();
    }
    expect(small.commandsQueued).toBe(0);
  });

  it('R6 answers only what another connection can see, with synchronous_commit on', async () => {
    const outside = postgres(databaseUrl, { max: 1 });
    try {
      const trip = newTrip();
      valueOf(await store.execute(requestOf(trip)));
      const [row] = await outside`select status from trips where trip_id = ${trip.tripId}`;
      expect(row?.status).toBe('searching');
      const settings = await sql`select current_setting('synchronous_commit') as mode`;
      expect(settings[0]?.mode).toBe('on');
    } finally {
      await outside.end();
    }
  });

  it('lets no poisoned command take its neighbours with it', async () => {
    const good = Array.from({ length: 5 }, () => newTrip());
    const poison = newTrip({
      quote: {
        fareMinor: 1e300,
        currency: 'USD',
        distanceM: 1,
        durationS: 1,
        lines: [{ kind: 'base', amountMinor: 1e300 }],
        terms: null,
      },
    });
    const commands = [...good.slice(0, 2), poison, ...good.slice(2)].map((trip) => requestOf(trip));
    const settled = await Promise.allSettled(commands.map((command) => store.execute(command)));
    expect(settled.map((one) => one.status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ]);
    const [stored] = good;
    const { tripId } = stored ?? newTrip();
    await expect(store.execute(requestOf(newTrip({ tripId })))).rejects.toMatchObject({
      code: '23505',
    });
  });
});

describe('a lost connection', () => {
  /** Ends every backend that waits for the lock of this trip. */
  async function cutWaiters(): Promise<number> {
    for (;;) {
      const cut = await sql<{ pid: number }[]>`
        select pid, pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%run_commands%'`;
      if (cut.length > 0) return cut.length;
    }
  }

  /** Runs `work` while the trip's row is locked by somebody else and the waiting connection is cut. */
  async function whileCut<T>(tripId: string, work: () => Promise<T>): Promise<T> {
    const own = postgres(databaseUrl, { max: 1 });
    try {
      let pending: Promise<T> | undefined;
      await own.begin(async (tx) => {
        await tx`select from trips where trip_id = ${tripId} for update`;
        pending = work();
        pending.catch(() => undefined);
        expect(await cutWaiters()).toBeGreaterThan(0);
      });
      return await (pending as Promise<T>);
    } finally {
      await own.end();
    }
  }

  it('R5 R11 repeats a keyed command, which happens once and is no replay', async () => {
    const trip = await searchingTrip(store);
    const change = await whileCut(trip.tripId, async () =>
      valueOf(await store.execute(transitionOf('cancelled', trip.tripId, byRider(trip.riderId)))),
    );
    expect(change).toMatchObject({ replayed: false, event: { seq: 2, kind: 'cancelled' } });
    expect(await store.eventsOf(trip.tripId)).toHaveLength(2);
  });

  it('R11 repeats the engine’s own commands too, and their neighbours', async () => {
    const [one, two] = [await searchingTrip(store), await searchingTrip(store)];
    const [expiry, cancel] = await whileCut(one.tripId, () =>
      Promise.all([
        store.execute(transitionOf('expired', one.tripId, bySystem)),
        store.execute(transitionOf('cancelled', two.tripId, byRider(two.riderId))),
      ]),
    );
    expect(valueOf(expiry)).toMatchObject({ replayed: false, event: { kind: 'expired' } });
    expect(valueOf(cancel)).toMatchObject({ replayed: false, event: { kind: 'cancelled' } });
  });

  it('R5 the engine’s own command given twice is two commands', async () => {
    const { tripId } = await searchingTrip(store);
    const expiry = transitionOf('expired', tripId, bySystem);
    valueOf(await store.execute(expiry));
    expect(await store.execute(expiry)).toEqual(rejectionOf('wrong_state', 'expired'));
  });

  it('R5 an answer written by the lost attempt itself is no replay; a client’s repetition is', async () => {
    const trip = newTrip();
    const key = newKey(trip.riderId);
    const first = valueOf(await store.execute(requestOf(trip, key)));
    const [row] = await sql`select submission from command_answers where key = ${key.key}`;
    const batch = [
      {
        kind: 'request',
        account: key.accountId,
        ...key,
        submission: row?.submission as string,
        trip,
        atMs: 1,
      },
    ];
    const [same] = await sql`select run_commands(${JSON.stringify(batch)}::text::jsonb, '{}') as answers`;
    expect(same?.answers).toEqual([{ ok: true, value: first }]);
    expect(valueOf(await store.execute(requestOf(trip, key))).replayed).toBe(true);
    expect(valueOf(await storeWith().execute(requestOf(trip, key))).replayed).toBe(true);
  });

  it('gives up with the error when the database stays away', async () => {
    const nowhere = postgres({ host: '127.0.0.1', port: 1, max: 2, backoff: () => 0 });
    const retry = { attemptsMax: 3, delayMs: 1, delayMsMax: 2 };
    const lost = storeWith({ sql: nowhere, retry });
    await expect(lost.execute(requestOf(newTrip()))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(lost.trip(newTrip().tripId)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await nowhere.end();
  });
});

describe('two transactions at once', () => {
  /** Runs `work` while `command` is decided but not committed; answers once the work was seen to wait for it. */
  async function whileUncommitted<T>(command: TripCommand, work: () => Promise<T>): Promise<T> {
    const batch = JSON.stringify([commandDocument(command, randomToken(8))]);
    const own = postgres(databaseUrl, { max: 1 });
    let pending: Promise<T> | undefined;
    await own.begin(async (tx) => {
      const [row] = await tx`select run_commands(${batch}::text::jsonb, '{}') as answers`;
      expect(row?.answers).toMatchObject([{ ok: true }]);
      pending = work();
      for (let waiting = 0; waiting === 0;) {
        const [found] = await sql<{ n: number }[]>`select count(*)::int as n from pg_stat_activity
          where datname = current_database() and wait_event_type = 'Lock'`;
        waiting = found?.n ?? 0;
      }
    });
    await own.end();
    return pending as Promise<T>;
  }

  it('R9 an offer opened beside an uncommitted cancellation waits for it, and is refused', async () => {
    const { tripId, riderId } = await searchingTrip(store);
    const offer = offerOf(tripId, newDriver());
    const openings = await whileUncommitted(transitionOf('cancelled', tripId, byRider(riderId)), () =>
      store.openOffers([offer]),
    );
    expect(openings).toEqual([{ opened: false, offerId: offer.offerId, why: 'trip_not_searching' }]);
    expect(await store.liveOfferOfDriver(offer.driverId)).toBeNull();
  });

  it('R3 a time-out beside an uncommitted acceptance waits for it, and finds it accepted', async () => {
    const { tripId } = await searchingTrip(store);
    const offer = await openOffer(store, tripId);
    const closing = { offerId: offer.offerId, status: 'timed_out', atMs: offer.expiresMs } as const;
    const closed = await whileUncommitted(answerOf('accept', offer), () => store.closeOffers([closing]));
    expect(closed).toMatchObject([{ offerId: offer.offerId, status: 'accepted' }]);
  });

  it('R2 R5 a request beside an uncommitted one of the same rider waits for it', async () => {
    const trip = newTrip();
    const command = requestOf(trip);
    const busy = await whileUncommitted(command, () =>
      Promise.all([store.execute(requestOf(newTrip({ riderId: trip.riderId }))), store.execute(command)]),
    );
    expect(busy[0]).toEqual(rejectionOf('rider_busy'));
    expect(busy[1]).toMatchObject({ ok: true, value: { replayed: true, trip: { tripId: trip.tripId } } });
  });
});

describe('the schema', () => {
  it('leaves the planner as little choice in the functions called from outside as they were measured with', async () => {
    const functions = await sql<{ name: string; settings: string[] }[]>`
      select proname as name, proconfig as settings from pg_proc
      where proname in ('run_commands', 'open_offers', 'close_offers') order by 1`;
    const settings = ['enable_seqscan=off', 'plan_cache_mode=force_generic_plan'];
    const alsoJoins = ['enable_hashjoin=off', 'enable_mergejoin=off', ...settings].sort();
    expect(functions.map(({ name, settings: own }) => [name, [...own].sort()])).toEqual([
      ['close_offers', settings],
      ['open_offers', alsoJoins],
      ['run_commands', alsoJoins],
    ]);
  });

  it('R2 R3 unique indexes refuse what code would have let through', async () => {
    const trip = await searchingTrip(store);
    const offer = await openOffer(store, trip.tripId);
    const again = sql`insert into trips (trip_id, market_id, rider_id, status, version, vehicle_class, seats,
      pickup_lat, pickup_lng, dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m,
      quote_duration_s, requested_at) select gen_random_uuid(), market_id, rider_id, status, version, vehicle_class,
      seats, pickup_lat, pickup_lng, dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency,
      quote_distance_m, quote_duration_s, requested_at from trips where trip_id = ${trip.tripId}`;
    await expect(again).rejects.toMatchObject({ constraint_name: 'trips_active_of_rider' });
    const second = sql`insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at)
      select gen_random_uuid(), trip_id, driver_id, status, eta_s, offered_at, expires_at
      from offers where offer_id = ${offer.offerId}`;
    await expect(second).rejects.toMatchObject({ constraint_name: 'offers_live_of_driver' });
    valueOf(await store.execute(answerOf('accept', offer)));
    const other = await searchingTrip(store);
    const stolen = sql`update trips set status = 'to_pickup', driver_id = ${offer.driverId}
      where trip_id = ${other.tripId}`;
    await expect(stolen).rejects.toMatchObject({ constraint_name: 'trips_active_of_driver' });
  });

  it('R4 has a place for each seq of a trip once, whatever the month of the event', async () => {
    const trip = await searchingTrip(store);
    const twice = sql`insert into trip_events (month, trip_id, seq, kind, status, actor, at, detail)
      select month, trip_id, seq, kind, status, actor, at + interval '2 months', detail
      from trip_events where trip_id = ${trip.tripId}`;
    await expect(twice).rejects.toMatchObject({ code: '23505' });
  });

  it('R1 refuses a trip whose state and driver do not fit, and an end that nobody caused', async () => {
    const trip = await searchingTrip(store);
    const change = (values: { status?: string; driver_id?: string }) =>
      sql`update trips set ${sql(values)} where trip_id = ${trip.tripId}`;
    await expect(change({ status: 'on_trip' })).rejects.toMatchObject({
      constraint_name: 'trips_driver_while_bound',
    });
    await expect(change({ driver_id: 'd' })).rejects.toMatchObject({
      constraint_name: 'trips_driver_while_bound',
    });
    await expect(change({ status: 'expired' })).rejects.toMatchObject({
      constraint_name: 'trips_end_is_told',
    });
    await expect(change({ status: 'lost' })).rejects.toMatchObject({ code: '23514' });
  });

  it('R1 knows exactly the states, kinds and actors that the code knows', async () => {
    const lists = await sql<{ at: string; definition: string }[]>`
      select conrelid::regclass || '.' || a.attname as at, pg_get_constraintdef(c.oid) as definition
      from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
      where c.contype = 'c' and cardinality(c.conkey) = 1`;
    const words = (at: string) => {
      const definition = lists.find((one) => one.at === at)?.definition ?? '';
      return [...definition.matchAll(/'([a-z_]+)'/g)].map((match) => match[1]).sort();
    };
    expect(words('trips.status')).toEqual([...TRIP_STATUSES].sort());
    expect(words('trip_events.status')).toEqual([...TRIP_STATUSES].sort());
    expect(words('trip_events.kind')).toEqual([...TRIP_EVENTS].sort());
    expect(words('trip_events.actor')).toEqual([...ACTORS].sort());
    expect(words('trips.ended_by')).toEqual([...ACTORS].sort());
    expect(words('offers.status')).toEqual([...OFFER_STATUSES].sort());
  });
});
