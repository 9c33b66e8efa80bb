import type postgres from 'postgres';
import { beforeAll, describe, expect, it } from 'vitest';
import { auditMemory } from '../../src/store/audit-memory.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import { MemoryTripStore, type TripStoreCanary } from '../../src/store/trip-store-memory.ts';
import type { TripStore } from '../../src/store/trip-store.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import {
  answerOf,
  byDriver,
  byRider,
  newDriver,
  newOfferId,
  newTripId,
  offerOf,
  openOffer,
  searchingTrip,
  START_MS,
  transitionOf,
  tripWithDriver,
  valueOf,
} from './town.ts';

const { sql, store } = await freshTripStore(4);

/** Undoes a tampering after looking at it: each test finds the database clean. */
class Undo extends Error {}

/** What the audit says of the database as `tamper` leaves it; then everything is as before. */
async function violationsAfter(tamper: (tx: postgres.TransactionSql) => Promise<unknown>): Promise<string[]> {
  let found: string[] = [];
  const played = sql.begin(async (tx) => {
    await tamper(tx);
    // The audit opens a transaction of its own: here it becomes a savepoint of this one, so that it sees the tampering.
    const inside = Object.assign((...args: Parameters<typeof tx>) => tx(...args), tx, {
      begin: (_mode: string, run: (same: typeof tx) => Promise<unknown>) => run(tx),
    }) as unknown as postgres.Sql;
    const report = await auditTrips(inside);
    found = report.violations.map(({ rule, detail }) => `${rule} ${detail}`);
    expect(report.clean).toBe(found.length === 0);
    throw new Undo();
  });
  await expect(played).rejects.toBeInstanceOf(Undo);
  return found;
}

const rules = (violations: readonly string[]): string[] =>
  [...new Set(violations.map((violation) => violation.slice(0, 2)))].sort();

async function completedRide(on: TripStore) {
  const ride = await tripWithDriver(on, ['arrived', 'started', 'completed']);
  return { ...ride, tripId: ride.trip.tripId };
}

