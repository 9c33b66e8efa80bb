import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId } from '../domain/ids.ts';
import type { Fix } from '../protocol/messages.ts';
import type { DriverIndex } from './driver-index.ts';
import { judgeFix, nextSuspect, type FixVerdict, type PingLimits, type Suspect } from './ping-filter.ts';

/** `not_on_duty`: the driver is not in the index (slot -1). */
export type PingOutcome = FixVerdict | 'not_on_duty';

/** How many pings ended how, since the start; metrics read it. */
export type PingCounts = Record<PingOutcome, number>;

export interface BatchOutcome {
  /** What became of the newest fix; `not_on_duty` for all, `older` for an empty batch. */
  readonly newest: PingOutcome;
  /** The fixes a trip's path may take, oldest first: those that were ok and those only too old to move the driver. */
  readonly usable: readonly Fix[];
}

/** A driver removed for silence, with what was known last. */
export interface SilentDriver {
  readonly driverId: DriverId;
  readonly status: DriverStatus;
  readonly receivedMs: number;
}

/** Pings come in here, singly or in batches; synchronous, one caller. */
export interface Ingest {
  readonly counts: Readonly<PingCounts>;
  /** Judges a fix and, if ok, moves the driver. The fix is not kept: its array may be reused. */
  ping(slot: number, fix: Fix, nowMs: number): PingOutcome;
  /** Buffered fixes in any order: the same as single pings, oldest first, but the index moves once. */
  batch(slot: number, fixes: readonly Fix[], nowMs: number): BatchOutcome;
  /**
   * Removes drivers not heard for longer than `offlineMs` (R8) and answers them. Looks at `slotsMax` slots a call and goes
   * round, so it takes `slotsEnd / slotsMax` calls to see everybody: 65,536 take some 0.1 ms.
   */
  sweepSilent(nowMs: number, offlineMs: number, slotsMax?: number): SilentDriver[];
}

export interface IngestOptions {
  readonly index: DriverIndex;
  readonly limits: PingLimits;
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
  /** Only drivers whose last fix was refused for its speed; at most one each. */
  private readonly suspects = new Map<number, Suspect>();
  /** The last accepted fix of the driver in hand: one object, so that a ping allocates nothing. */
  private readonly last = { lat: 0, lng: 0, atMs: 0 };
  private sweepAt = 0;

  constructor({ index, limits }: IngestOptions) {
    this.index = index;
    this.limits = limits;
    index.onRemove((slot) => this.suspects.delete(slot));
  }

  ping(slot: number, fix: Fix, nowMs: number): PingOutcome {
    if (!this.index.isLive(slot)) {
      this.counts.not_on_duty++;
      return 'not_on_duty';
    }
    const verdict = this.judge(slot, fix, nowMs, this.loadLast(slot));
    if (verdict === 'ok') this.move(slot, fix, nowMs);
    return verdict;
  }

  batch(slot: number, fixes: readonly Fix[], nowMs: number): BatchOutcome {
    if (!this.index.isLive(slot)) {
      this.counts.not_on_duty += fixes.length;
      return { newest: 'not_on_duty', usable: [] };
    }
    const usable: Fix[] = [];
    let newest: FixVerdict = 'older';
    let moveTo: Fix | null = null;
    let placed = this.loadLast(slot);
    for (const fix of [...fixes].sort((a, b) => a[0] - b[0])) {
      newest = this.judge(slot, fix, nowMs, placed);
      if (newest === 'ok' || newest === 'too_old') usable.push(fix);
      if (newest !== 'ok') continue;
      moveTo = fix;
      placed = true;
      [this.last.atMs, this.last.lat, this.last.lng] = [fix[0], fix[1], fix[2]];
    }
    if (moveTo !== null) this.move(slot, moveTo, nowMs);
    return { newest, usable };
  }

  sweepSilent(nowMs: number, offlineMs: number, slotsMax = SWEEP_SLOTS): SilentDriver[] {
    const silent: SilentDriver[] = [];
    const { receivedMs } = this.index.columns;
    const looks = Math.min(slotsMax, this.index.slotsEnd);
    for (let i = 0; i < looks; i++) {
      if (this.sweepAt >= this.index.slotsEnd) this.sweepAt = 0;
      const slot = this.sweepAt++;
      if (nowMs - receivedMs[slot]! <= offlineMs || !this.index.isLive(slot)) continue;
      const driverId = this.index.driverOf(slot)!;
      silent.push({ driverId, status: this.index.statusOf(slot), receivedMs: receivedMs[slot]! });
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

  private judge(slot: number, fix: Fix, nowMs: number, placed: boolean): FixVerdict {
    const suspect = this.suspects.size === 0 ? null : (this.suspects.get(slot) ?? null);
    const verdict = judgeFix(placed ? this.last : null, suspect, fix, nowMs, this.limits);
    this.counts[verdict]++;
    if (verdict === 'impossible_speed') this.suspects.set(slot, nextSuspect(suspect, fix, this.limits));
    else if (verdict === 'ok' && suspect !== null) this.suspects.delete(slot);
    return verdict;
  }

  private move(slot: number, fix: Fix, nowMs: number): void {
    const { columns } = this.index;
    columns.atMs[slot] = fix[0];
    columns.receivedMs[slot] = nowMs;
    columns.accuracyM[slot] = fix[3] ?? NaN;
    columns.speedMps[slot] = fix[4] ?? NaN;
    columns.headingDeg[slot] = fix[5] ?? NaN;
    this.index.place(slot, fix[1], fix[2]);
  }
}
