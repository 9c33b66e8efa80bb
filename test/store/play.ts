import fc from 'fast-check';
import type { DriverId, MarketId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { NewOffer, PlainTransition, TripCommand, TripStore } from '../../src/store/trip-store.ts';
import {
  answerOf,
  newDriver,
  newMarket,
  newRider,
  newTrip,
  newTripId,
  offerOf,
  requestOf,
  START_MS,
  transitionOf,
} from './town.ts';

/** One move of the random play; the numbers pick among what exists by then. */
export type Move =
  | { do: 'request'; rider: number }
  | { do: 'open'; offers: { trip: number; driver: number }[] }
  | { do: 'close'; offer: number; status: 'timed_out' | 'withdrawn' }
  | { do: 'answer'; kind: 'accept' | 'decline'; offer: number; stranger: boolean; late: boolean }
  | {
      do: 'transition';
      event: PlainTransition;
      trip: number;
      actor: 'own driver' | 'own rider' | 'a driver' | 'operator' | 'system';
      rightPin: boolean;
      waited: boolean;
    }
  /** The next step of a ride that goes well. */
  | { do: 'onward'; trip: number }
  | { do: 'repeat'; command: number; changed: boolean };

const index = fc.nat(11);
const EVENTS: PlainTransition[] = [
  ...(['arrived', 'arrived', 'arrived', 'started', 'started', 'started', 'completed', 'completed'] as const),
  ...(['released', 'cancelled', 'no_show', 'no_show', 'expired'] as const),
];
// A ride needs a run of luck, so what carries one on is more likely than what breaks it off.
export const anyMove: fc.Arbitrary<Move> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('request' as const), rider: index }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('open' as const),
      offers: fc.array(fc.record({ trip: index, driver: index }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('close' as const),
      offer: index,
      status: fc.constantFrom('timed_out' as const, 'withdrawn' as const),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      kind: fc.constantFrom('accept' as const, 'accept' as const, 'decline' as const),
      offer: index,
      stranger: fc.boolean(),
      late: fc.nat(9).map((n) => n === 0),
    }),
  },
  {
    weight: 10,
    arbitrary: fc.record({
      do: fc.constant('transition' as const),
      event: fc.constantFrom(...EVENTS),
      trip: index,
      actor: fc.constantFrom(
        ...(['own driver', 'own driver', 'own driver', 'own driver', 'own driver', 'own driver'] as const),
        ...(['own rider', 'a driver', 'operator', 'system'] as const),
      ),
      rightPin: fc.nat(4).map((n) => n > 0),
      waited: fc.boolean(),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('onward' as const), trip: index }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('repeat' as const), command: index, changed: fc.boolean() }),
  },
);

/** A small town, so that riders, drivers, trips and keys meet again and again. */
export class Play {
  readonly riders: RiderId[] = Array.from({ length: 3 }, newRider);
  readonly drivers: DriverId[] = Array.from({ length: 4 }, newDriver);
  readonly marketId: MarketId = newMarket();
  readonly trips: TripId[] = [newTripId()];
  readonly offers: NewOffer[] = [];
  readonly commands: TripCommand[] = [];
  #nowMs = START_MS;

