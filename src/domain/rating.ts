import { type Result, accepted, rejected } from './rejection.ts';
import type { Trip } from './trip.ts';

export type Stars = 1 | 2 | 3 | 4 | 5;

/** What a rating may say besides its stars; a list, so that there is no text to moderate. */
export const RATING_TAGS = [
  'friendly',
  'clean',
  'safe_driving',
  'good_route',
  'punctual',
  'rude',
  'dirty',
  'unsafe_driving',
  'bad_route',
  'late',
  'wrong_pickup',
  'harassment',
] as const;
export type RatingTag = (typeof RATING_TAGS)[number];

/** A trip can be rated, and its rating changed, for so long after its end. */
export const RATING_MS_MAX = 7 * 24 * 3_600_000;

/**
 * Whether a side of the trip may rate the other now: the trip is completed, and not for longer than `RATING_MS_MAX`. `wrong_state` else.
 */
export function mayRate({ status, endedMs }: Pick<Trip, 'status' | 'endedMs'>, nowMs: number): Result<null> {
  if (status !== 'completed' || endedMs === null) return rejected('wrong_state', 'the trip is not completed');
  if (nowMs - endedMs > RATING_MS_MAX) return rejected('wrong_state', 'the trip ended too long ago');
  return accepted(null);
}
