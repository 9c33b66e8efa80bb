import type { Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';
import type { DriverIndex } from './driver-index.ts';
import type { DriverRecord } from './driver-record.ts';

export interface MirroredDriver extends DriverRecord {
  readonly driverId: DriverId;
}

/**
 * The index's copy outside this process, for other replicas and tools. It lags by at most one flush, may be emptied at any
 * time and comes back with the next pings (R12). Implementation: driver-mirror-redis.ts.
 */
export interface DriverMirror {
  /**
   * Writes what changed since the last flush. Never two at once: a call during a flush joins it. Resolves when done, also
   * when the store failed: then all of it is kept for a later flush, and `onError` has been told.
   */
  flush(nowMs: number): Promise<void>;
  /** Drivers of a zone heard within `maxAgeMs`, written by any replica; in no order. Rejects when the store is out of reach. */
  readZone(zone: Zone, nowMs: number, maxAgeMs: number): Promise<MirroredDriver[]>;
  /** For metrics: commands sent, drivers written, flushes that failed, removals forgotten because too many were waiting. */
  readonly counts: Readonly<MirrorCounts>;
}

export interface MirrorCounts {
  commands: number;
  drivers: number;
  failedFlushes: number;
  droppedRemovals: number;
}

/** One zone's part of a flush. Removals go first: a driver who left and came back is in both lists. */
export interface ZonePlan {
  readonly zone: Zone;
  readonly removals: DriverId[];
  readonly slots: number[];
}

export type FlushPlan = ReadonlyMap<Zone, ZonePlan>;

export interface MirrorPlannerOptions {
  readonly index: DriverIndex;
  /** Drivers in one flush; the rest stays dirty for the next. */
  readonly flushDriversMax: number;
  /** Drivers to be removed that wait for a flush; beyond it they are forgotten: readers pass over old records. */
  readonly removalsMax: number;
  /** A driver who pings without moving is written again at least so often (R12). */
  readonly refreshMs: number;
}

/**
 * Decides what a flush writes: no I/O. What it remembers, the zone each driver was last sent to, only ever adds removals;
 * a write is never left out because of what the store is believed to hold (R12). Every part of a plan may be repeated, so
 * a failed flush is given back whole.
 */
export class MirrorPlanner {
  droppedRemovals = 0;
  private readonly options: MirrorPlannerOptions;
  private readonly waiting = new Map<Zone, Set<DriverId>>();
  private waitingCount = 0;
  /** By slot: the zone it was last planned into, 0 = none. */
  private sentTo = new Float64Array(0);
  private refreshAt = 0;
  /** Slots to look at, with the fraction left over from the last plan. */
  private refreshDue = 0;
  private plannedMs = NaN;

  constructor(options: MirrorPlannerOptions) {
    this.options = options;
    options.index.onRemove((slot, driverId) => this.leave(slot, driverId));
  }

  /** Takes the dirty drivers, those due for a refresh and the waiting removals. */
  plan(nowMs: number): FlushPlan {
    const { index, flushDriversMax } = this.options;
    this.markForRefresh(nowMs);
    if (this.sentTo.length < index.slotsEnd) this.widen(index.columns.lat.length);
    const plan = new Map<Zone, ZonePlan>();
    const writes: [number, Zone][] = [];
    for (let taken = Math.min(flushDriversMax, index.dirty.count); taken > 0; taken--) {
      const slot = index.dirty.take();
      const zone = index.isLive(slot) ? index.zoneOf(slot) : null;
      if (zone === null) continue;
      if (this.sentTo[slot] !== zone) this.leave(slot, index.driverOf(slot)!);
      this.sentTo[slot] = zone;
      writes.push([slot, zone]);
    }
    for (const [zone, drivers] of this.waiting) partOf(plan, zone).removals.push(...drivers);
    for (const [slot, zone] of writes) partOf(plan, zone).slots.push(slot);
    this.waiting.clear();
    this.waitingCount = 0;
    return plan;
  }

  /** Gives back a plan that may not have been carried out, or only in part. */
  giveBack(plan: FlushPlan): void {
    for (const { zone, removals, slots } of plan.values()) {
      for (const driverId of removals) this.wait(zone, driverId);
      for (const slot of slots) this.options.index.dirty.mark(slot);
    }
  }

  private leave(slot: number, driverId: DriverId): void {
    const zone = this.sentTo[slot] ?? 0;
    if (zone !== 0) {
      this.wait(zone as Zone, driverId);
      this.sentTo[slot] = 0;
    }
  }

  private wait(zone: Zone, driverId: DriverId): void {
    if (this.waitingCount === this.options.removalsMax) {
      this.droppedRemovals++;
      return;
    }
    const drivers = this.waiting.get(zone) ?? new Set();
    this.waiting.set(zone, drivers);
    if (!drivers.has(driverId)) this.waitingCount++;
    drivers.add(driverId);
  }

  /** Marks a slice of the slots, so that the slices of `refreshMs` make one round; of these only who has pinged since. */
  private markForRefresh(nowMs: number): void {
    const { index, refreshMs } = this.options;
    const sinceMs = Number.isNaN(this.plannedMs) ? 0 : nowMs - this.plannedMs;
    this.plannedMs = nowMs;
    const end = index.slotsEnd;
    this.refreshDue = Math.min(end, this.refreshDue + (end * sinceMs) / refreshMs);
    for (; this.refreshDue >= 1; this.refreshDue--) {
      if (this.refreshAt >= end) this.refreshAt = 0;
      const slot = this.refreshAt++;
      if (index.isLive(slot) && nowMs - index.columns.receivedMs[slot]! <= refreshMs) index.dirty.mark(slot);
    }
  }

  private widen(slots: number): void {
    const sentTo = new Float64Array(slots);
    sentTo.set(this.sentTo);
    this.sentTo = sentTo;
  }
}

function partOf(plan: Map<Zone, ZonePlan>, zone: Zone): ZonePlan {
  let part = plan.get(zone);
  if (part === undefined) plan.set(zone, (part = { zone, removals: [], slots: [] }));
  return part;
}
