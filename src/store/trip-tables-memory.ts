import { assert } from '../lib/assert.ts';
import type { DriverId, MarketId, OfferId, RiderId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import { hasDriver, isFinal, type Trip, type TripEvent, type TripStatus } from '../domain/trip.ts';
import type { PlacedEvent, PlacedOffer, TripRecord } from './audit.ts';
import type { NewOffer } from './trip-store.ts';

/**
 * The memory store's tables and indexes: trips, their events and offers. They hold what they are given; what may be given is
 * the store's to decide, so that a canary can break a rule and the audit sees it.
 */
export class TripTables {
  readonly #trips = new Map<TripId, Trip>();
  readonly #events = new Map<TripId, PlacedEvent[]>();
  readonly #offers = new Map<OfferId, PlacedOffer>();
  readonly #offersOfTrip = new Map<TripId, OfferId[]>();
  /** The partial unique indexes of R2 and R3. */
  readonly #activeOfRider = new Map<RiderId, TripId>();
  readonly #activeOfDriver = new Map<DriverId, TripId>();
  readonly #liveOfferOf = new Map<DriverId, OfferId>();
  /** Trips that have not ended, by market. */
  readonly #active = new Map<MarketId, Set<TripId>>();
  #position = 0;

  trip(tripId: TripId): Trip | null {
    return this.#trips.get(tripId) ?? null;
  }

  tripOf(offer: Offer): Trip {
    const trip = this.trip(offer.tripId);
    assert(trip !== null, `offer ${offer.offerId} has no trip`);
    return trip;
  }

  offer(offerId: OfferId): Offer | null {
    const placed = this.#offers.get(offerId);
    return placed === undefined ? null : bare(placed);
  }

  activeOfRider(riderId: RiderId): Trip | null {
    const tripId = this.#activeOfRider.get(riderId);
    return tripId === undefined ? null : this.trip(tripId);
  }

  activeOfDriver(driverId: DriverId): Trip | null {
    const tripId = this.#activeOfDriver.get(driverId);
    return tripId === undefined ? null : this.trip(tripId);
  }

  liveOfferOf(driverId: DriverId): Offer | null {
    const offerId = this.#liveOfferOf.get(driverId);
    return offerId === undefined ? null : this.offer(offerId);
  }

  /** Trips of a market in states that `wanted` holds for, oldest first; none that has ended. */
  active(marketId: MarketId, wanted: (status: TripStatus) => boolean): Trip[] {
    const trips = [...(this.#active.get(marketId) ?? [])].map((tripId) => this.trip(tripId));
    return trips
      .filter((trip) => trip !== null)
      .filter((trip) => wanted(trip.status))
      .sort((a, b) => a.requestedMs - b.requestedMs || (a.tripId < b.tripId ? -1 : 1));
  }

  eventsOf(tripId: TripId): TripEvent[] {
    return (this.#events.get(tripId) ?? []).map(bareEvent);
  }

  /** In the order in which they were offered. */
  offersOf(tripId: TripId): Offer[] {
    return this.#placedOffersOf(tripId)
      .map(bare)
      .sort((a, b) => a.offeredMs - b.offeredMs || (a.offerId < b.offerId ? -1 : 1));
  }

  #placedOffersOf(tripId: TripId): PlacedOffer[] {
    const ids = this.#offersOfTrip.get(tripId) ?? [];
    return ids.map((offerId) => this.#offers.get(offerId)).filter((offer) => offer !== undefined);
  }

  /** Stores the trip as it is now, and the event that made it so. */
  put(trip: Trip, event: TripEvent): void {
    const before = this.trip(trip.tripId);
    this.#trips.set(trip.tripId, trip);
    const events = this.#events.get(trip.tripId) ?? [];
    events.push({ ...event, position: ++this.#position });
    this.#events.set(trip.tripId, events);
    this.#index(before, trip);
  }

  #index(before: Trip | null, trip: Trip): void {
    const { tripId, riderId, driverId, marketId, status } = trip;
    const active = this.#active.get(marketId) ?? new Set();
    this.#active.set(marketId, active);
    if (before?.driverId && this.#activeOfDriver.get(before.driverId) === tripId) {
      this.#activeOfDriver.delete(before.driverId);
    }
    if (driverId !== null && hasDriver(status)) this.#activeOfDriver.set(driverId, tripId);
    if (isFinal(status)) {
      active.delete(tripId);
      if (this.#activeOfRider.get(riderId) === tripId) this.#activeOfRider.delete(riderId);
    } else {
      active.add(tripId);
      this.#activeOfRider.set(riderId, tripId);
    }
  }

  openOffer({ offerId, tripId, driverId, etaS, offeredMs, expiresMs }: NewOffer): Offer {
    const placed: PlacedOffer = {
      offerId,
      tripId,
      driverId,
      status: 'live',
      etaS,
      offeredMs,
      expiresMs,
      answeredMs: null,
      openedPosition: ++this.#position,
      closedPosition: null,
    };
    this.#offers.set(offerId, placed);
    this.#offersOfTrip.set(tripId, [...(this.#offersOfTrip.get(tripId) ?? []), offerId]);
    this.#liveOfferOf.set(driverId, offerId);
    return bare(placed);
  }

  closeOffer({ offerId, driverId }: Offer, status: Exclude<Offer['status'], 'live'>, atMs: number): Offer {
    const placed = this.#offers.get(offerId);
    assert(placed !== undefined, `offer ${offerId} is not stored`);
    const closed = { ...placed, status, answeredMs: atMs, closedPosition: ++this.#position };
    this.#offers.set(offerId, closed);
    if (this.#liveOfferOf.get(driverId) === offerId) this.#liveOfferOf.delete(driverId);
    return bare(closed);
  }

  record(tripId: TripId): TripRecord | null {
    const trip = this.trip(tripId);
    if (trip === null) return null;
    return { trip, events: this.#events.get(tripId) ?? [], offers: this.#placedOffersOf(tripId) };
  }

  *records(): Generator<TripRecord> {
    for (const tripId of this.#trips.keys()) {
      const record = this.record(tripId);
      if (record !== null) yield record;
    }
  }
}

/** Without what is the audit's alone. */
function bare(placed: PlacedOffer): Offer {
  const { offerId, tripId, driverId, status, etaS, offeredMs, expiresMs, answeredMs } = placed;
  return { offerId, tripId, driverId, status, etaS, offeredMs, expiresMs, answeredMs };
}

function bareEvent({ tripId, seq, kind, status, actor, actorId, atMs, detail }: PlacedEvent): TripEvent {
  return { tripId, seq, kind, status, actor, actorId, atMs, detail };
}
