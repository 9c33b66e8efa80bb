import type { Hearing } from './store-rules.ts';

/** Moments kept per driver: an offer is stored within seconds of its decision, or not at all. */
const MOMENTS_MAX = 64;

/** When pings of each driver came in at a server, whatever was made of them. */
export class PingEar implements Hearing {
  private readonly moments = new Map<string, number[]>();

  heard(driverId: string, nowMs: number): void {
    const moments = this.moments.get(driverId) ?? [];
    moments.push(nowMs);
    if (moments.length > MOMENTS_MAX) moments.shift();
    this.moments.set(driverId, moments);
  }

  lastHeardMs(driverId: string, byMs: number): number {
    return this.moments.get(driverId)?.findLast((atMs) => atMs <= byMs) ?? -Infinity;
  }
}