  /** Makes the move on every store; answers what each answered. `oracle` tells who drives a trip now. */
  async make(played: Move, stores: readonly TripStore[], oracle: TripStore): Promise<unknown[]> {
    this.#nowMs += 1_000;
    if (played.do === 'open') {
      const tripIds = await Promise.all(played.offers.map((one) => this.#tripId(one.trip, oracle)));
      const offers = played.offers.map((one, at) =>
        offerOf(tripIds[at] ?? newTripId(), pick(this.drivers, one.driver), { offeredMs: this.#nowMs }),
      );
      this.offers.push(...offers);
      return Promise.all(stores.map((store) => store.openOffers(offers)));
    }
    if (played.do === 'close') {
      if (this.offers.length === 0) return [];
      const { offerId } = pick(this.offers, played.offer);
      const closing = { offerId, status: played.status, atMs: this.#nowMs };
      return Promise.all(stores.map((store) => store.closeOffers([closing])));
    }
    const command = await this.#command(played, oracle);
    if (command === null) return [];
    this.commands.push(command);
    return Promise.all(stores.map((store) => store.execute(command)));
  }

  /** The commands of these moves, to be given together: each is thought of before any of them happens. */
  async together(moves: readonly Move[], oracle: TripStore): Promise<TripCommand[]> {
    this.#nowMs += 1_000;
    const commands: TripCommand[] = [];
    for (const played of moves) {
      if (played.do === 'open' || played.do === 'close') continue;
      const command = await this.#command(played, oracle);
      if (command !== null) commands.push(command);
    }
    this.commands.push(...commands);
    return commands;
  }

  /** Mostly the trip that a rider has now, else one that has ended or never was. */
  async #tripId(number: number, oracle: TripStore): Promise<TripId> {
    const active = number < 10 ? await oracle.activeTripOfRider(pick(this.riders, number)) : null;
    return active?.tripId ?? pick(this.trips, number);
  }

  async #command(played: Exclude<Move, { do: 'open' | 'close' }>, oracle: TripStore) {
    const atMs = this.#nowMs;
    switch (played.do) {
      case 'request': {
        const { marketId } = this;
        const trip = newTrip({ riderId: pick(this.riders, played.rider), marketId, requestedMs: atMs });
        this.trips.push(trip.tripId);
        return requestOf(trip);
      }
      case 'answer': {
        if (this.offers.length === 0) return null;
        const offer = pick(this.offers, played.offer);
        const driverId = played.stranger && played.offer % 3 === 0 ? pick(this.drivers, 0) : offer.driverId;
        return answerOf(played.kind, offer, { driverId, atMs: played.late ? offer.expiresMs + 1 : atMs });
      }
      case 'transition': {
        const tripId = await this.#tripId(played.trip, oracle);
        const by = await this.#actor(played.actor, tripId, oracle);
        const pin = played.rightPin ? '0417' : '0000';
        const arrivedBeforeMs = played.waited ? atMs : START_MS;
        return transitionOf(played.event, tripId, by, {
          atMs,
          pin,
          arrivedBeforeMs,
          fareLines: [{ kind: 'base', amountMinor: 700 }],
        });
      }
      case 'onward': {
        const tripId = await this.#tripId(played.trip, oracle);
        const trip = await oracle.trip(tripId);
        const by = await this.#actor('own driver', tripId, oracle);
        const next = { to_pickup: 'arrived', at_pickup: 'started', on_trip: 'completed' } as const;
        const event = Object.entries(next).find(([status]) => status === trip?.status)?.[1] ?? 'arrived';
        return transitionOf(event, tripId, by, { atMs, pin: '0417', distanceM: 1_000.5 });
      }
      case 'repeat': {
        const command = this.commands.length === 0 ? null : pick(this.commands, played.command);
        if (command === null || command.key === null || !played.changed) return command;
        return { ...command, key: { ...command.key, fingerprint: 'another' } } as TripCommand;
      }
    }
  }

  async #actor(actor: Extract<Move, { do: 'transition' }>['actor'], tripId: TripId, oracle: TripStore) {
    const trip = await oracle.trip(tripId);
    switch (actor) {
      case 'own driver':
        return { actor: 'driver', actorId: trip?.driverId ?? pick(this.drivers, 0) } as const;
      case 'own rider':
        return { actor: 'rider', actorId: trip?.riderId ?? pick(this.riders, 0) } as const;
      case 'a driver':
        return { actor: 'driver', actorId: pick(this.drivers, 1) } as const;
      case 'operator':
        return { actor: 'operator', actorId: 'operator-1' } as const;
      case 'system':
        return { actor: 'system', actorId: null } as const;
    }
  }

  /** Everything a store can be asked about this town. */
  async observe(store: TripStore): Promise<unknown> {
    return {
      trips: await Promise.all(this.trips.map((tripId) => store.trip(tripId))),
      events: await Promise.all(this.trips.map((tripId) => store.eventsOf(tripId))),
      offers: await Promise.all(this.trips.map((tripId) => store.offersOf(tripId))),
      riders: await Promise.all(this.riders.map((riderId) => store.activeTripOfRider(riderId))),
      drivers: await Promise.all(this.drivers.map((driverId) => store.activeTripOfDriver(driverId))),
      live: await Promise.all(this.drivers.map((driverId) => store.liveOfferOfDriver(driverId))),
      searching: await store.searchingTrips(this.marketId, 100),
      driven: await store.tripsWithDriver(this.marketId, 100),
    };
  }
}

/** One of the newest four: an old trip has ended, and more moves on it tell little. */
export function pick<T>(from: readonly T[], number: number): T {
  const picked = from.at(-1 - (number % Math.min(4, from.length)));
  if (picked === undefined) throw new Error('nothing to pick from');
  return picked;
}
