import type { DriveSpeed } from '../domain/market.ts';
import { distanceBetweenM, distanceM, type Place } from '../domain/place.ts';

/** How far and how long to drive. Synchronous: decisions ask it thousands of times a tick. */
export interface Eta {
  /** Seconds from one place to another when leaving at `atMs`; 0 or more, finite. */
  driveS(fromLat: number, fromLng: number, toLat: number, toLng: number, atMs: number): number;
  /** Metres along the way, and seconds. */
  route(from: Place, to: Place, atMs: number): { readonly distanceM: number; readonly durationS: number };
}

const HOUR_MS = 3_600_000;

/**
 * Straight line × detour factor / speed, with figures fitted per city (bench/fit): streets at the speed of the local hour,
 * what lies beyond them on fast roads. A road network will stand behind the same interface.
 */
export function createStraightLineEta(speed: DriveSpeed, timeZone: string): Eta {
  const offsetMs = localOffset(timeZone);
  const { detourFactor, motorwayFromM, motorwaySpeedMps } = speed;
  const streetMps = (atMs: number): number => {
    const hour = Math.floor((atMs + offsetMs(atMs)) / HOUR_MS) % 24;
    return speed.speedMpsByHour[hour]!;
  };
  const overS = (straightM: number, atMs: number): number => {
    const streetM = Math.min(straightM, motorwayFromM);
    return detourFactor * (streetM / streetMps(atMs) + (straightM - streetM) / motorwaySpeedMps);
  };
  return {
    driveS: (latA, lngA, latB, lngB, atMs) => overS(distanceBetweenM(latA, lngA, latB, lngB), atMs),
    route(from, to, atMs) {
      const straightM = distanceM(from, to);
      return { distanceM: straightM * detourFactor, durationS: overS(straightM, atMs) };
    },
  };
}

/** Milliseconds the zone is ahead of UTC, looked up once an hour: asking Intl costs 20 µs. Pure but for that cache. */
function localOffset(timeZone: string): (atMs: number) => number {
  const format = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'longOffset' });
  let hour = NaN;
  let offsetMs = 0;
  return (atMs) => {
    const asked = Math.floor(atMs / HOUR_MS);
    if (asked !== hour) {
      hour = asked;
      offsetMs = parseOffset(format.format(atMs));
    }
    return offsetMs;
  };
}

function parseOffset(formatted: string): number {
  const match = /GMT(?:([+-])(\d\d):(\d\d))?/.exec(formatted);
  if (match?.[1] === undefined) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return (match[1] === '-' ? -minutes : minutes) * 60_000;
}
