import type { DriverId, TripId } from '../domain/ids.ts';

export interface ClaimRequest {
  readonly driverId: DriverId;
  readonly tripId: TripId;
  /** How long the claim lives unless released: longer than the offer it is made for. */
  readonly ttlMs: number;
}

export interface ClaimRelease {
  readonly driverId: DriverId;
  readonly tripId: TripId;
}

/**
 * Settles which replica may offer a driver a trip when zones' owners overlap (R7). For efficiency only: R2 and R3 rest on
 * PostgreSQL, so a store that was emptied costs a refused offer, not a wrong one.
 * Implementations: claims-redis.ts, claims-memory.ts; one contract suite for both.
 */
export interface Claims {
  /**
   * True where the driver is now claimed for that trip: nobody held the driver, or the same trip did (its life starts anew).
   * Each driver is decided atomically and in order, the list as a whole is not. Rejects when the store is out of reach:
   * then any of them may have been claimed, until `ttlMs`.
   */
  claim(requests: readonly ClaimRequest[]): Promise<boolean[]>;
  /** Ends the claims that these trips hold; one held by another trip, or run out, is left alone. */
  release(releases: readonly ClaimRelease[]): Promise<void>;
}
