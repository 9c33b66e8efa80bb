import type { DriverId, OfferId, TripId } from './ids.ts';

/**
 * The states of an offer. `live` is the only one that can change: accepted or declined by its driver, `timed_out` when
 * nobody answered, `withdrawn` when the trip ended or another driver was first.
 */
export const OFFER_STATUSES = ['live', 'accepted', 'declined', 'timed_out', 'withdrawn'] as const;
export type OfferStatus = (typeof OFFER_STATUSES)[number];

/** One trip offered to one driver (R3). Times are Unix milliseconds. */
export interface Offer {
  readonly offerId: OfferId;
  readonly tripId: TripId;
  readonly driverId: DriverId;
  readonly status: OfferStatus;
  /** Estimated drive to the pickup when the offer was made, seconds. */
  readonly etaS: number;
  readonly offeredMs: number;
  readonly expiresMs: number;
  readonly answeredMs: number | null;
}
