import type { Zone } from '../domain/cell.ts';
import { DirtySlots } from './dirty-slots.ts';
import type { FlushPlan, ZonePlan } from './driver-mirror.ts';
import { partOf, WaitingRemovals } from './waiting-removals.ts';

export interface PlanBacklogOptions {
  /** The zone a slot was last planned into, 0 = none: nothing is to be written of it any more. */
  zonePlanned(slot: number): number;
  /** Drivers taken at a time; the rest stays. */
  readonly flushDriversMax: number;
  readonly removalsMax: number;
}

/**
 * Plans on their way to a store that may be slow or out of reach: later plans join those that wait, so that a driver is
 * written once, where the newest plan has him. Each slot is kept at most once, so never more than the index holds.
 */
export class PlanBacklog {
  private readonly options: PlanBacklogOptions;
  private readonly slots = new DirtySlots();
  private readonly removals: WaitingRemovals;
  private capacity = 0;

  constructor(options: PlanBacklogOptions) {
    this.options = options;
    this.removals = new WaitingRemovals(options.removalsMax);
  }

  get droppedRemovals(): number {
    return this.removals.droppedCount;
  }

  /** Drivers that wait to be written. */
  get count(): number {
    return this.slots.count;
  }

  /** Also for a plan that was taken and not carried out, or only in part: every part of a plan may be repeated. */
  keep(plan: FlushPlan): void {
    for (const { zone, removals, slots } of plan.values()) {
      for (const driverId of removals) this.removals.add(zone, driverId);
      for (const slot of slots) this.mark(slot);
    }
  }

  take(): FlushPlan {
    const plan = new Map<Zone, ZonePlan>();
    this.removals.takeInto(plan);
    for (let left = Math.min(this.options.flushDriversMax, this.slots.count); left > 0; left--) {
      const slot = this.slots.take();
      const zone = this.options.zonePlanned(slot);
      if (zone !== 0) partOf(plan, zone as Zone).slots.push(slot);
    }
    return plan;
  }

  private mark(slot: number): void {
    if (slot >= this.capacity) this.slots.grow((this.capacity = Math.max(1_024, slot + (slot >> 1))));
    this.slots.mark(slot);
  }
}
