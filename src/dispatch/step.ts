import { zoneAt, type Zone } from '../domain/cell.ts';
import type { DriverId, OfferId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Trip } from '../domain/trip.ts';
import { assert, unreachable } from '../lib/assert.ts';
import type { DispatchInput, OfferRefusal } from './dispatch-input.ts';
import type { DispatchState, OpenOffer, OpenRequest } from './dispatch-state.ts';
import { driverLeft, driverOffDuty, driverOnDuty, driverSeen, driverStatus } from './driver-steps.ts';
import type { Effect } from './effect.ts';
import { forgetForeign, noteForeign } from './foreign-offers.ts';
import { beginTick, goOnWithTick } from './tick.ts';

/** How long a driver is left alone after a claim was lost or the store disagreed. */
const CONTESTED_MS = 5_000;

/**
 * The dispatcher: takes what was learnt, changes the state, answers what is to be done. Synchronous, without clock, I/O
 * or randomness: the same state, inputs and time give the same effects, in production, simulation and replay.
 */
export function step(state: DispatchState, inputs: readonly DispatchInput[], nowMs: number): Effect[] {
  const effects: Effect[] = [];
  for (const input of inputs) apply(state, input, nowMs, effects);
  return effects;
}

function apply(state: DispatchState, input: DispatchInput, nowMs: number, effects: Effect[]): void {
  switch (input.kind) {
    case 'request_opened':
      return openRequest(state, input.trip, input.excluded, input.sinceMs);
    case 'request_closed':
      state.requests.delete(input.tripId);
      return;
    case 'offer_opened':
      return offerOpened(state, input.offer, nowMs, effects);
    case 'offer_refused':
      return offerRefused(state, input.offerId, input.why, nowMs, effects);
    case 'offer_closed':
      return offerClosed(state, input.offer, nowMs, effects);
    case 'closing_failed': {
      const offer = state.offers.get(input.offerId);
      if (offer?.phase === 'closing') offer.phase = 'live';
      return;
    }
    case 'expiry_failed': {
      const request = state.requests.get(input.tripId);
      if (request !== undefined) request.isExpiring = false;
      return;
    }
    case 'offered_elsewhere':
      return noteForeign(state, input.offer, nowMs);
    case 'driver_on_duty':
      return driverOnDuty(state, input, nowMs);
    case 'driver_off_duty':
      return driverOffDuty(state, input.driverId);
    case 'driver_left':
      return driverLeft(state, input.driverId, nowMs);
    case 'driver_seen':
      return driverSeen(state, input, nowMs);
    case 'driver_status':
      return driverStatus(state, input, nowMs);
    case 'zones_owned':
      return ownZones(state, input.zones);
    case 'tick':
      return beginTick(state, nowMs, effects);
    case 'tick_on':
      return goOnWithTick(state, nowMs, effects);
    case 'tick_dropped':
      state.tick = null;
      return;
    default:
      unreachable(input);
  }
}

function openRequest(state: DispatchState, trip: Trip, excluded: readonly DriverId[], sinceMs: number): void {
  assert(trip.status === 'searching', 'only a searching trip is a request');
  if (state.requests.has(trip.tripId) || !isOurs(state, trip)) return;
  const request: OpenRequest = {
    tripId: trip.tripId,
    trip,
    pickup: trip.pickup,
    requestedMs: trip.requestedMs,
    vehicleClass: trip.vehicleClass,
    seats: trip.seats,
    excluded: new Set(excluded),
    radiusM: state.market.match.radiusM,
    zone: zoneOf(state, trip),
    sinceMs,
    offers: new Set(),
    isExpiring: false,
    offersMade: 0,
    hadDriverAtOnce: null,
  };
  state.requests.set(trip.tripId, request);
}

const zoneOf = (state: DispatchState, { pickup }: Trip): Zone =>
  zoneAt(pickup.lat, pickup.lng, state.index.grid);

/** The receiver's own check: whoever told of the trip may have had other owners in mind. */
export function isOurs(state: DispatchState, trip: Trip): boolean {
  return state.zones === null || state.zones.has(zoneOf(state, trip));
}

