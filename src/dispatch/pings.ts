import type { DriverId } from '../domain/ids.ts';
import { FIX, FIX_WIDTH } from '../protocol/fix-rows.ts';
import type { Engine } from './engine.ts';

/** Fixes of one driver, as Desk.pings: the index takes the newest, a trip under way takes all that are usable. An idle driver's ping ends here. */
export function takePings(
  engine: Engine,
  driverId: DriverId,
  rows: Float64Array,
  count: number,
  hint = -1,
): number {
  const { ingest, index, active, clock } = engine;
  const slot = index.slotOf(driverId, hint);
  // Told of by another replica, which has the driver's seat: the last words on a line that is being dropped.
  if (slot >= 0 && !index.isHere(slot)) return slot;
  const { usable, usableCount, moved } = ingest.pings(slot, rows, count, clock.nowMs());
  if (usableCount === 0 || active.of(driverId) === null) return slot;
  for (let i = 0; i < usableCount; i++) {
    const at = usable[i]! * FIX_WIDTH;
    const fix = {
      atMs: rows[at + FIX.atMs]!,
      lat: rows[at + FIX.lat]!,
      lng: rows[at + FIX.lng]!,
      speedMps: rows[at + FIX.speedMps]!,
    };
    active.moved(driverId, fix, moved && i === usableCount - 1);
  }
  return slot;
}
