import type { Result } from '../../domain/rejection.ts';
import type { Offer } from '../../domain/offer.ts';
import type {
  Duty,
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
  dutySet(duty: Duty): void;
}

/** A trip store over a line that is slow and fails; calls may overtake one another, as they do over a pool of connections. */
export function createUnreliableStore(
  inner: TripStore,
  calls: UnreliableCalls,
  watch: StoreWatch,
): TripStore {
  const over = <T>(perform: () => Promise<T>): Promise<T> => calls.call(perform);
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
    trip: (...args) => over(() => inner.trip(...args)),
    activeTripOfRider: (...args) => over(() => inner.activeTripOfRider(...args)),
    activeTripOfDriver: (...args) => over(() => inner.activeTripOfDriver(...args)),
    liveOfferOfDriver: (...args) => over(() => inner.liveOfferOfDriver(...args)),
    searchingTrips: (...args) => over(() => inner.searchingTrips(...args)),
    tripsWithDriver: (...args) => over(() => inner.tripsWithDriver(...args)),
    eventsOf: (...args) => over(() => inner.eventsOf(...args)),
    offersOf: (...args) => over(() => inner.offersOf(...args)),
    recordDecisions: (...args) => over(() => inner.recordDecisions(...args)),
    decisionsOf: (...args) => over(() => inner.decisionsOf(...args)),
    appendPath: (...args) => over(() => inner.appendPath(...args)),
    pathOf: (...args) => over(() => inner.pathOf(...args)),
    setDuty: (duty) =>
      calls.call(async () => {
        await inner.setDuty(duty);
        watch.dutySet(duty);
      }),
    dutyOf: (...args) => over(() => inner.dutyOf(...args)),
    driversOnDuty: (...args) => over(() => inner.driversOnDuty(...args)),
  };
}
