import { describe, expect, it } from 'vitest';
import type { TripId } from '../../src/domain/ids.ts';
import type { TripStore } from '../../src/store/trip-store.ts';
import {
  answerOf,
  byDriver,
  byRider,
  bySystem,
  newDriver,
  newKey,
  newMarket,
  newOfferId,
  newRider,
  newTripId,
  offerOf,
  openOffer,
  rejectionOf,
  searchingTrip,
  START_MS,
  transitionOf,
  tripWithDriver,
  valueOf,
} from './town.ts';

/** The second half of what every TripStore must do: answers, rides, and what is kept beside them. */
const LINES = [
  { kind: 'base', amountMinor: 1_800 },
  { kind: 'toll', amountMinor: 75, about: 'bridge' },
] as const;

export function tripRideSuite(name: string, getStore: () => TripStore): void {
  describe(`${name}: answers to offers`, () => {
    it('R3 accept binds the driver, and withdraws the trip’s other offers', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const [mine, other] = [await openOffer(store, tripId), await openOffer(store, tripId)];
      const change = valueOf(await store.execute(answerOf('accept', mine)));
      const atMs = START_MS + 2_000;
      expect(change.trip).toMatchObject({ status: 'to_pickup', driverId: mine.driverId, version: 2 });
      expect(change.trip.acceptedMs).toBe(atMs);
      expect(change.event).toMatchObject({ seq: 2, kind: 'accepted', actorId: mine.driverId, atMs });
      expect(change.event?.detail).toEqual({ offerId: mine.offerId });
      expect(change.closedOffers).toEqual([
        { ...mine, status: 'accepted', answeredMs: atMs },
        { ...other, status: 'withdrawn', answeredMs: atMs },
      ]);
      expect(await store.activeTripOfDriver(mine.driverId)).toEqual(change.trip);
      expect(await store.liveOfferOfDriver(other.driverId)).toBeNull();
    });

    it('R3 a late answer gets offer_gone, with what became of the offer', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = await openOffer(store, tripId);
      const late = answerOf('accept', offer, { atMs: offer.expiresMs + 1 });
      expect(await store.execute(late)).toEqual(rejectionOf('offer_gone', 'expired'));
      valueOf(await store.execute(answerOf('decline', offer)));
      for (const kind of ['accept', 'decline'] as const) {
        expect(await store.execute(answerOf(kind, offer))).toEqual(rejectionOf('offer_gone', 'declined'));
      }
    });

    it('accepts at the very last millisecond', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = await openOffer(store, tripId);
      valueOf(await store.execute(answerOf('accept', offer, { atMs: offer.expiresMs })));
    });

    it('knows no offer of another driver, of no trip, or with a malformed id', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = await openOffer(store, tripId);
      for (const kind of ['accept', 'decline'] as const) {
        const wrong = [
          answerOf(kind, offer, { driverId: newDriver() }),
          answerOf(kind, { ...offer, offerId: newOfferId() }),
          answerOf(kind, { ...offer, offerId: 'no uuid' as typeof offer.offerId }),
        ];
        for (const command of wrong) {
          expect(await store.execute(command)).toEqual(rejectionOf('not_found'));
        }
      }
      expect(await store.liveOfferOfDriver(offer.driverId)).not.toBeNull();
    });

    it('R4 a decline changes the offer, not the trip', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = await openOffer(store, tripId);
      const change = valueOf(await store.execute(answerOf('decline', offer)));
      expect(change.event).toBeNull();
      expect(change.trip).toMatchObject({ status: 'searching', version: 1 });
      expect(change.closedOffers).toMatchObject([{ offerId: offer.offerId, status: 'declined' }]);
      expect(await store.eventsOf(tripId)).toHaveLength(1);
    });

    it('R3 of 50 concurrent accepts by 50 drivers exactly one wins', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offers = Array.from({ length: 50 }, () => offerOf(tripId, newDriver()));
      await store.openOffers(offers);
      const answers = await Promise.all(offers.map((offer) => store.execute(answerOf('accept', offer))));
      const winners = answers.filter((answer) => answer.ok);
      expect(winners).toHaveLength(1);
      for (const answer of answers) {
        if (!answer.ok) expect(answer).toEqual(rejectionOf('offer_gone', 'withdrawn'));
      }
      const won = await store.trip(tripId);
      expect(winners[0]?.value.trip).toEqual(won);
      const stored = await store.offersOf(tripId);
      expect(stored.filter((offer) => offer.status === 'accepted')).toHaveLength(1);
      expect(stored.filter((offer) => offer.status === 'withdrawn')).toHaveLength(49);
    });

    it('R9 a cancel and an accept at once: never both, never neither', async () => {
      const store = getStore();
      const rounds = Array.from({ length: 20 }, async (_, round) => {
        const { tripId, riderId } = await searchingTrip(store);
        const offer = await openOffer(store, tripId);
        const accept = () => store.execute(answerOf('accept', offer));
        const cancel = () => store.execute(transitionOf('cancelled', tripId, byRider(riderId)));
        const [first, second] = round % 2 === 0 ? [accept, cancel] : [cancel, accept];
        await Promise.all([first(), second()]);
        const kinds = (await store.eventsOf(tripId)).map((event) => event.kind);
        // A rider may cancel after the acceptance; nobody may accept after the cancellation.
        expect([
          ['requested', 'cancelled'],
          ['requested', 'accepted', 'cancelled'],
        ]).toContainEqual(kinds);
        expect((await store.trip(tripId))?.status).toBe('cancelled');
        expect(await store.activeTripOfDriver(offer.driverId)).toBeNull();
      });
      await Promise.all(rounds);
    });
  });

  describe(`${name}: transitions`, () => {
    it('R4 a whole ride: each step one version and one event, times and fare on the trip', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store);
      const step = async (...args: [Parameters<typeof transitionOf>[0], object]) =>
        valueOf(await store.execute(transitionOf(args[0], trip.tripId, byDriver(driverId), args[1])));
      await step('arrived', { atMs: START_MS + 60_000 });
      await step('started', { atMs: START_MS + 90_000, pin: trip.pin });
      const end = { atMs: START_MS + 600_000, distanceM: 4_321.5, fareLines: LINES };
      const done = await step('completed', end);
      expect(done.trip).toMatchObject({
        status: 'completed',
        version: 5,
        driverId,
        acceptedMs: START_MS + 2_000,
        arrivedMs: START_MS + 60_000,
        startedMs: START_MS + 90_000,
        endedMs: START_MS + 600_000,
        distanceM: 4_321.5,
        fareMinor: 1_875,
        fareLines: LINES,
        endedBy: 'driver',
        endReason: null,
      });
      const events = await store.eventsOf(trip.tripId);
      expect(events.map(({ seq, kind, status }) => [seq, kind, status])).toEqual([
        [1, 'requested', 'searching'],
        [2, 'accepted', 'to_pickup'],
        [3, 'arrived', 'at_pickup'],
        [4, 'started', 'on_trip'],
        [5, 'completed', 'completed'],
      ]);
      expect(events[4]?.detail).toEqual({ distanceM: 4_321.5, fareMinor: 1_875 });
      expect(await store.activeTripOfDriver(driverId)).toBeNull();
      expect(await store.activeTripOfRider(trip.riderId)).toBeNull();
    });

    it('R4 refuses every step that the table does not allow', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store);
      const attempt = (event: Parameters<typeof transitionOf>[0], by: Parameters<typeof transitionOf>[2]) =>
        store.execute(transitionOf(event, trip.tripId, by, { pin: trip.pin }));
      for (const event of ['started', 'completed', 'no_show'] as const) {
        expect(await attempt(event, byDriver(driverId))).toEqual(rejectionOf('wrong_state', 'to_pickup'));
      }
      expect(await attempt('expired', bySystem)).toEqual(rejectionOf('wrong_state', 'to_pickup'));
      expect(await attempt('arrived', byRider(trip.riderId))).toEqual(rejectionOf('forbidden'));
      expect(await attempt('cancelled', bySystem)).toEqual(rejectionOf('forbidden'));
      expect(await store.eventsOf(trip.tripId)).toHaveLength(2);
    });

    it('knows no trip of somebody else, and none with an unknown or malformed id', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store);
      const wrong = [
        transitionOf('arrived', trip.tripId, byDriver(newDriver())),
        transitionOf('cancelled', trip.tripId, byRider(newRider())),
        transitionOf('arrived', trip.tripId, { actor: 'driver', actorId: null }),
        transitionOf('arrived', newTripId(), byDriver(driverId)),
        transitionOf('arrived', 'no uuid' as TripId, byDriver(driverId)),
        transitionOf('cancelled', newTripId(), { actor: 'operator', actorId: 'op-1' }),
      ];
      for (const command of wrong) expect(await store.execute(command)).toEqual(rejectionOf('not_found'));
      expect(await store.trip('no uuid' as TripId)).toBeNull();
      expect((await store.trip(trip.tripId))?.version).toBe(2);
    });

    it('starts only with the right PIN; R5 the wrong one is the answer of its key', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store, ['arrived']);
      const start = (over: object) => transitionOf('started', trip.tripId, byDriver(driverId), over);
      const key = newKey(driverId);
      expect(await store.execute(start({ key, pin: '9999' }))).toEqual(rejectionOf('wrong_pin'));
      expect(await store.execute(start({}))).toEqual(rejectionOf('wrong_pin'));
      expect(await store.execute(start({ key, pin: trip.pin }))).toEqual(rejectionOf('wrong_pin'));
      expect(valueOf(await store.execute(start({ pin: trip.pin }))).trip.status).toBe('on_trip');
    });

    it('a no-show is refused too early, and R5 that "not yet" is not kept under the key', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store, ['arrived']);
      const arrivedMs = START_MS + 3_000;
      const key = newKey(driverId);
      const noShow = (arrivedBeforeMs: number) =>
        transitionOf('no_show', trip.tripId, byDriver(driverId), { key, arrivedBeforeMs });
      expect(await store.execute(noShow(arrivedMs - 1))).toEqual(rejectionOf('too_early'));
      const change = valueOf(await store.execute(noShow(arrivedMs)));
      expect(change.trip).toMatchObject({ status: 'cancelled', endedBy: 'driver', endReason: 'no_show' });
      expect(change.event?.kind).toBe('no_show');
    });

    it('R9 a released trip searches again without its driver, who is excluded', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store, ['arrived']);
      const release = transitionOf('released', trip.tripId, byDriver(driverId), { reason: 'flat tyre' });
      const change = valueOf(await store.execute(release));
      expect(change.trip).toMatchObject({
        status: 'searching',
        version: 4,
        driverId: null,
        acceptedMs: null,
        arrivedMs: null,
        endReason: null,
      });
      expect(change.event?.detail).toEqual({ reason: 'flat tyre', driverId });
      expect(await store.activeTripOfDriver(driverId)).toBeNull();
      const next = await openOffer(store, trip.tripId);
      expect(valueOf(await store.execute(answerOf('accept', next))).trip.driverId).toBe(next.driverId);
    });

    it('R1 every end is final, and withdraws the live offers', async () => {
      const store = getStore();
      const ends = [
        { event: 'expired', by: () => bySystem },
        { event: 'cancelled', by: byRider },
        { event: 'cancelled', by: () => ({ actor: 'operator', actorId: 'op-1' }) as const },
      ] as const;
      for (const { event, by } of ends) {
        const { tripId, riderId } = await searchingTrip(store);
        const [one, two] = [await openOffer(store, tripId), await openOffer(store, tripId)];
        const change = valueOf(await store.execute(transitionOf(event, tripId, by(riderId))));
        expect(change.closedOffers.map(({ offerId, status }) => [offerId, status])).toEqual([
          [one.offerId, 'withdrawn'],
          [two.offerId, 'withdrawn'],
        ]);
        const late = await store.execute(answerOf('accept', one));
        expect(late).toEqual(rejectionOf('offer_gone', 'withdrawn'));
        const again = await store.execute(transitionOf('cancelled', tripId, byRider(riderId)));
        expect(again).toEqual(rejectionOf('wrong_state', change.trip.status));
        expect(await store.eventsOf(tripId)).toHaveLength(2);
      }
    });

    it('cancels on the way with distance, fare and a reason cut and cleaned', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store, ['arrived', 'started']);
      const reason = `a\0b\ud800${'x'.repeat(300)}`;
      const over = {
        distanceM: 10,
        fareLines: [{ kind: 'cancellation', amountMinor: 500 } as const],
        reason,
      };
      const cancel = transitionOf('cancelled', trip.tripId, byRider(trip.riderId), over);
      const { trip: ended } = valueOf(await store.execute(cancel));
      expect(ended).toMatchObject({ status: 'cancelled', driverId, endedBy: 'rider', fareMinor: 500 });
      expect(ended.endReason).toBe(`ab\ufffd${'x'.repeat(197)}`);
    });

    it('nobody owes a fee for a trip that no driver was bound to when it ended', async () => {
      const store = getStore();
      const { tripId, riderId } = await searchingTrip(store);
      const over = { fareLines: [{ kind: 'cancellation', amountMinor: 500 } as const] };
      const cancel = transitionOf('cancelled', tripId, byRider(riderId), over);
      const { trip, event } = valueOf(await store.execute(cancel));
      expect(trip).toMatchObject({ status: 'cancelled', fareMinor: null, fareLines: null });
      expect(event?.detail).toEqual({});
    });

    it('R4 of 20 concurrent identical steps exactly one happens', async () => {
      const store = getStore();
      const { trip, driverId } = await tripWithDriver(store);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          store.execute(transitionOf('arrived', trip.tripId, byDriver(driverId))),
        ),
      );
      expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
      const seqs = (await store.eventsOf(trip.tripId)).map((event) => event.seq);
      expect(seqs).toEqual([1, 2, 3]);
    });
  });

  describe(`${name}: what is taken up again`, () => {
    it('R12 lists a market’s searching trips, oldest first, with excluded drivers and live offers', async () => {
      const store = getStore();
      const marketId = newMarket();
      const young = await searchingTrip(store, { marketId, requestedMs: START_MS + 5_000 });
      const old = await searchingTrip(store, { marketId });
      const gone = await searchingTrip(store, { marketId });
      valueOf(await store.execute(transitionOf('cancelled', gone.tripId, byRider(gone.riderId))));
      await searchingTrip(store, { marketId: newMarket() });
      const declined = await openOffer(store, old.tripId);
      valueOf(await store.execute(answerOf('decline', declined)));
      const live = await openOffer(store, old.tripId);
      const found = await store.searchingTrips(marketId, 10);
      expect(found.map(({ trip }) => trip.tripId)).toEqual([old.tripId, young.tripId]);
      expect(found[0]?.excluded).toEqual([declined.driverId]);
      expect(found[0]?.liveOffers.map((offer) => offer.offerId)).toEqual([live.offerId]);
      expect(found[1]).toMatchObject({ excluded: [], liveOffers: [] });
      expect(await store.searchingTrips(marketId, 1)).toHaveLength(1);
    });

    it('lists a market’s trips with a driver', async () => {
      const store = getStore();
      const marketId = newMarket();
      const trip = await searchingTrip(store, { marketId });
      expect(await store.tripsWithDriver(marketId, 10)).toEqual([]);
      const offer = await openOffer(store, trip.tripId);
      const change = valueOf(await store.execute(answerOf('accept', offer)));
      expect(await store.tripsWithDriver(marketId, 10)).toEqual([change.trip]);
    });

    it('keeps a driver’s last duty, and lets no overtaken announcement win', async () => {
      const store = getStore();
      const [driverId, marketId] = [newDriver(), newMarket()];
      const duty = {
        driverId,
        marketId,
        vehicle: { vehicleClass: 'xl', seats: 6 },
        onDuty: true,
        sinceMs: START_MS,
      } as const;
      expect(await store.dutyOf(driverId)).toBeNull();
      await store.setDuty(duty);
      expect(await store.driversOnDuty(marketId, 10)).toEqual([duty]);
      const off = { ...duty, onDuty: false, sinceMs: START_MS + 10 };
      await store.setDuty(off);
      await store.setDuty({ ...duty, sinceMs: START_MS + 5 });
      expect(await store.dutyOf(driverId)).toEqual(off);
      expect(await store.driversOnDuty(marketId, 10)).toEqual([]);
    });
  });

  describe(`${name}: beside the trip`, () => {
    it('keeps decisions in order', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const decisions = [1, 2, 3].map((n) => ({
        tripId,
        atMs: START_MS + n,
        body: { n, costs: [1.5, null], why: { far: true } },
      }));
      await store.recordDecisions(decisions.slice(0, 2));
      await store.recordDecisions(decisions.slice(2));
      await store.recordDecisions([]);
      expect(await store.decisionsOf(tripId)).toEqual(decisions);
    });

    it('keeps a path in order of time, a repeated point once, a point of no trip never', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const point = (n: number, id = tripId) => ({
        tripId: id,
        atMs: START_MS + n * 1_000,
        lat: 37.77 + n / 1e4,
        lng: -122.41,
        speedMps: n === 2 ? null : 8.25,
      });
      const stranger = newTripId();
      await store.appendPath([point(3), point(1), point(1), point(0, stranger)]);
      await store.appendPath([point(2), { ...point(3), lat: 0 }]);
      await store.appendPath([]);
      expect(await store.pathOf(tripId)).toEqual([point(1), point(2), point(3)]);
      expect(await store.pathOf(stranger)).toEqual([]);
    });
  });
}
