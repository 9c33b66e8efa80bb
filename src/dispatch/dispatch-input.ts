import type { Zone } from '../domain/cell.ts';
import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId, OfferId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Place } from '../domain/place.ts';
import type { Trip } from '../domain/trip.ts';
import type { OfferOpening } from '../store/trip-store.ts';
import type { Vehicle } from '../domain/vehicle.ts';
import type { TripMark } from './latest-trips.ts';

/** All that a dispatcher can learn. Inputs may come late, twice or out of order; the store decides, not they (R7). */
export type DispatchInput =
  /** A stored request waits for a driver: new, given back by its driver, or found by a sweep. Known ones are left alone. */
  | {
      readonly kind: 'request_opened';
      readonly trip: Trip;
      readonly excluded: readonly DriverId[];
      /** Since when this search runs, Unix ms: its time to live counts from here. */
      readonly sinceMs: number;
    }
  /** The trip is no longer searching, for whatever reason. */
  | { readonly kind: 'request_closed'; readonly tripId: TripId }
  /** The store took the offer. */
  | { readonly kind: 'offer_opened'; readonly offer: Offer }
  /** The claim was lost, the store refused, or neither could be reached. */
  | { readonly kind: 'offer_refused'; readonly offerId: OfferId; readonly why: OfferRefusal }
  /** The offer is over, by answer, time or withdrawal. */
  | { readonly kind: 'offer_closed'; readonly offer: Offer }
  /** Another replica has offered this driver a trip: until the offer is over the driver is not free here either. */
  | { readonly kind: 'offered_elsewhere'; readonly offer: Offer }
  /** The end of an offer could not be stored: the next tick tries again. */
  | { readonly kind: 'closing_failed'; readonly offerId: OfferId }
  /** Expiry was refused or could not be stored: the request goes on. */
  | { readonly kind: 'expiry_failed'; readonly tripId: TripId }
  | { readonly kind: 'driver_on_duty'; readonly driverId: DriverId; readonly vehicle: Vehicle }
  | { readonly kind: 'driver_off_duty'; readonly driverId: DriverId }
  /** The driver has connected to another replica, which will tell of them from now on. */
  | { readonly kind: 'driver_left'; readonly driverId: DriverId }
  /** How the replica that has the driver sees them; `free` as `dropoff` below. */
  | {
      readonly kind: 'driver_seen';
      readonly driverId: DriverId;
      readonly status: DriverStatus;
      readonly free: Place | null;
    }
  /** How a trip stands, or stood when it let go of the driver; `dropoff` is where the driver will be free, once on the way there. */
  | {
      readonly kind: 'driver_status';
      readonly driverId: DriverId;
      readonly status: Extract<DriverStatus, 'available' | 'to_pickup' | 'at_pickup' | 'on_trip'>;
      readonly dropoff: Place | null;
      /** Tells old news from new, whatever order they come in; absent = known to be news. */
      readonly mark?: TripMark;
    }
  /** The zones matched here from now on; requests of others are forgotten, whoever owns them finds them in the store. */
  | { readonly kind: 'zones_owned'; readonly zones: ReadonlySet<Zone> }
  /** Run the matcher; nothing while a run is under way (see `DispatchState.tick`). */
  | { readonly kind: 'tick' }
  /** Go on with the run under way. */
  | { readonly kind: 'tick_on' }
  /** Leave the run under way where it is: this replica may not match any more, or stops. */
  | { readonly kind: 'tick_dropped' };

export type OfferRefusal = 'claim_lost' | 'unavailable' | Extract<OfferOpening, { opened: false }>['why'];

/** What a trip says about a driver: its own, or one it has let go, whoever drives it now. */
export function statusInput(driverId: DriverId, trip: Trip): DispatchInput {
  const { tripId, version, acceptedMs } = trip;
  const mark = { tripId, version, acceptedMs, driverId: trip.driverId };
  const about = { kind: 'driver_status', driverId, mark } as const;
  if (trip.driverId !== driverId) return { ...about, status: 'available', dropoff: null };
  switch (trip.status) {
    case 'to_pickup':
    case 'at_pickup':
      return { ...about, status: trip.status, dropoff: null };
    case 'on_trip':
      return { ...about, status: 'on_trip', dropoff: trip.dropoff };
    default:
      return { ...about, status: 'available', dropoff: null };
  }
}
