import type { DriverId } from '../domain/ids.ts';
import type { Trip } from '../domain/trip.ts';

/** What tells an old word about a driver's trips from a new one. */
export type TripMark = Pick<Trip, 'tripId' | 'version' | 'driverId' | 'acceptedMs'>;
/** `acceptedMs`: when this driver accepted it; null = not known. `binds`: the driver had it still. */
type Known = Omit<TripMark, 'driverId'> & { readonly binds: boolean };
export type News = 'newer' | 'same' | 'older';

/**
 * The newest version known of each driver's newest trip. Answers of the store overtake one another: without this a late
 * `started` would bind a driver again whose trip has ended. A driver has one active trip at a time (R2), so of two trips the one
 * accepted later is the newer. Holds `driversMax` drivers; beyond, who was heard of first is forgotten.
 */
export class LatestTrips {
  private readonly driversMax: number;
  private readonly marks = new Map<DriverId, Known>();

  constructor(driversMax: number) {
    this.driversMax = driversMax;
  }

  /** Takes note of a trip that is (`binds`), or was until this version, the driver's; `older`: it changes nothing. */
  note(driverId: DriverId, mark: TripMark, binds = true): News {
    const { tripId, version } = mark;
    // When somebody else accepted it says nothing about this driver.
    const acceptedMs = mark.driverId === driverId ? mark.acceptedMs : null;
    const known = this.marks.get(driverId);
    const news = known === undefined ? 'newer' : compare(known, { tripId, version, acceptedMs, binds });
    if (news !== 'newer') return news;
    this.marks.delete(driverId);
    if (this.marks.size >= this.driversMax) this.marks.delete(this.marks.keys().next().value!);
    // A trip given up has lost its time of acceptance; the next one was still accepted after it.
    const since = acceptedMs ?? (known?.tripId === tripId ? known.acceptedMs : null);
    this.marks.set(driverId, { tripId, version, acceptedMs: since, binds });
    return news;
  }
}

function compare(known: Known, next: Known): News {
  // A trip given up that was never heard of while the driver had it: it frees whom no other trip binds.
  if (known.tripId !== next.tripId && next.acceptedMs === null && !next.binds && !known.binds) return 'same';
  if (known.tripId !== next.tripId)
    return next.acceptedMs !== null && next.acceptedMs > (known.acceptedMs ?? -Infinity) ? 'newer' : 'older';
  if (known.version === next.version) return 'same';
  return next.version > known.version ? 'newer' : 'older';
}
