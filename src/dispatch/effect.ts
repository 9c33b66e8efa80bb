import type { DriverId, OfferId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Trip } from '../domain/trip.ts';
import type { Explanation } from '../matching/explanation.ts';
import type { NewOffer } from '../store/trip-store.ts';

/** What a step wants done. The runner does it in this order: claim, persist, announce, and feeds the outcome back. */
export type Effect =
  | { readonly kind: 'open_offer'; readonly offer: NewOffer; readonly explanation: Explanation }
  | { readonly kind: 'close_offer'; readonly offerId: OfferId; readonly status: 'timed_out' | 'withdrawn' }
  | { readonly kind: 'expire_trip'; readonly tripId: TripId; readonly explanation: Explanation | null }
  /** The offer is stored and still wanted: tell the driver. `isFirst`: the trip had none before. */
  | {
      readonly kind: 'announce_offer';
      readonly offer: Offer;
      readonly trip: Trip;
      readonly isFirst: boolean;
      readonly hadDriverAtOnce: boolean;
    }
  /** A stored offer that nobody here knows any more (its request was closed meanwhile). */
  | { readonly kind: 'release_claim'; readonly driverId: DriverId; readonly tripId: TripId }
  /** The store disagrees with the driver's status here: look it up. */
  | { readonly kind: 'resync_driver'; readonly driverId: DriverId }
  /** The store says that the trip is not searching, and nobody here has said so: look it up, and tell who must know. */
  | { readonly kind: 'resync_trip'; readonly tripId: TripId };
