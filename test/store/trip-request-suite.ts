import { describe, expect, it } from 'vitest';
import type { TripStore } from '../../src/store/trip-store.ts';
import {
  answerOf,
  byDriver,
  byRider,
  newDriver,
  newKey,
  newOfferId,
  newRider,
  newTrip,
  newTripId,
  offerOf,
  openOffer,
  rejectionOf,
  requestOf,
  searchingTrip,
  START_MS,
  transitionOf,
  tripWithDriver,
  valueOf,
} from './town.ts';

/** The first half of what every TripStore must do: requests, keys, offers. `getStore` answers the one under test. */
export function tripRequestSuite(name: string, getStore: () => TripStore): void {
  describe(`${name}: requests`, () => {
    it('R1 stores a request as a searching trip with its first event', async () => {
      const store = getStore();
      const trip = newTrip();
      const change = valueOf(await store.execute(requestOf(trip)));
      const stored = {
        ...trip,
        driverId: null,
        status: 'searching',
        version: 1,
        acceptedMs: null,
        arrivedMs: null,
        startedMs: null,
        endedMs: null,
        distanceM: null,
        fareMinor: null,
        fareLines: null,
        endedBy: null,
        endReason: null,
      };
      const event = {
        tripId: trip.tripId,
        seq: 1,
        kind: 'requested',
        status: 'searching',
        actor: 'rider',
        actorId: trip.riderId,
        atMs: START_MS,
        detail: {},
      };
      expect(change).toEqual({ trip: stored, event, closedOffers: [], replayed: false });
      expect(await store.trip(trip.tripId)).toEqual(stored);
      expect(await store.activeTripOfRider(trip.riderId)).toEqual(stored);
      expect(await store.eventsOf(trip.tripId)).toEqual([event]);
    });

    it('R2 refuses a second active trip of a rider, and takes one after the first has ended', async () => {
      const store = getStore();
      const { riderId, tripId } = await searchingTrip(store);
      const second = newTrip({ riderId });
      expect(await store.execute(requestOf(second))).toEqual(rejectionOf('rider_busy'));
      expect(await store.trip(second.tripId)).toBeNull();
      valueOf(await store.execute(transitionOf('cancelled', tripId, byRider(riderId))));
      expect(await store.activeTripOfRider(riderId)).toBeNull();
      valueOf(await store.execute(requestOf(newTrip({ riderId }))));
    });

    it('R2 of 20 concurrent requests by one rider lets exactly one in', async () => {
      const store = getStore();
      const riderId = newRider();
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => store.execute(requestOf(newTrip({ riderId })))),
      );
      expect(answers.filter((answer) => answer.ok)).toHaveLength(1);
      expect(answers.filter((answer) => !answer.ok && answer.code === 'rider_busy')).toHaveLength(19);
    });
  });

  describe(`${name}: keys`, () => {
    it('R5 answers a repeated key with the first answer, whatever has happened since', async () => {
      const store = getStore();
      const trip = newTrip();
      const command = requestOf(trip);
      const first = valueOf(await store.execute(command));
      valueOf(await store.execute(transitionOf('cancelled', trip.tripId, byRider(trip.riderId))));
      expect(valueOf(await store.execute(command))).toEqual({ ...first, replayed: true });
      expect(await store.eventsOf(trip.tripId)).toHaveLength(2);
    });

    it('R5 answers a repeated request for another trip id with the first trip', async () => {
      const store = getStore();
      const trip = newTrip();
      const key = newKey(trip.riderId);
      const first = valueOf(await store.execute(requestOf(trip, key)));
      const again = valueOf(await store.execute(requestOf({ ...trip, tripId: newTripId() }, key)));
      expect(again).toEqual({ ...first, replayed: true });
    });

    it('R5 repeats a rejection too, even when it would succeed by now', async () => {
      const store = getStore();
      const { riderId, tripId } = await searchingTrip(store);
      const command = requestOf(newTrip({ riderId }));
      expect(await store.execute(command)).toEqual(rejectionOf('rider_busy'));
      valueOf(await store.execute(transitionOf('cancelled', tripId, byRider(riderId))));
      expect(await store.execute(command)).toEqual(rejectionOf('rider_busy'));
      expect(await store.activeTripOfRider(riderId)).toBeNull();
    });

    it('R5 refuses a key used for another content, and keeps the accounts apart', async () => {
      const store = getStore();
      const trip = newTrip();
      const key = newKey(trip.riderId);
      valueOf(await store.execute(requestOf(trip, key)));
      const other = { ...key, fingerprint: 'another' };
      expect(await store.execute(requestOf(newTrip(), other))).toEqual(rejectionOf('key_reused'));
      const neighbour = newTrip();
      valueOf(await store.execute(requestOf(neighbour, { ...other, accountId: neighbour.riderId })));
    });

    it('R5 the same key 20 times at once happens once', async () => {
      const store = getStore();
      const trip = newTrip();
      const key = newKey(trip.riderId);
      const changes = await Promise.all(
        Array.from({ length: 20 }, async () =>
          valueOf(await store.execute(requestOf({ ...trip, tripId: newTripId() }, key))),
        ),
      );
      expect(changes.filter((change) => !change.replayed)).toHaveLength(1);
      expect(new Set(changes.map((change) => change.trip.tripId)).size).toBe(1);
    });
  });

  describe(`${name}: offers`, () => {
    it('opens an offer, and it is its driver’s live one', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = offerOf(tripId, newDriver());
      const live = { ...offer, status: 'live', answeredMs: null };
      expect(await store.openOffers([offer])).toEqual([{ opened: true, offer: live }]);
      expect(await store.liveOfferOfDriver(offer.driverId)).toEqual(live);
      expect(await store.offersOf(tripId)).toEqual([live]);
    });

    it('R3 refuses a second live offer of a driver, in the same tick or a later one', async () => {
      const store = getStore();
      const [one, two] = [await searchingTrip(store), await searchingTrip(store)];
      const driverId = newDriver();
      const offers = [offerOf(one.tripId, driverId), offerOf(two.tripId, driverId)] as const;
      const openings = await store.openOffers(offers);
      expect(openings[0]).toMatchObject({ opened: true });
      const refused = { opened: false, offerId: offers[1].offerId, why: 'driver_has_offer' };
      expect(openings[1]).toEqual(refused);
      expect(await store.openOffers([offers[1]])).toEqual([refused]);
    });

    it('R3 of 20 concurrent offers to one driver opens exactly one', async () => {
      const store = getStore();
      const driverId = newDriver();
      const trips = await Promise.all(Array.from({ length: 20 }, () => searchingTrip(store)));
      const openings = await Promise.all(
        trips.map(({ tripId }) => store.openOffers([offerOf(tripId, driverId)])),
      );
      expect(openings.flat().filter((opening) => opening.opened)).toHaveLength(1);
    });

    it('R2 refuses an offer to a driver who has an active trip', async () => {
      const store = getStore();
      const { driverId } = await tripWithDriver(store, ['arrived']);
      const { tripId } = await searchingTrip(store);
      expect(await store.openOffers([offerOf(tripId, driverId)])).toMatchObject([
        { opened: false, why: 'driver_busy' },
      ]);
    });

    it('R9 refuses an offer of a trip that is not searching, or unknown', async () => {
      const store = getStore();
      const { riderId, tripId } = await searchingTrip(store);
      valueOf(await store.execute(transitionOf('cancelled', tripId, byRider(riderId))));
      const openings = await store.openOffers([
        offerOf(tripId, newDriver()),
        offerOf(newTripId(), newDriver()),
      ]);
      expect(openings.map((opening) => (opening.opened ? null : opening.why))).toEqual([
        'trip_not_searching',
        'trip_not_searching',
      ]);
    });

    it('R9 never offers a trip again to a driver who declined it, let it time out or gave it up', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const declined = await openOffer(store, tripId);
      valueOf(await store.execute(answerOf('decline', declined)));
      const silent = await openOffer(store, tripId);
      await store.closeOffers([{ offerId: silent.offerId, status: 'timed_out', atMs: START_MS + 16_000 }]);
      const released = await openOffer(store, tripId);
      valueOf(await store.execute(answerOf('accept', released)));
      valueOf(await store.execute(transitionOf('released', tripId, byDriver(released.driverId))));
      const drivers = [declined, silent, released].map((offer) => offer.driverId);
      for (const driverId of drivers) {
        expect(await store.openOffers([offerOf(tripId, driverId)])).toMatchObject([
          { opened: false, why: 'driver_excluded' },
        ]);
      }
      const withdrawn = await openOffer(store, tripId);
      await store.closeOffers([{ offerId: withdrawn.offerId, status: 'withdrawn', atMs: START_MS + 17_000 }]);
      await openOffer(store, tripId, { driverId: withdrawn.driverId });
    });

    it('answers an opening repeated with the same offer', async () => {
      const store = getStore();
      const { tripId } = await searchingTrip(store);
      const offer = offerOf(tripId, newDriver());
      const first = await store.openOffers([offer]);
      expect(await store.openOffers([offer])).toEqual(first);
      expect(await store.offersOf(tripId)).toHaveLength(1);
    });

    it('closes live offers only, and says what became of the others', async () => {
      const store = getStore();
      const { trip, offer: accepted } = await tripWithDriver(store);
      const other = await searchingTrip(store);
      const live = await openOffer(store, other.tripId);
      const atMs = START_MS + 20_000;
      const closed = await store.closeOffers([
        { offerId: accepted.offerId, status: 'timed_out', atMs },
        { offerId: newOfferId(), status: 'timed_out', atMs },
        { offerId: live.offerId, status: 'timed_out', atMs },
      ]);
      expect(closed).toEqual([
        { ...accepted, status: 'accepted', answeredMs: START_MS + 2_000 },
        { ...live, status: 'timed_out', answeredMs: atMs },
      ]);
      expect(await store.liveOfferOfDriver(live.driverId)).toBeNull();
      expect((await store.trip(trip.tripId))?.status).toBe('to_pickup');
    });
  });
}
