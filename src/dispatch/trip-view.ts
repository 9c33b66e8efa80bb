import type { FareLine } from '../domain/fare.ts';
import type { MarketId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Place } from '../domain/place.ts';
import { hasDriver, type Quote, type Trip, type TripStatus } from '../domain/trip.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import type { Eta } from '../maps/eta.ts';
import type { OfferView, TripView } from '../protocol/messages.ts';
import type { Announcer } from './announcer.ts';
import type { FollowedDrivers } from './followed-drivers.ts';

export interface TripViewsOptions {
  readonly index: DriverIndex;
  readonly followed: Pick<FollowedDrivers, 'placeOf'>;
  /** Of every market served. */
  readonly etas: ReadonlyMap<MarketId, Eta>;
  readonly announcer: Announcer;
  readonly clock: Clock;
}

/** Trips whose last told version is remembered; who was told of longest ago goes, for late answers are seconds late. */
const TOLD_MAX = 50_000;

/** Until the rider is aboard. */
const PIN_SHOWN: readonly TripStatus[] = ['searching', 'to_pickup', 'at_pickup'];

/** What a driver is shown of an offer: where, how far, for how much; nothing about who the rider is. */
export function offerView(offer: Offer, trip: Trip): OfferView {
  return {
    offerId: offer.offerId,
    tripId: offer.tripId,
    pickup: trip.pickup,
    dropoff: trip.dropoff,
    seats: trip.seats,
    etaS: offer.etaS,
    fareMinor: trip.quote.fareMinor,
    currency: trip.quote.currency,
    expiresMs: offer.expiresMs,
  };
}

/** Without the terms, which are between the company and its books. */
export function quoteView({ fareMinor, currency, distanceM, durationS, lines }: Quote): TripView['quote'] {
  return { fareMinor, currency, distanceM, durationS, lines: lines as FareLine[] };
}

/** Trips as each side may see them, with the driver's place and the time still to drive. */
export class TripViews {
  private readonly options: TripViewsOptions;
  private readonly toldVersions = new Map<TripId, number>();

  constructor(options: TripViewsOptions) {
    this.options = options;
  }

  /** Everything, PIN included while it is still needed. */
  forRider(trip: Trip): TripView {
    return this.view(trip, PIN_SHOWN.includes(trip.status) ? trip.pin : null);
  }

  /** As the rider's, without the PIN: hearing it from the rider is what proves the right one is aboard. */
  forDriver(trip: Trip): TripView {
    return this.view(trip, null);
  }

  /** Tells both sides how the trip stands now, unless they have been told of a newer version already. */
  announceTrip(trip: Trip): void {
    if (this.isOld(trip)) return;
    this.options.announcer.toRider(trip.riderId, { t: 'trip', trip: this.forRider(trip) });
    if (trip.driverId !== null)
      this.options.announcer.toDriver(trip.driverId, { t: 'trip', trip: this.forDriver(trip) });
  }

  /** Seconds to the pickup, or to the dropoff once aboard. */
  etaS(trip: Trip, from: Place): number {
    const to = trip.status === 'on_trip' ? trip.dropoff : trip.pickup;
    const eta = this.options.etas.get(trip.marketId);
    assert(eta !== undefined, 'a trip is shown by a server of its market');
    return Math.round(eta.driveS(from.lat, from.lng, to.lat, to.lng, this.options.clock.nowMs()));
  }

  /** Answers of the store overtake one another: who was told `cancelled` must not hear `to_pickup` after it. */
  private isOld({ tripId, version }: Trip): boolean {
    if (version < (this.toldVersions.get(tripId) ?? 0)) return true;
    this.toldVersions.delete(tripId);
    if (this.toldVersions.size >= TOLD_MAX) this.toldVersions.delete(this.toldVersions.keys().next().value!);
    this.toldVersions.set(tripId, version);
    return false;
  }

  private view(trip: Trip, pin: string | null): TripView {
    const driverAt = this.driverPlace(trip);
    return {
      tripId: trip.tripId,
      status: trip.status,
      version: trip.version,
      pickup: trip.pickup,
      dropoff: trip.dropoff,
      vehicleClass: trip.vehicleClass,
      seats: trip.seats,
      quote: quoteView(trip.quote),
      driverId: trip.driverId,
      riderId: trip.riderId,
      pin,
      driverAt,
      etaS: this.etaOf(trip, driverAt),
      requestedMs: trip.requestedMs,
      acceptedMs: trip.acceptedMs,
      arrivedMs: trip.arrivedMs,
      startedMs: trip.startedMs,
      endedMs: trip.endedMs,
      distanceM: trip.distanceM,
      fareMinor: trip.fareMinor,
      fareLines: trip.fareLines as FareLine[] | null,
      endedBy: trip.endedBy,
      endReason: trip.endReason,
    };
  }

  private etaOf(trip: Trip, driverAt: Place | null): number | null {
    if (driverAt === null) return null;
    return trip.status === 'at_pickup' ? 0 : this.etaS(trip, driverAt);
  }

  private driverPlace(trip: Trip): Place | null {
    if (trip.driverId === null || !hasDriver(trip.status)) return null;
    const { index, followed } = this.options;
    const slot = index.slotOf(trip.driverId);
    const place = slot < 0 ? null : index.placeOf(slot);
    return place ?? followed.placeOf(trip.tripId);
  }
}
