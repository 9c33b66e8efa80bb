import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId } from '../domain/ids.ts';
import type { Misfix } from '../domain/location-trust.ts';
import { assert } from '../lib/assert.ts';
import { FIX, FIX_WIDTH } from '../protocol/fix-rows.ts';
import { PINGS_MAX } from '../protocol/messages.ts';
import type { DriverIndex } from './driver-index.ts';
import {
  isDrivable,
  judgeFix,
  nextSuspect,
  type FixVerdict,
  type PingLimits,
  type Suspect,
} from './ping-filter.ts';

/** `not_on_duty`: the driver is not in the index (slot -1). */
export type PingOutcome = FixVerdict | 'not_on_duty';

/** How many pings ended how, since the start; metrics read it. */
export type PingCounts = Record<PingOutcome, number>;

/** What became of one call's fixes; the same object every time, good until the next call. */
export interface PingsResult {
  /** Outcome of the newest fix. */
  readonly newest: PingOutcome;
  /** The driver was moved, or heard again at the same place. */
  readonly moved: boolean;
  /**
   * Rows that a trip's path may take, oldest first: those that were ok and those only too old to move the driver. The first
   * `usableCount` entries hold.
   */
  readonly usable: Int32Array;
  readonly usableCount: number;
}

/** A driver of this replica removed for silence, with what was known last. */
export interface SilentDriver {
  readonly driverId: DriverId;
  readonly status: DriverStatus;
  readonly receivedMs: number;
}

/** Pings come in here, singly or in batches; synchronous, one caller. */
export interface Ingest {
  readonly counts: Readonly<PingCounts>;
  /**
   * Judges the first `count` (1 to PINGS_MAX) fixes in `rows`, laid out as fix-rows.ts says, in any order: as if each had come
   * alone, oldest first, but the index moves once. Nothing of `rows` is kept, nothing is allocated for fixes that are ok.
   */
  pings(slot: number, rows: Float64Array, count: number, nowMs: number): PingsResult;
  /**
   * Removes drivers not heard for longer than `offlineMs` (R8) and answers those of them who were here: the others are not ours
   * to send home, only no longer worth a row. Looks at `slotsMax` slots a call and goes
   * round, so it takes `slotsEnd / slotsMax` calls to see everybody: 65,536 take some 0.1 ms.
   */
  sweepSilent(nowMs: number, offlineMs: number, slotsMax?: number): SilentDriver[];
}

export interface IngestOptions {
  readonly index: DriverIndex;
  readonly limits: PingLimits;
  /** Told of each fix that speaks against the driver's device, while the call that brought it lasts. */
  readonly onMisfix?: (driverId: DriverId, kind: Misfix) => void;
}

const SWEEP_SLOTS = 65_536;

export function createIngest(options: IngestOptions): Ingest {
  return new IndexIngest(options);
}

class IndexIngest implements Ingest {
  readonly counts: PingCounts = {
    ok: 0,
    out_of_range: 0,
    future: 0,
    older: 0,
    inaccurate: 0,
    impossible_speed: 0,
    too_old: 0,
    not_on_duty: 0,
  };
  private readonly index: DriverIndex;
  private readonly limits: PingLimits;
  private readonly onMisfix: NonNullable<IngestOptions['onMisfix']>;
  /** Only drivers whose last fix was refused for its speed; at most one each. */
  private readonly suspects = new Map<number, Suspect>();
  /**
   * Last accepted fix of the driver in hand and the fix being judged: one object each, so that a ping allocates nothing. NaN and not 0: a field that began as a
   * small integer is given a new number on the heap for each fraction (40 ns a ping).
   */
  private readonly last = { lat: NaN, lng: NaN, atMs: NaN };
  private readonly fix = { lat: NaN, lng: NaN, atMs: NaN, accuracyM: NaN };
  private readonly order = new Int32Array(PINGS_MAX);
  private readonly result = {
    newest: 'ok' as PingOutcome,
    moved: false,
    usable: new Int32Array(PINGS_MAX),
    usableCount: 0,
  };
  private sweepAt = 0;

  constructor({ index, limits, onMisfix = () => undefined }: IngestOptions) {
    this.index = index;
    this.limits = limits;
    this.onMisfix = onMisfix;
    index.onRemove((slot) => this.suspects.delete(slot));
  }

