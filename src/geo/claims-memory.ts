import type { DriverId, TripId } from '../domain/ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { Claims } from './claims.ts';

/** Claims within one process: for the simulation, and for a server on its own. At most one entry a driver, while it lives. */
export function createMemoryClaims(clock: Clock): Claims {
  const held = new Map<DriverId, { tripId: TripId; untilMs: number }>();
  return {
    async claim(requests) {
      const nowMs = clock.nowMs();
      // Oldest first, since a claim made anew goes to the end; lives are much alike, so what has run out is in front.
      for (const [driverId, { untilMs }] of held) {
        if (untilMs > nowMs) break;
        held.delete(driverId);
      }
      return requests.map(({ driverId, tripId, ttlMs }) => {
        const claim = held.get(driverId);
        if (claim !== undefined && claim.untilMs > nowMs && claim.tripId !== tripId) return false;
        held.delete(driverId);
        held.set(driverId, { tripId, untilMs: nowMs + ttlMs });
        return true;
      });
    },
    async release(releases) {
      for (const { driverId, tripId } of releases) {
        if (held.get(driverId)?.tripId === tripId) held.delete(driverId);
      }
    },
  };
}
