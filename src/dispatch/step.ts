import { cellName, zoneAt } from '../domain/cell.ts';
import type { DriverId, OfferId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Trip } from '../domain/trip.ts';
import type { DriverStatus } from '../domain/driver-state.ts';
import { assert, unreachable } from '../lib/assert.ts';
import type { DispatchInput, OfferRefusal } from './dispatch-input.ts';
import type { DispatchState, OpenOffer, OpenRequest } from './dispatch-state.ts';
import type { Effect } from './effect.ts';
import { tick } from './tick.ts';

type StatusInput = Extract<DispatchInput, { kind: 'driver_status' }>;

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
    case 'driver_on_duty': {
      const slot = state.index.slotOf(input.driverId);
      const status = slot < 0 ? 'available' : keptOnDuty(state.index.statusOf(slot));
      state.index.add(input.driverId, input.vehicle, status, nowMs);
      return;
    }
    case 'driver_off_duty': {
      const slot = state.index.slotOf(input.driverId);
      if (slot >= 0) state.index.remove(slot);
      return;
    }
    case 'driver_status':
      return driverStatus(state, input, nowMs);
    case 'tick':
      return tick(state, nowMs, effects);
    default:
      unreachable(input);
  }
}

const keptOnDuty = (status: DriverStatus): DriverStatus => (status === 'offline' ? 'available' : status);

function openRequest(state: DispatchState, trip: Trip, excluded: readonly DriverId[], sinceMs: number): void {
  assert(trip.status === 'searching', 'only a searching trip is a request');
  if (state.requests.has(trip.tripId)) return;
  const request: OpenRequest = {
    tripId: trip.tripId,
    trip,
    pickup: trip.pickup,
    requestedMs: trip.requestedMs,
    vehicleClass: trip.vehicleClass,
    seats: trip.seats,
    excluded: new Set(excluded),
    radiusM: state.market.match.radiusM,
    zone: cellName(zoneAt(trip.pickup.lat, trip.pickup.lng, state.index.grid)),
    sinceMs,
    offers: new Set(),
    isExpiring: false,
    offersMade: 0,
    hadDriverAtOnce: null,
  };
  state.requests.set(trip.tripId, request);
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
    // Found in the store when taking up the work of a server that died.
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

/** The store is the truth and the index a picture of it: whatever is not older than what is known is painted, also twice. */
function driverStatus(state: DispatchState, input: StatusInput, nowMs: number): void {
  const { driverId, status, dropoff, mark } = input;
  if (mark !== undefined && state.latestTrips.note(driverId, mark) === 'older') return;
  const slot = state.index.slotOf(driverId);
  if (slot < 0) return;
  const present = state.index.statusOf(slot);
  // The end of a trip heard of late, when the next offer is already out.
  if (
    status === 'available' &&
    present === 'offered' &&
    isOfferedAnother(state, driverId, mark?.tripId ?? null)
  )
    return;
  if (present !== status) state.index.setStatus(slot, status, nowMs);
  state.index.setFree(slot, dropoff);
}

function isOfferedAnother(state: DispatchState, driverId: DriverId, tripId: TripId | null): boolean {
  for (const offer of state.offers.values())
    if (offer.driverId === driverId && offer.tripId !== tripId) return true;
  return false;
}
