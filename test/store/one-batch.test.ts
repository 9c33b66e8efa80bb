import { describe, expect, it } from 'vitest';
import type { Result } from '../../src/domain/rejection.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import type { TripChange, TripCommand } from '../../src/store/trip-store.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import {
  answerOf,
  byDriver,
  byRider,
  newDriver,
  newTrip,
  offerOf,
  openOffer,
  rejectionOf,
  requestOf,
  searchingTrip,
  transitionOf,
  tripWithDriver,
  valueOf,
} from './town.ts';

const { sql, store } = await freshTripStore(4);

describe('commands of one batch', () => {
  /** All in one transaction: what is submitted in one turn of the event loop goes out together. */
  const inOneBatch = (commands: readonly TripCommand[]): Promise<Result<TripChange>[]> =>
    Promise.all(commands.map((command) => store.execute(command)));

  it('R4 that move the same trip are decided in order, among others', async () => {
    const { trip, driverId } = await tripWithDriver(store);
    const others = [newTrip(), newTrip()];
    const move = (event: 'arrived' | 'started' | 'completed') =>
      transitionOf(event, trip.tripId, byDriver(driverId), event === 'started' ? { pin: trip.pin } : {});
    const answers = await inOneBatch([
      requestOf(others[0]!),
      move('arrived'),
      move('completed'),
      move('started'),
      requestOf(others[1]!),
      move('completed'),
    ]);
    expect(answers[2]).toEqual(rejectionOf('wrong_state', 'at_pickup'));
    expect(answers.flatMap((answer) => (answer.ok ? [answer.value.event?.kind] : []))).toEqual([
      'requested',
      'arrived',
      'started',
      'requested',
      'completed',
    ]);
    const events = await store.eventsOf(trip.tripId);
    expect(events.map(({ seq, kind }) => `${seq} ${kind}`)).toEqual([
      '1 requested',
      '2 accepted',
      '3 arrived',
      '4 started',
      '5 completed',
    ]);
    const [row] = await sql<{ n: number }[]>`select count(distinct xmin::text)::int as n from trip_events
      where trip_id = any (${[trip.tripId, ...others.map(({ tripId }) => tripId)] as string[]})`;
    // The request, the acceptance, the batch.
    expect(row?.n).toBe(3);
  });

  it('R2 R3 of several that want the same rider or the same trip only the first gets it', async () => {
    const { riderId } = newTrip();
    const { tripId } = await searchingTrip(store);
    const [one, two] = [await openOffer(store, tripId), await openOffer(store, tripId)];
    const answers = await inOneBatch([
      requestOf(newTrip({ riderId })),
      answerOf('accept', one),
      requestOf(newTrip({ riderId })),
      answerOf('accept', two),
    ]);
    expect(answers.map((answer) => (answer.ok ? 'ok' : answer.code))).toEqual([
      'ok',
      'ok',
      'rider_busy',
      'offer_gone',
    ]);
    expect(valueOf(answers[1]!).closedOffers.map(({ offerId, status }) => [offerId, status])).toEqual([
      [one.offerId, 'accepted'],
      [two.offerId, 'withdrawn'],
    ]);
  });

  it('R5 a key twice is one command and its replay', async () => {
    const trip = newTrip();
    const request = requestOf(trip);
    const answers = await inOneBatch([request, requestOf(newTrip()), request]);
    expect(answers.map((answer) => valueOf(answer).replayed)).toEqual([false, false, true]);
    expect(await store.eventsOf(trip.tripId)).toHaveLength(1);
  });

  it('R2 whom a neighbour sets free may take the next, and the positions say so', async () => {
    const { trip, driverId } = await tripWithDriver(store);
    const next = await searchingTrip(store);
    const offer = offerOf(next.tripId, driverId);
    // As a replica might that does not know of the trip yet: the store opens no such offer.
    await sql`insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at)
      values (${offer.offerId}, ${next.tripId}, ${driverId}, 'live', 1, to_timestamp(0),
        to_timestamp(${offer.expiresMs / 1_000}))`;
    const answers = await inOneBatch([
      transitionOf('cancelled', trip.tripId, byRider(trip.riderId)),
      answerOf('accept', offer),
    ]);
    expect(answers.map((answer) => valueOf(answer).trip.status)).toEqual(['cancelled', 'to_pickup']);
    expect((await auditTrips(sql)).violations).toEqual([]);
  });

  it('R3 offers of a tick to one driver: the first is opened', async () => {
    const [one, two, three] = [
      await searchingTrip(store),
      await searchingTrip(store),
      await searchingTrip(store),
    ];
    const driverId = newDriver();
    const offers = [
      offerOf(one.tripId, driverId),
      offerOf(two.tripId, driverId),
      offerOf(three.tripId, newDriver()),
    ];
    const openings = await store.openOffers(offers);
    expect(openings.map((opening) => (opening.opened ? opening.offer.offerId : opening.why))).toEqual([
      offers[0]!.offerId,
      'driver_has_offer',
      offers[2]!.offerId,
    ]);
    expect(await store.openOffers(offers)).toEqual(openings);
  });
});
