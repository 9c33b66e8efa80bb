import { createHmac, timingSafeEqual } from 'node:crypto';
import type { TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import { isFinal, type Trip } from '../domain/trip.ts';
import type { TrustStore } from '../store/trust-store.ts';

/** 128 bits: as hard to guess as the trip's own id and a key besides. */
const MARK_BYTES = 16;
const ID_BYTES = 16;
export interface TripSharingOptions {
  readonly store: Pick<TrustStore, 'openShare' | 'closeShare' | 'openShareOf'>;
  readonly trip: (tripId: TripId) => Promise<Trip | null>;
  /** 32 bytes of this purpose alone, the same on every replica. */
  readonly key: Uint8Array;
}

/**
 * Links by which anybody who has one follows a trip while it lasts. A link is the trip's id and a keyed hash of it: nothing to steal from the
 * store, the same link whenever it is asked for, and none that could be found by trying.
 */
export class TripSharing {
  private readonly options: TripSharingOptions;

  constructor(options: TripSharingOptions) {
    this.options = options;
  }

  /** The link's token, for the rider of a trip that has not ended: `not_found` or `wrong_state` else. */
  async open(riderId: string, tripId: TripId): Promise<Result<{ token: string }>> {
    const trip = await this.options.trip(tripId);
    if (trip === null || trip.riderId !== riderId) return rejected('not_found');
    if (isFinal(trip.status)) return rejected('wrong_state', 'the trip has ended');
    return accepted({ token: this.tokenOf(tripId, await this.options.store.openShare(tripId)) });
  }

  /** Ends every link of the trip. */
  async close(riderId: string, tripId: TripId): Promise<Result<null>> {
    const trip = await this.options.trip(tripId);
    if (trip === null || trip.riderId !== riderId) return rejected('not_found');
    await this.options.store.closeShare(tripId);
    return accepted(null);
  }

  /** The trip that a token leads to; `not_found` when it leads nowhere, any more or ever. */
  async follow(token: string): Promise<Result<Trip>> {
    const bytes = Buffer.from(token, 'base64url');
    if (bytes.length !== ID_BYTES + MARK_BYTES) return rejected('not_found');
    const tripId = uuidOf(bytes.subarray(0, ID_BYTES));
    const generation = await this.options.store.openShareOf(tripId);
    if (generation === null) return rejected('not_found');
    const mark = this.markOf(tripId, generation);
    if (!timingSafeEqual(mark, bytes.subarray(ID_BYTES))) return rejected('not_found');
    const trip = await this.options.trip(tripId);
    return trip === null || isFinal(trip.status) ? rejected('not_found') : accepted(trip);
  }

  private tokenOf(tripId: TripId, generation: number): string {
    const id = Buffer.from(tripId.replaceAll('-', ''), 'hex');
    return Buffer.concat([id, this.markOf(tripId, generation)]).toString('base64url');
  }

  private markOf(tripId: TripId, generation: number): Buffer {
    return createHmac('sha256', this.options.key)
      .update(`${tripId} ${generation}`)
      .digest()
      .subarray(0, MARK_BYTES);
  }
}

function uuidOf(bytes: Buffer): TripId {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}` as TripId;
}
