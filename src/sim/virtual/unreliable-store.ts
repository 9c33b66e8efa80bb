import type { Result } from '../../domain/rejection.ts';
import type { Offer } from '../../domain/offer.ts';
import type {
  NewOffer,
  OfferClosing,
  OfferOpening,
  TripChange,
  TripCommand,
  TripStore,
} from '../../store/trip-store.ts';
import type { UnreliableCalls } from './unreliable-call.ts';

/** Told of every change of the store, in the moment it happens and before anybody has the answer. */
export interface StoreWatch {
  executed(command: TripCommand, result: Result<TripChange>): void;
  offersOpened(offers: readonly NewOffer[], openings: readonly OfferOpening[]): void;
  offersClosed(closings: readonly OfferClosing[], closed: readonly Offer[]): void;
}

/** A trip store over a line that is slow and fails; calls may overtake one another, as they do over a pool of connections. */
export function createUnreliableStore(inner: TripStore, calls: UnreliableCalls, watch: StoreWatch): TripStore {
  const over =
    <A extends unknown[], T>(method: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      calls.call(() => method.apply(inner, args));
  return {
    execute: (command) =>
      calls.call(async () => {
        const result = await inner.execute(command);
        watch.executed(command, result);
        return result;
      }),
    openOffers: (offers) =>
      calls.call(async () => {
        const openings = await inner.openOffers(offers);
        watch.offersOpened(offers, openings);
        return openings;
      }),
    closeOffers: (closings) =>
      calls.call(async () => {
        const closed = await inner.closeOffers(closings);
        watch.offersClosed(closings, closed);
        return closed;
      }),
    trip: over(inner.trip),
    activeTripOfRider: over(inner.activeTripOfRider),
    activeTripOfDriver: over(inner.activeTripOfDriver),
    liveOfferOfDriver: over(inner.liveOfferOfDriver),
    searchingTrips: over(inner.searchingTrips),
    tripsWithDriver: over(inner.tripsWithDriver),
    eventsOf: over(inner.eventsOf),
    offersOf: over(inner.offersOf),
    recordDecisions: over(inner.recordDecisions),
    decisionsOf: over(inner.decisionsOf),
    appendPath: over(inner.appendPath),
    pathOf: over(inner.pathOf),
    setDuty: over(inner.setDuty),
    dutyOf: over(inner.dutyOf),
    driversOnDuty: over(inner.driversOnDuty),
  };
}
