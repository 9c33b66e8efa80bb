import type { Zone } from '../domain/cell.ts';
import type { DriverId } from '../domain/ids.ts';
import type { DriverIndex } from './driver-index.ts';
import type { DriverRecord } from './driver-record.ts';
import { partOf, WaitingRemovals } from './waiting-removals.ts';

export interface MirroredDriver extends DriverRecord {
  readonly driverId: DriverId;
}

/**
 * The index's copy outside this process, for operators' tools; other replicas are told by frames (src/cluster/place-feed.ts). It
 * lags by at most a few seconds, may be emptied at any time and comes back with the next pings (R12). Implementation:
 * driver-mirror-redis.ts.
 */
export interface DriverMirror {
  /**
   * Plans what changed since the last flush, tells of the plan at once (`onPlan`), and writes it. Never two writes at once: during
   * one a call joins it, and after a failed one the store is left alone for a while; what was planned meanwhile is kept for the
   * next. Resolves when done, also when the store failed: then `onError` has been told.
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
 * Decides what a flush tells of the drivers who are here: no I/O. What it remembers, the zone each driver was last planned into,
 * only ever adds removals; a row is never left out because of what others are believed to hold (R12). A plan is made once:
 * what could not be carried out is the backlog's (plan-backlog.ts).
 */
export class MirrorPlanner {
  private readonly options: MirrorPlannerOptions;
  private readonly waiting: WaitingRemovals;
  /** By slot: the zone it was last planned into, 0 = none. */
  private sentTo = new Float64Array(0);
  /** By slot: when its newest planned ping came, in the index's ms; older ones have nothing to refresh. */
  private sentMs = new Float64Array(0);
  private refreshAt = 0;
  /** Slots to look at, with the fraction left over from the last plan. */
  private refreshDue = 0;
  private plannedMs = NaN;

  constructor(options: MirrorPlannerOptions) {
    this.options = options;
    this.waiting = new WaitingRemovals(options.removalsMax);
    options.index.onRemove((slot, driverId) => this.leave(slot, driverId));
    options.index.onHost((slot) => this.changeHost(slot));
  }

  get droppedRemovals(): number {
    return this.waiting.droppedCount;
  }

  /** The zone the driver was last planned into; 0 = none, or the slot has changed hands, or the driver is not here any more. */
  zonePlanned(slot: number): number {
    return this.sentTo[slot] ?? 0;
  }

  /** Takes the dirty drivers, those due for a refresh and the waiting removals. */
  plan(nowMs: number): FlushPlan {
    const { index, flushDriversMax } = this.options;
    this.widen();
    this.markForRefresh(nowMs);
    const plan = new Map<Zone, ZonePlan>();
    const writes: [number, Zone][] = [];
    for (let taken = Math.min(flushDriversMax, index.dirty.count); taken > 0; taken--) {
      const slot = index.dirty.take();
      const zone = index.isLive(slot) && index.isHere(slot) ? index.zoneOf(slot) : null;
      if (zone === null) continue;
      if (this.sentTo[slot] !== zone) this.leave(slot, index.driverOf(slot)!);
      this.sentTo[slot] = zone;
      this.sentMs[slot] = index.columns.receivedMs[slot]!;
      writes.push([slot, zone]);
    }
    this.waiting.takeInto(plan);
    for (const [slot, zone] of writes) partOf(plan, zone).slots.push(slot);
    return plan;
  }

  private leave(slot: number, driverId: DriverId): void {
    const zone = this.zonePlanned(slot);
    if (zone === 0) return;
    this.waiting.add(zone as Zone, driverId);
    this.sentTo[slot] = 0;
  }

  /**
   * One who goes away is forgotten without a removal: the new host writes the driver by now. One who comes was written by
   * another host, where he was last seen: from there he is to be removed should he have moved on.
   */
  private changeHost(slot: number): void {
    const { index } = this.options;
    this.widen();
    this.sentTo[slot] = index.isHere(slot) ? (index.zoneOf(slot) ?? 0) : 0;
  }

  /**
   * Marks a slice of the slots, so that the slices of `refreshMs` make one round; of these only who has pinged in that time and since
   * the last plan of him. Who moves is planned as he moves: refreshed as well, a million slow drivers cost twice the rows.
   */
  private markForRefresh(nowMs: number): void {
    const { index, refreshMs } = this.options;
    const sinceMs = Number.isNaN(this.plannedMs) ? 0 : nowMs - this.plannedMs;
    this.plannedMs = nowMs;
    const end = index.slotsEnd;
    this.refreshDue = Math.min(end, this.refreshDue + (end * sinceMs) / refreshMs);
    for (; this.refreshDue >= 1; this.refreshDue--) {
      if (this.refreshAt >= end) this.refreshAt = 0;
      const slot = this.refreshAt++;
      const receivedMs = index.columns.receivedMs[slot]!;
      if (index.isLive(slot) && nowMs - receivedMs <= refreshMs && receivedMs !== this.sentMs[slot])
        index.touch(slot);
    }
  }

  private widen(): void {
    const { slotsEnd, columns } = this.options.index;
    if (this.sentTo.length >= slotsEnd) return;
    this.sentTo = widened(this.sentTo, columns.lat.length);
    this.sentMs = widened(this.sentMs, columns.lat.length);
  }
}

function widened(column: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const wider = new Float64Array(length);
  wider.set(column);
  return wider;
}
