import type { Desk } from '../dispatch/desk.ts';
import type { DriverId } from '../domain/ids.ts';
import type { Clock } from '../lib/clock.ts';
import { FIX, FIX_WIDTH } from '../protocol/fix-rows.ts';
import type { GatewayCounters } from './counters.ts';

/** Parked fixes are taken so often, wall ms, for at most so long: pings get a sixth of a busy loop. */
const TAKE_EVERY_MS = 50;
const TAKE_MS_MAX = 10;
/** Fixes taken between two looks at the stopwatch. */
const TAKEN_AT_ONCE = 64;

export interface PingParkingOptions {
  readonly desk: Pick<Desk, 'pings'>;
  readonly wallClock: Clock;
  readonly counters: GatewayCounters;
  /** Drivers with a fix parked; the one parked first is shed for one more. */
  readonly parkedMax: number;
}

/**
 * Where fixes wait while the server is busy: the newest of each driver, which replaces the one before (shed, and counted). They are
 * taken in the order in which the drivers came, so nobody waits for ever. A fix taken late is judged like any other (R8).
 */
export class PingParking {
  private readonly options: PingParkingOptions;
  /** The row of each driver with a fix parked, by when it was first parked. */
  private readonly rowOf = new Map<DriverId, number>();
  private rows = new Float64Array(0);
  private readonly free: number[] = [];
  private readonly one = new Float64Array(FIX_WIDTH);
  private isScheduled = false;

  constructor(options: PingParkingOptions) {
    this.options = options;
  }

  /** Keeps the newest of `count` fixes (1 or more), unless a newer one is parked; copies what it keeps. */
  park(driverId: DriverId, rows: Float64Array, count: number): void {
    const { counters } = this.options;
    const newest = newestRow(rows, count) * FIX_WIDTH;
    counters.pingsShed += count - 1;
    const parked = this.rowOf.get(driverId);
    if (parked !== undefined) {
      counters.pingsShed += 1;
      if (this.rows[parked * FIX_WIDTH + FIX.atMs]! > rows[newest + FIX.atMs]!) return;
    }
    const row = parked ?? this.assignRow(driverId);
    for (let column = 0; column < FIX_WIDTH; column++)
      this.rows[row * FIX_WIDTH + column] = rows[newest + column]!;
    counters.pingsParked = this.rowOf.size;
    this.schedule();
  }

  private assignRow(driverId: DriverId): number {
    if (this.rowOf.size >= this.options.parkedMax) this.shedFirst();
    const row = this.free.pop() ?? this.rowOf.size;
    this.rowOf.set(driverId, row);
    if ((row + 1) * FIX_WIDTH > this.rows.length) this.grow(row + 1);
    return row;
  }

  private shedFirst(): void {
    const first = this.rowOf.entries().next();
    if (first.done === true) return;
    const [driverId, row] = first.value;
    this.rowOf.delete(driverId);
    this.free.push(row);
    this.options.counters.pingsShed += 1;
  }

  private grow(rowsMin: number): void {
    const grown = new Float64Array(Math.max(1_024, rowsMin * 2) * FIX_WIDTH);
    grown.set(this.rows);
    this.rows = grown;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.options.wallClock.after(TAKE_EVERY_MS, () => {
      this.isScheduled = false;
      this.take();
    });
  }

  private take(): void {
    const { desk, wallClock, counters } = this.options;
    const untilMs = wallClock.nowMs() + TAKE_MS_MAX;
    let taken = 0;
    for (const [driverId, row] of this.rowOf) {
      this.rowOf.delete(driverId);
      this.free.push(row);
      this.one.set(this.rows.subarray(row * FIX_WIDTH, (row + 1) * FIX_WIDTH));
      desk.pings(driverId, this.one, 1);
      taken += 1;
      if (taken % TAKEN_AT_ONCE === 0 && wallClock.nowMs() >= untilMs) break;
    }
    counters.pingsParked = this.rowOf.size;
    if (this.rowOf.size > 0) this.schedule();
  }
}

/** Of equal times the one that came last. */
function newestRow(rows: Float64Array, count: number): number {
  let newest = 0;
  for (let row = 1; row < count; row++) {
    if (rows[row * FIX_WIDTH + FIX.atMs]! >= rows[newest * FIX_WIDTH + FIX.atMs]!) newest = row;
  }
  return newest;
}