/** Requests of zones that are another's now go; what they are offered goes on, and is over when it is told or in time. */
function ownZones(state: DispatchState, zones: ReadonlySet<Zone>): void {
  state.zones = zones;
  for (const request of state.requests.values()) {
    if (zones.has(request.zone)) continue;
    state.requests.delete(request.tripId);
    for (const offerId of request.offers) {
      const { driverId, expiresMs } = state.offers.get(offerId)!;
      state.offers.delete(offerId);
      state.foreignOffers.set(driverId, { offerId, expiresMs });
    }
  }
}

function offerOpened(state: DispatchState, offer: Offer, nowMs: number, effects: Effect[]): void {
  const request = state.requests.get(offer.tripId);
  const known = state.offers.get(offer.offerId);
  if (request === undefined) {
    // The request was closed while the offer was being stored; the store has withdrawn or will refuse it.
    if (known !== undefined) forget(state, known, nowMs);
    effects.push({ kind: 'close_offer', offerId: offer.offerId, status: 'withdrawn' });
    return;
  }
  if (known === undefined) {
    // Answered before its opening was heard of: whoever declined has been ruled out by now.
    if (request.excluded.has(offer.driverId)) return;
    // Found in the store when taking up the work of a server that died, or told by one that was deposed meanwhile.
    state.foreignOffers.delete(offer.driverId);
    const found: OpenOffer = { ...offer, phase: 'live' };
    state.offers.set(offer.offerId, found);
    request.offers.add(offer.offerId);
    const slot = state.index.slotOf(offer.driverId);
    if (slot >= 0 && state.index.statusOf(slot) === 'available')
      state.index.setStatus(slot, 'offered', nowMs);
    return;
  }
  if (known.phase !== 'opening') return;
  if (state.index.slotOf(known.driverId) < 0) {
    // Went off duty while the offer was being stored: nobody is there to answer, and its time would be the rider's loss.
    known.phase = 'closing';
    effects.push({ kind: 'close_offer', offerId: offer.offerId, status: 'withdrawn' });
    return;
  }
  known.phase = 'live';
  request.offersMade++;
  effects.push({
    kind: 'announce_offer',
    offer,
    trip: request.trip,
    isFirst: request.offersMade === 1,
    hadDriverAtOnce: request.hadDriverAtOnce === true,
  });
}

function offerRefused(
  state: DispatchState,
  offerId: OfferId,
  why: OfferRefusal,
  nowMs: number,
  effects: Effect[],
): void {
  const known = state.offers.get(offerId);
  if (known === undefined) return;
  forget(state, known, nowMs);
  if (why === 'trip_not_searching') {
    if (state.requests.delete(known.tripId)) effects.push({ kind: 'resync_trip', tripId: known.tripId });
    return;
  }
  if (why === 'driver_excluded') {
    state.requests.get(known.tripId)?.excluded.add(known.driverId);
    return;
  }
  state.contested.set(known.driverId, nowMs + CONTESTED_MS);
  if (why !== 'claim_lost') effects.push({ kind: 'resync_driver', driverId: known.driverId });
}

function offerClosed(state: DispatchState, offer: Offer, nowMs: number, effects: Effect[]): void {
  const known = state.offers.get(offer.offerId);
  // Who accepted stays `offered` until `driver_status` says where they are going: never free in between.
  if (known !== undefined && offer.status === 'accepted') drop(state, known);
  else if (known !== undefined) forget(state, known, nowMs);
  else forgetForeign(state, offer, nowMs);
  if (known !== undefined)
    effects.push({ kind: 'release_claim', driverId: offer.driverId, tripId: offer.tripId });
  if (offer.status === 'withdrawn') return;
  state.acceptance.answered(offer.driverId, offer.status === 'accepted');
  if (offer.status === 'accepted') state.requests.delete(offer.tripId);
  else state.requests.get(offer.tripId)?.excluded.add(offer.driverId);
}

function drop(state: DispatchState, offer: OpenOffer): void {
  state.offers.delete(offer.offerId);
  state.requests.get(offer.tripId)?.offers.delete(offer.offerId);
}

/** Drops an offer from the state; its driver is free again unless something else has taken over. */
function forget(state: DispatchState, offer: OpenOffer, nowMs: number): void {
  drop(state, offer);
  const slot = state.index.slotOf(offer.driverId);
  if (slot >= 0 && state.index.statusOf(slot) === 'offered') state.index.setStatus(slot, 'available', nowMs);
}
