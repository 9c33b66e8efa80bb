import { EARTH_RADIUS_M, type Place } from '../../domain/place.ts';
import type { Prng } from '../../lib/prng.ts';
import type { Fix } from '../../protocol/messages.ts';
import type { DriverHabits } from './habits.ts';

const METRES_PER_DEGREE = (EARTH_RADIUS_M * Math.PI) / 180;

/** A fix as a phone would give it: the place with an error in both directions, speed and heading as it moves. */
export function gpsFix(
  motion: { readonly speedMps: number; readonly headingDeg: number },
  place: Place,
  nowMs: number,
  habits: Pick<DriverHabits, 'gpsErrorM' | 'gpsAccuracyM'>,
  prng: Prng,
): Fix {
  const northDeg = (prng.normal() * habits.gpsErrorM) / METRES_PER_DEGREE;
  const shrink = Math.max(0.01, Math.cos((place.lat * Math.PI) / 180));
  const eastDeg = (prng.normal() * habits.gpsErrorM) / (METRES_PER_DEGREE * shrink);
  const lat = Math.max(-90, Math.min(90, place.lat + northDeg));
  const lng = ((place.lng + eastDeg + 540) % 360) - 180;
  const speedMps = Math.round(motion.speedMps * 10) / 10;
  return [nowMs, lat, lng, habits.gpsAccuracyM, speedMps, Math.round(motion.headingDeg) % 360];
}
