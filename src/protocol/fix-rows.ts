import type { Fix } from './messages.ts';

/**
 * Fixes as rows of numbers in one typed array: how pings travel inside the process, since six numbers in a reused buffer
 * cost no allocation. Row `i` starts at `i * FIX_WIDTH`; NaN stands for null.
 */
export const FIX_WIDTH = 6;

/** Column of each number in a row: Unix ms, degrees, degrees, metres or NaN, m/s or NaN, degrees from north or NaN. */
export const FIX = { atMs: 0, lat: 1, lng: 2, accuracyM: 3, speedMps: 4, headingDeg: 5 } as const;

/** Writes validated fixes into `rows` from its start; answers how many. `rows` must have room for all of them. */
export function writeFixRows(rows: Float64Array, fixes: readonly Fix[]): number {
  let at = 0;
  for (const fix of fixes) {
    for (let column = 0; column < FIX_WIDTH; column++) rows[at++] = fix[column as 0 | 3] ?? NaN;
  }
  return fixes.length;
}