describe('the audit of a database', () => {
  let ride: Awaited<ReturnType<typeof completedRide>>;

  beforeAll(async () => {
    ride = await completedRide(store);
    const { tripId } = await searchingTrip(store);
    valueOf(await store.execute(answerOf('decline', await openOffer(store, tripId))));
    await openOffer(store, tripId);
    const released = await tripWithDriver(store, ['arrived']);
    valueOf(await store.execute(transitionOf('released', released.trip.tripId, byDriver(released.driverId))));
    valueOf(await store.execute(answerOf('accept', await openOffer(store, released.trip.tripId))));
  });

  it('finds nothing in what the store has written, and says how much it looked at', async () => {
    expect(await auditTrips(sql)).toEqual({
      clean: true,
      violations: [],
      checked: { trips: 3, events: 11, offers: 5 },
    });
    expect(await violationsAfter(() => Promise.resolve())).toEqual([]);
  });

  it('R1 finds a trip that ended twice, and one that ended without an event', async () => {
    const twice = await violationsAfter(
      (
        tx,
      ) => tx`insert into trip_events select month, trip_id, 6, 'cancelled', 'cancelled', 'rider', actor_id, at, detail
        from trip_events where trip_id = ${ride.tripId} and seq = 5`,
    );
    expect(rules(twice)).toContain('R1');
    expect(twice).toContain('R1 an event after the end (completed)');
    const unsaid = await violationsAfter(
      (tx) => tx`update trips set status = 'expired', ended_at = requested_at, ended_by = 'system'
        where status = 'searching'`,
    );
    expect(unsaid).toContain('R1 expired with 0 final events');
  });

  it('R1 finds an unknown state', async () => {
    const found = await violationsAfter(async (tx) => {
      await tx`alter table trips drop constraint trips_status_check, drop constraint trips_end_is_told`;
      await tx`update trips set status = 'lost' where trip_id = ${ride.tripId}`;
    });
    expect(found).toContain('R1 unknown state lost');
  });

  it('R2 finds a driver who had two trips at once in the past, though the rows of now are fine', async () => {
    const other = await completedRide(store);
    const found = await violationsAfter(async (tx) => {
      // As if the later ride had been driven by the earlier's driver, and begun before that one ended.
      await tx`update trip_events set actor_id = ${ride.driverId}
        where trip_id = ${other.tripId} and actor = 'driver'`;
      await tx`update trips set driver_id = ${ride.driverId} where trip_id = ${other.tripId}`;
      await tx`update offers set driver_id = ${ride.driverId} where trip_id = ${other.tripId}`;
      await tx`update trip_events e set position = e.position + 1000 where trip_id = ${ride.tripId} and seq = 5`;
    });
    expect(found).toEqual([`R2 ${ride.driverId} takes ${other.tripId} while holding ${ride.tripId}`]);
  });

  it('R2 finds a rider with two active trips', async () => {
    const one = await searchingTrip(store);
    const two = await searchingTrip(store);
    const found = await violationsAfter(async (tx) => {
      await tx`drop index trips_active_of_rider`;
      await tx`update trips set rider_id = ${one.riderId} where trip_id = ${two.tripId}`;
    });
    expect(found).toEqual([`R2 ${one.riderId} takes ${two.tripId} while holding ${one.tripId}`]);
  });

  it('R3 finds a driver with two live offers', async () => {
    const { tripId } = await searchingTrip(store);
    const offers = [await openOffer(store, tripId), await openOffer(store, tripId)] as const;
    const found = await violationsAfter(async (tx) => {
      await tx`drop index offers_live_of_driver`;
      await tx`update offers set driver_id = ${offers[0].driverId} where offer_id = ${offers[1].offerId}`;
    });
    expect(found).toEqual([
      `R3 ${offers[0].driverId} takes ${offers[1].offerId} while holding ${offers[0].offerId}`,
    ]);
  });

  it('R3 finds an acceptance without its offer, and R6 an accepted offer without its acceptance', async () => {
    const undone = await violationsAfter(
      (tx) => tx`update offers set status = 'declined' where offer_id = ${ride.offer.offerId}`,
    );
    expect(undone).toEqual([`R3 event 2 accepts ${ride.offer.offerId}, which is no accepted offer`]);
    const extra = newOfferId();
    const invented = await violationsAfter(
      (
        tx,
      ) => tx`insert into offers select ${extra}, trip_id, 'stranger', status, eta_s, offered_at, expires_at,
        answered_at, opened_position, closed_position from offers where offer_id = ${ride.offer.offerId}`,
    );
    expect(invented).toEqual([`R6 offer ${extra} is accepted, the trip does not know`]);
  });

  it('R3 finds a live offer of a trip that has ended', async () => {
    const found = await violationsAfter(
      (
        tx,
      ) => tx`insert into offers select gen_random_uuid(), trip_id, 'stranger', 'live', eta_s, offered_at, expires_at,
        null, opened_position, null from offers where offer_id = ${ride.offer.offerId}`,
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(/^R3 offer .* is live, the trip completed$/);
  });

  it('R4 finds a gap, a wrong version, an impossible step, a wrong actor and a wrong row', async () => {
    const one = (change: (tx: postgres.TransactionSql) => Promise<unknown>) => violationsAfter(change);
    const ofRide = sql`trip_id = ${ride.tripId}`;
    expect(rules(await one((tx) => tx`delete from trip_events where ${ofRide} and seq = 3`))).toContain('R4');
    expect(await one((tx) => tx`update trips set version = 9 where ${ofRide}`)).toEqual([
      'R4 version 9, 5 events',
    ]);
    expect(await one((tx) => tx`update trip_events set actor = 'rider' where ${ofRide} and seq = 4`)).toEqual(
      ['R4 event 4: started by rider'],
    );
    const impossible = await one(
      (tx) => tx`update trip_events set kind = 'expired' where ${ofRide} and seq = 3`,
    );
    expect(impossible).toContain('R4 event 3: expired from to_pickup');
    expect(await one((tx) => tx`update trips set driver_id = 'thief' where ${ofRide}`)).toContain(
      `R4 driverId is thief, by its events ${ride.driverId}`,
    );
    expect(await one((tx) => tx`update trip_events set position = 1 where ${ofRide} and seq = 5`)).toContain(
      'R4 event 5 stands before the one it follows',
    );
  });

  it('R5 finds two answers to one key, an answer that nothing backs, and an event without its answer', async () => {
    const accept = sql`trip_id = ${ride.tripId} and seq = 2`;
    const twice = await violationsAfter(async (tx) => {
      await tx`alter table command_answers drop constraint command_answers_pkey`;
      await tx`insert into command_answers select account_id, key, fingerprint, submission, answered_at, null, null, answer
        from command_answers where ${accept}`;
    });
    expect(twice).toHaveLength(1);
    expect(twice[0]).toMatch(/^R5 key .* has 2 answers$/);
    expect(await violationsAfter((tx) => tx`delete from command_answers where ${accept}`)).toEqual([
      'R5 event 2: accepted has 0 answers',
    ]);
    expect(await violationsAfter((tx) => tx`update command_answers set seq = 7 where ${accept}`)).toContain(
      'R5 event 7: answered, but not stored',
    );
    const other = await violationsAfter(
      (tx) =>
        tx`update command_answers set answer = jsonb_set(answer, '{value,event,kind}', '"arrived"') where ${accept}`,
    );
    expect(other).toEqual(['R5 event 2: is accepted, the answer tells of arrived']);
  });

  it('R6 finds offers and events whose trip is not stored', async () => {
    const ghost = newTripId();
    const found = await violationsAfter(async (tx) => {
      await tx`alter table offers drop constraint offers_trip_id_fkey`;
      await tx`alter table trip_events drop constraint trip_events_trip_id_fkey`;
      await tx`insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at)
        values (${newOfferId()}, ${ghost}, 'd', 'live', 1, '2008-06-06', '2008-06-06')`;
      await tx`insert into trip_events (month, trip_id, seq, kind, status, actor, at, detail)
        values ('2008-06-01', ${ghost}, 2, 'arrived', 'at_pickup', 'driver', '2008-06-06', '{}')`;
    });
    expect(found).toEqual(['R4 events without their trip', 'R6 offers of a trip that is not stored']);
  });

  it('R9 finds an offer to a driver who had declined the trip', async () => {
    const { tripId } = await searchingTrip(store);
    const declined = await openOffer(store, tripId);
    valueOf(await store.execute(answerOf('decline', declined)));
    const again = await openOffer(store, tripId);
    const found = await violationsAfter(
      (tx) => tx`update offers set driver_id = ${declined.driverId} where offer_id = ${again.offerId}`,
    );
    expect(found).toEqual([
      `R9 offer ${again.offerId} to ${declined.driverId}, who had declined ${declined.offerId}`,
    ]);
  });
});

describe('the audit of a memory store', () => {
  /** What each canary breaks shows in the audit; the same play on a sound store is clean. */
  const plays: Record<TripStoreCanary, { rule: string; play: (on: MemoryTripStore) => Promise<void> }> = {
    double_accept: {
      rule: 'R4',
      play: async (on) => {
        const { tripId } = await searchingTrip(on);
        const offers = [await openOffer(on, tripId), await openOffer(on, tripId)];
        for (const offer of offers) await on.execute(answerOf('accept', offer));
      },
    },
    busy_driver: {
      rule: 'R2',
      play: async (on) => {
        const { driverId } = await tripWithDriver(on);
        const { tripId } = await searchingTrip(on);
        const offer = offerOf(tripId, driverId);
        await on.openOffers([offer]);
        await on.execute(answerOf('accept', offer));
      },
    },
    no_version_check: {
      rule: 'R4',
      play: async (on) => {
        const { trip, driverId } = await tripWithDriver(on, ['arrived']);
        await on.execute(transitionOf('arrived', trip.tripId, byDriver(driverId)));
      },
    },
    two_offers: {
      rule: 'R3',
      play: async (on) => {
        const driverId = newDriver();
        for (const { tripId } of [await searchingTrip(on), await searchingTrip(on)]) {
          await on.openOffers([offerOf(tripId, driverId)]);
        }
      },
    },
    offer_again: {
      rule: 'R9',
      play: async (on) => {
        const { tripId } = await searchingTrip(on);
        const offer = await openOffer(on, tripId);
        await on.execute(answerOf('decline', offer));
        await on.openOffers([offerOf(tripId, offer.driverId)]);
      },
    },
  };

  for (const [canary, { rule, play }] of Object.entries(plays)) {
    it(`${rule} catches the canary ${canary}`, async () => {
      const sound = new MemoryTripStore();
      await play(sound);
      expect(auditMemory(sound).violations).toEqual([]);
      const sick = new MemoryTripStore({ canary: canary as TripStoreCanary });
      await play(sick);
      expect(auditMemory(sick).violations.map((violation) => violation.rule)).toContain(rule);
    });
  }

  it('R9 catches an acceptance after the cancellation', async () => {
    const sick = new MemoryTripStore({ canary: 'double_accept' });
    const { tripId, riderId } = await searchingTrip(sick);
    const offer = await openOffer(sick, tripId);
    valueOf(await sick.execute(transitionOf('cancelled', tripId, byRider(riderId))));
    valueOf(await sick.execute(answerOf('accept', offer, { atMs: START_MS + 9_000 })));
    const found = new Set(auditMemory(sick).violations.map((violation) => violation.rule));
    expect([...found].sort()).toEqual(['R1', 'R4']);
  });
});