  pings(slot: number, rows: Float64Array, count: number, nowMs: number): PingsResult {
    assert(count >= 1 && count <= PINGS_MAX, '1 to PINGS_MAX fixes a call');
    const { result } = this;
    result.moved = false;
    result.usableCount = 0;
    if (!this.index.isLive(slot)) {
      this.counts.not_on_duty += count;
      result.newest = 'not_on_duty';
      return result;
    }
    let placed = this.loadLast(slot);
    let moveTo = -1;
    this.sortByTime(rows, count);
    for (let i = 0; i < count; i++) {
      const row = this.order[i]!;
      this.loadFix(rows, row);
      const verdict = this.judge(slot, nowMs, placed);
      result.newest = verdict;
      if (verdict === 'ok' || verdict === 'too_old') result.usable[result.usableCount++] = row;
      if (verdict !== 'ok') continue;
      moveTo = row;
      placed = true;
      this.last.lat = this.fix.lat;
      this.last.lng = this.fix.lng;
      this.last.atMs = this.fix.atMs;
    }
    result.moved = moveTo >= 0;
    if (moveTo >= 0) this.move(slot, rows, moveTo, nowMs);
    return result;
  }

  sweepSilent(nowMs: number, offlineMs: number, slotsMax = SWEEP_SLOTS): SilentDriver[] {
    const silent: SilentDriver[] = [];
    const { receivedMs } = this.index.columns;
    const looks = Math.min(slotsMax, this.index.slotsEnd);
    for (let i = 0; i < looks; i++) {
      if (this.sweepAt >= this.index.slotsEnd) this.sweepAt = 0;
      const slot = this.sweepAt++;
      if (nowMs - receivedMs[slot]! <= offlineMs || !this.index.isLive(slot)) continue;
      if (this.index.isHere(slot)) {
        const driverId = this.index.driverOf(slot)!;
        silent.push({ driverId, status: this.index.statusOf(slot), receivedMs: receivedMs[slot]! });
      }
      this.index.remove(slot);
    }
    return silent;
  }

  /** False for a driver who has not been placed yet. */
  private loadLast(slot: number): boolean {
    const { columns } = this.index;
    this.last.lat = columns.lat[slot]!;
    this.last.lng = columns.lng[slot]!;
    this.last.atMs = columns.atMs[slot]!;
    return columns.cell[slot]! >= 0;
  }

  private loadFix(rows: Float64Array, row: number): void {
    const at = row * FIX_WIDTH;
    this.fix.atMs = rows[at + FIX.atMs]!;
    this.fix.lat = rows[at + FIX.lat]!;
    this.fix.lng = rows[at + FIX.lng]!;
    this.fix.accuracyM = rows[at + FIX.accuracyM]!;
  }

  /** Row numbers into `order`, oldest fix first, equal times as they came. Insertion: batches mostly come in order. */
  private sortByTime(rows: Float64Array, count: number): void {
    const { order } = this;
    for (let row = 0; row < count; row++) {
      const atMs = rows[row * FIX_WIDTH + FIX.atMs]!;
      let at = row;
      for (; at > 0 && rows[order[at - 1]! * FIX_WIDTH + FIX.atMs]! > atMs; at--) order[at] = order[at - 1]!;
      order[at] = row;
    }
  }

  private judge(slot: number, nowMs: number, placed: boolean): FixVerdict {
    const suspect = this.suspects.size === 0 ? null : (this.suspects.get(slot) ?? null);
    const verdict = judgeFix(placed ? this.last : null, suspect, this.fix, nowMs, this.limits);
    this.counts[verdict]++;
    if (verdict === 'impossible_speed') {
      this.suspects.set(slot, nextSuspect(suspect, this.fix, this.limits));
      this.onMisfix(this.index.driverOf(slot)!, 'refused');
    } else if (verdict === 'ok' && suspect !== null) {
      this.suspects.delete(slot);
      if (placed && !isDrivable(this.last, this.fix, this.limits))
        this.onMisfix(this.index.driverOf(slot)!, 'jump');
    }
    return verdict;
  }

  private move(slot: number, rows: Float64Array, row: number, nowMs: number): void {
    const { columns } = this.index;
    const at = row * FIX_WIDTH;
    columns.atMs[slot] = rows[at + FIX.atMs]!;
    columns.receivedMs[slot] = nowMs;
    columns.accuracyM[slot] = rows[at + FIX.accuracyM]!;
    columns.speedMps[slot] = rows[at + FIX.speedMps]!;
    columns.headingDeg[slot] = rows[at + FIX.headingDeg]!;
    this.index.place(slot, rows[at + FIX.lat]!, rows[at + FIX.lng]!);
  }
}
