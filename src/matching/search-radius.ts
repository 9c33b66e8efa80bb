import type { MatchPolicy } from '../domain/market.ts';

/** Fewer free drivers than this in reach: look farther. */
const GROW_BELOW = 3;
/** More than this: look less far, by a smaller step than it grew, so that a radius does not swing (hysteresis). */
const SHRINK_ABOVE = 12;
const GROWTH = 1.6;
const SHRINKAGE = 0.8;

/**
 * The radius to search next, from how many free drivers the present one held. Growing ends at `radiusMMax`, shrinking at
 * `radiusM` of the policy.
 */
export function adaptRadius(radiusM: number, freeCount: number, policy: MatchPolicy): number {
  if (freeCount < GROW_BELOW) return Math.min(policy.radiusMMax, radiusM * GROWTH);
  if (freeCount > SHRINK_ABOVE) return Math.max(policy.radiusM, radiusM * SHRINKAGE);
  return radiusM;
}
