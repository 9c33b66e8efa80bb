import { distanceM, isPlace } from '../domain/place.ts';

/** What makes a fix unusable. Metrics count by these names. */
export type FixVerdict =
  'ok' | 'out_of_range' | 'future' | 'older' | 'inaccurate' | 'impossible_speed' | 'too_old';

export interface PingLimits {
  /** A device's clock may be ahead by so much. */
  readonly futureMsMax: number;
  /** A fix older than this does not move the driver (it may still belong to a trip's path). */
  readonly pingAgeMsMax: number;
  /** Radius of confidence that the device claims; unknown passes. */
  readonly accuracyMMax: number;
  /** Straight-line speed between two fixes. */
  readonly speedMpsMax: number;
  /** Jumps up to this are noise, however short the time between. */
  readonly jitterM: number;
  /** So many fixes in a row that fit each other but not the last accepted one prove that one wrong. */
  readonly suspectsMax: number;
}

/** 70 m/s = 252 km/h: no cab does it; the fixes of a phone between two tunnels do. */
export const DEFAULT_PING_LIMITS: PingLimits = {
  futureMsMax: 10_000,
  pingAgeMsMax: 60_000,
  accuracyMMax: 150,
  speedMpsMax: 70,
  jitterM: 100,
  suspectsMax: 3,
};

/** A fix that was accepted, or is suspected: degrees and the device's Unix ms. */
export interface SeenFix {
  readonly lat: number;
  readonly lng: number;
  readonly atMs: number;
}

/** A fix that has just come in. */
export interface NewFix extends SeenFix {
  /** Radius of confidence, metres; NaN = the device did not tell. */
  readonly accuracyM: number;
}

/** The newest fix that came too fast from the last accepted one, and how many before it agree with it (itself included). */
export interface Suspect extends SeenFix {
  readonly streak: number;
}

const METRES_PER_DEGREE = distanceM({ lat: 0, lng: 0 }, { lat: 1, lng: 0 });

/**
 * Whether a fix may move the driver (R8 and quality). Pure. `last` is the newest accepted fix, null before the first;
 * `suspect` what `nextSuspect` made of the fixes refused for their speed since then.
 */
export function judgeFix(
  last: SeenFix | null,
  suspect: Suspect | null,
  fix: NewFix,
  nowMs: number,
  limits: PingLimits,
): FixVerdict {
  const { lat, lng, atMs } = fix;
  if (!isPlace(lat, lng) || !Number.isFinite(atMs)) return 'out_of_range';
  if (atMs > nowMs + limits.futureMsMax) return 'future';
  if (last !== null && atMs <= last.atMs) return 'older';
  if (fix.accuracyM > limits.accuracyMMax) return 'inaccurate';
  if (last !== null && !isDrivable(last, fix, limits)) {
    const proven =
      suspect !== null && agrees(suspect, fix, limits) && suspect.streak + 1 >= limits.suspectsMax;
    if (!proven) return 'impossible_speed';
  }
  return nowMs - atMs > limits.pingAgeMsMax ? 'too_old' : 'ok';
}

/** What to remember after a fix was refused for its speed; one not newer than the suspect changes nothing. */
export function nextSuspect(suspect: Suspect | null, fix: NewFix, limits: PingLimits): Suspect {
  if (suspect !== null && fix.atMs <= suspect.atMs) return suspect;
  const streak = suspect !== null && agrees(suspect, fix, limits) ? suspect.streak + 1 : 1;
  return { atMs: fix.atMs, lat: fix.lat, lng: fix.lng, streak };
}

function agrees(suspect: Suspect, fix: NewFix, limits: PingLimits): boolean {
  return fix.atMs > suspect.atMs && isDrivable(suspect, fix, limits);
}

/** Whether a cab could have come from one to the other: at a speed below the limit, or within the noise. Pure. */
export function isDrivable(from: SeenFix, to: SeenFix, limits: PingLimits): boolean {
  const degrees = Math.abs(to.lat - from.lat) + Math.abs(to.lng - from.lng);
  // No way is longer than its two legs: most pings need no trigonometry.
  if (degrees * METRES_PER_DEGREE <= limits.jitterM) return true;
  const wayM = distanceM(from, to);
  return wayM <= limits.jitterM || wayM <= (limits.speedMpsMax * (to.atMs - from.atMs)) / 1000;
}
