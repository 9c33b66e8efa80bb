import type { DriverId, ReplicaId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import { hasDriver, type Trip } from '../domain/trip.ts';
import { unreachable } from '../lib/assert.ts';
import type { Dispatcher } from './dispatcher.ts';
import { statusInput, type DispatchInput } from './dispatch-input.ts';
import type { Engine } from './engine.ts';
import type { News } from './peers.ts';
import { offerView } from './trip-view.ts';

type TripChanged = Extract<News, { kind: 'trip_changed' }>;

/**
 * What follows here from what has been stored, whoever stored it: the matcher learns it, and accounts that are seated here are
 * told (R6). `from`: the replica that tells, null = this one. News may come late, twice, out of order or never.
 */
export function learn(engine: Engine, news: News, from: ReplicaId | null): void {
  switch (news.kind) {
    case 'trip_changed':
      if (from !== null) doubtBound(engine, news.change.trip);
      return learnTrip(engine, news);
    case 'trip_found':
      if (from !== null) doubtBound(engine, news.trip);
      return learnFound(engine, news);
    case 'offer_opened':
      return learnOpened(engine, news.offer, news.trip, from);
    case 'offers_closed':
      for (const offer of news.offers) learnClosed(engine, offer);
      return;
    case 'off_duty':
      return learnOffDuty(engine, news.driverId, from);
    case 'driver_seated':
      if (from === null || !engine.seats.yieldDriver(news.driverId, news.atMs, engine.clock.nowMs())) return;
      return letDriverGo(engine, news.driverId);
    case 'rider_seated':
      if (from === null || !engine.seats.yieldRider(news.riderId, news.atMs, engine.clock.nowMs())) return;
      return engine.announcer.dropRider(news.riderId);
    case 'driver_followed':
      if (from !== null) engine.active.follow(news.driverId, news.tripId, from);
      return;
    default:
      return unreachable(news);
  }
}

/**
 * What binds a driver who is seated here is mostly stored here. Told by another replica, it may be so late that the driver has moved
 * here since, and the news of the trip's end may have been lost before: so it is looked up.
 */
function doubtBound({ seats, doubts }: Engine, { tripId, driverId, status }: Trip): void {
  if (driverId !== null && hasDriver(status) && seats.hasDriver(driverId))
    doubts.add({ tripId, driverId, isTold: true });
}

function learnTrip(engine: Engine, { change, driverId }: TripChanged): void {
  const { trip, closedOffers, event } = change;
  const dispatcher = engine.markets.get(trip.marketId)?.dispatcher;
  const inputs: DispatchInput[] = closedOffers.map((offer) => ({ kind: 'offer_closed', offer }));
  if (event?.kind === 'requested') {
    if (dispatcher?.isOurs(trip) === true) dispatcher.asked(trip.tripId);
    inputs.push({ kind: 'request_opened', trip, excluded: [], sinceMs: trip.requestedMs });
  } else if (event?.kind === 'released' && driverId !== null) {
    engine.active.release(driverId, trip);
    inputs.push(statusInput(driverId, trip));
    const sinceMs = engine.clock.nowMs();
    inputs.push({ kind: 'request_opened', trip, excluded: [driverId], sinceMs });
  } else if (event !== null) {
    if (trip.status !== 'searching') inputs.push({ kind: 'request_closed', tripId: trip.tripId });
    if (trip.driverId !== null) {
      engine.active.update(trip);
      inputs.push(statusInput(trip.driverId, trip));
    }
  }
  dispatcher?.input(...inputs);
  for (const offer of closedOffers) announceClosed(engine, offer);
  // Who asked has the answer; should the news of the trip's end be lost, it is to be looked up.
  if (event?.kind === 'requested') return engine.seatedTrips.note(trip);
  if (event === null) return;
  tell(engine, trip);
  if (event.kind === 'released' && driverId !== null)
    engine.announcer.toDriver(driverId, { t: 'duty', status: 'available' });
}

/**
 * The same as from its change, as far as it is still news. A searching trip that is not known is for the sweep, which knows who is
 * ruled out.
 */
function learnFound(engine: Engine, { trip, driverId }: Extract<News, { kind: 'trip_found' }>): void {
  const inputs: DispatchInput[] = [];
  if (driverId !== null && driverId !== trip.driverId) {
    engine.active.release(driverId, trip);
    inputs.push(statusInput(driverId, trip));
  }
  if (trip.status !== 'searching') inputs.push({ kind: 'request_closed', tripId: trip.tripId });
  if (trip.driverId !== null) {
    engine.active.update(trip);
    inputs.push(statusInput(trip.driverId, trip));
  }
  engine.markets.get(trip.marketId)?.dispatcher.input(...inputs);
  tell(engine, trip);
}

/** Tells both sides how a trip stands, and sees to it that its rider is shown the driver. */
function tell(engine: Engine, trip: Trip): void {
  engine.seatedTrips.note(trip);
  engine.followed.note(trip);
  engine.views.announceTrip(trip);
}

function learnOpened(engine: Engine, offer: Offer, trip: Trip, from: ReplicaId | null): void {
  if (from !== null) {
    const dispatcher = engine.markets.get(trip.marketId)?.dispatcher;
    // Made by a replica that was deposed meanwhile: whoever searches for this trip now takes it over.
    const isTakenOver = dispatcher?.state.requests.has(trip.tripId) === true;
    dispatcher?.input({ kind: isTakenOver ? 'offer_opened' : 'offered_elsewhere', offer });
  }
  engine.announcer.toDriver(offer.driverId, { t: 'offer', offer: offerView(offer, trip) });
}

function learnClosed(engine: Engine, offer: Offer): void {
  dispatcherOf(engine, offer)?.input({ kind: 'offer_closed', offer });
  announceClosed(engine, offer);
}

/** The offer does not say its market: whoever knows it, else any, for all share the drivers. */
function dispatcherOf(engine: Engine, { offerId }: Offer): Dispatcher | undefined {
  const dispatchers = [...engine.markets.values()].map((served) => served.dispatcher);
  return dispatchers.find(({ state }) => state.offers.has(offerId)) ?? dispatchers[0];
}

/** Tells the driver that an offer is gone, unless the driver's own answer ended it. */
function announceClosed({ announcer }: Engine, offer: Offer): void {
  if (offer.status !== 'timed_out' && offer.status !== 'withdrawn') return;
  announcer.toDriver(offer.driverId, { t: 'offer_closed', offerId: offer.offerId, reason: offer.status });
}

function learnOffDuty(engine: Engine, driverId: DriverId, from: ReplicaId | null): void {
  for (const { dispatcher } of engine.markets.values())
    dispatcher.input({ kind: 'driver_off_duty', driverId });
  if (from !== null) engine.announcer.toDriver(driverId, { t: 'duty', status: 'offline' });
}

/** The driver is another replica's now. */
export function letDriverGo(engine: Engine, driverId: DriverId): void {
  engine.seats.leaveDriver(driverId);
  engine.announcer.dropDriver(driverId);
  engine.active.letGo(driverId);
  for (const { dispatcher } of engine.markets.values()) dispatcher.input({ kind: 'driver_left', driverId });
}
