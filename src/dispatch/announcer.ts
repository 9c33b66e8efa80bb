import type { DriverId, RiderId } from '../domain/ids.ts';
import type { ServerMessage } from '../protocol/messages.ts';

/** Removes `seq` from each member of the union: the session gives the numbers out. */
type Unnumbered<M> = M extends { seq: number } ? Omit<M, 'seq'> : M;

/** What the engine tells an account without being asked. */
export type Announcement = Unnumbered<
  Extract<ServerMessage, { t: 'offer' | 'offer_closed' | 'trip' | 'driver_at' | 'duty' | 'move' }>
>;

/**
 * Tells accounts what has happened, after it was stored (R6). At most once and in order per account; an account that is
 * not connected gets it on resuming, or finds it in its snapshot. `driver_at` and `move` are hints: of the first only the newest
 * is worth sending, and both are dropped for who is not connected or reads too slowly. Never throws, never waits.
 */
export interface Announcer {
  toDriver(driverId: DriverId, announcement: Announcement): void;
  toRider(riderId: RiderId, announcement: Announcement): void;
  /** Whether the account has a session here, connected or waiting to be resumed. */
  hasDriver(driverId: DriverId): boolean;
  hasRider(riderId: RiderId): boolean;
  /** The account's seat is at another replica now: its session is dropped, and its connection closed with
   * `seated_elsewhere`: news of seats may be late, so a client that is there after all comes back. */
  dropDriver(driverId: DriverId): void;
  dropRider(riderId: RiderId): void;
}

/** An announcer that is not there yet when whoever announces is made: the engine and its doors need each other. Null = nobody is told. */
export function announceThrough(announcer: () => Announcer | null): Announcer {
  return {
    toDriver: (driverId, announcement) => announcer()?.toDriver(driverId, announcement),
    toRider: (riderId, announcement) => announcer()?.toRider(riderId, announcement),
    hasDriver: (driverId) => announcer()?.hasDriver(driverId) === true,
    hasRider: (riderId) => announcer()?.hasRider(riderId) === true,
    dropDriver: (driverId) => announcer()?.dropDriver(driverId),
    dropRider: (riderId) => announcer()?.dropRider(riderId),
  };
}
