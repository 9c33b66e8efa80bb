import type { Zone } from '../domain/cell.ts';
import type { DriverId, ReplicaId, RiderId, TripId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Place } from '../domain/place.ts';
import type { Result } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import type { TripChange } from '../store/trip-store.ts';
import type { Announcement } from './announcer.ts';

export type DriverAt = Extract<Announcement, { t: 'driver_at' }>;

/**
 * What has been stored, told to every replica: each takes what concerns it (the zone's owner, where the driver is, where the
 * rider is) and ignores the rest. Late, lost or repeated news do no harm: the store decides (R6, R7).
 */
export type News =
  /** `driverId`: the driver before the change, where there was one. */
  | {
      readonly kind: 'trip_changed';
      readonly change: Omit<TripChange, 'replayed'>;
      readonly driverId: DriverId | null;
    }
  /**
   * How a trip stands, looked up because the answer to a change of it was lost: what followed from that may never have been told.
   * `driverId`: who may have been let go.
   */
  | { readonly kind: 'trip_found'; readonly trip: Trip; readonly driverId: DriverId | null }
  | { readonly kind: 'offer_opened'; readonly offer: Offer; readonly trip: Trip }
  | { readonly kind: 'offers_closed'; readonly offers: readonly Offer[] }
  | { readonly kind: 'off_duty'; readonly driverId: DriverId }
  /** The account has connected at the sender, at `atMs` of the sender's clock: whoever had it before lets it go. */
  | { readonly kind: 'driver_seated'; readonly driverId: DriverId; readonly atMs: number }
  | { readonly kind: 'rider_seated'; readonly riderId: RiderId; readonly atMs: number }
  /** The sender has the trip's rider: where the driver is, is wanted there. */
  | { readonly kind: 'driver_followed'; readonly driverId: DriverId; readonly tripId: TripId };

/** The other replicas, as the engine sees them. Implemented by src/cluster/; `ALONE` where there is none. */
export interface Peers {
  /** Tells every other replica; never waits, never throws, and may be lost. Not told to this one. */
  tell(news: News): void;
  /** Shows a driver's place to a rider who is connected at `to`; of several within a flush the newest goes. */
  showDriverAt(to: ReplicaId, riderId: RiderId, message: DriverAt): void;
  /**
   * True while this replica may match: its own beat is young enough that nobody can have taken its zones over. Checked before every
   * tick and every claim.
   */
  mayMatch(): boolean;
  /** Whether this replica owns the zone, as far as it knows. */
  owns(zone: Zone): boolean;
  /** Where the zone's owner is reached: null = here, `url` null = the owner has no address of its own. */
  elsewhere(zone: Zone): { readonly replicaId: ReplicaId; readonly url: string | null } | null;
  /** Requests that wait at the zone's owner, as it last said. */
  openRequestsAt(zone: Zone): number;
  /** Asks the owner of the place's zone. `unavailable` after a time-out, when asked and not owner any more, or out of reach. */
  nearby(place: Place, max: number): Promise<Result<NearbyDriver[]>>;
  /** Which of these drivers are with another replica; rejects (an Error with `code`) unless every live one has answered. */
  hosted(driverIds: readonly DriverId[]): Promise<ReadonlySet<DriverId>>;
  /** True on one replica of all: for duties that one must do for all. */
  readonly isFirst: boolean;
}

/** What other replicas ask of and tell to this one's engine; src/dispatch/peer-desk.ts answers. */
export interface PeerDesk {
  learn(news: News, from: ReplicaId): void;
  driverAt(riderId: RiderId, message: DriverAt): void;
  /** Free drivers around a place in a zone that this replica owns; called after that was checked. */
  nearby(place: Place, max: number): Result<NearbyDriver[]>;
  /** Which of these are with this replica. */
  hosted(driverIds: readonly DriverId[]): DriverId[];
  /** For the beat. */
  readonly openRequests: number;
  /** The zones this replica matches from now on; requests of others are dropped, those of new ones looked up in the store. */
  ownZones(zones: ReadonlySet<Zone>): void;
  /** News have been lost: everything that concerns this replica's clients and zones is looked up. */
  lostTrack(): void;
  /** A replica is gone: its drivers are out of reach until they connect elsewhere. */
  peerGone(replicaId: ReplicaId): void;
}

/** A server without others: owns everything, has nobody to tell. */
export const ALONE: Peers = {
  tell() {},
  showDriverAt() {},
  mayMatch: () => true,
  owns: () => true,
  elsewhere: () => null,
  openRequestsAt: () => 0,
  nearby: () => Promise.resolve({ ok: false, code: 'unavailable' }),
  hosted: () => Promise.resolve(new Set()),
  isFirst: true,
};
