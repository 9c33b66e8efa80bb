import type { Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';
import type { ZonePlan } from './driver-mirror.ts';

/** The zone's part of the plan, made if need be. */
export function partOf(plan: Map<Zone, ZonePlan>, zone: Zone): ZonePlan {
  let part = plan.get(zone);
  if (part === undefined) plan.set(zone, (part = { zone, removals: [], slots: [] }));
  return part;
}

/** Removals that wait, by zone; at most `max`, beyond it they are forgotten: readers pass over old records. */
export class WaitingRemovals {
  droppedCount = 0;
  private readonly max: number;
  private readonly zones = new Map<Zone, Set<DriverId>>();
  private count = 0;

  constructor(max: number) {
    this.max = max;
  }

  add(zone: Zone, driverId: DriverId): void {
    if (this.count === this.max) {
      this.droppedCount++;
      return;
    }
    const drivers = this.zones.get(zone) ?? new Set();
    this.zones.set(zone, drivers);
    if (!drivers.has(driverId)) this.count++;
    drivers.add(driverId);
  }

  /** Moves all of them into the plan. */
  takeInto(plan: Map<Zone, ZonePlan>): void {
    for (const [zone, drivers] of this.zones) partOf(plan, zone).removals.push(...drivers);
    this.zones.clear();
    this.count = 0;
  }
}
