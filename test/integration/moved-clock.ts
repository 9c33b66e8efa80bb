import { type Clock, createWallClock, type Timer } from '../../src/lib/clock.ts';

/**
 * The machine's clock, which a test can put on: what lies minutes ahead comes without waiting for it. Timers run by the
 * machine: whatever looks at the time again and again (ticks, sweeps) sees the jump at its next turn.
 */
export class MovedClock implements Clock {
  private readonly wall = createWallClock();
  private aheadMs = 0;

  nowMs(): number {
    return this.wall.nowMs() + this.aheadMs;
  }

  /** Puts the clock on by `byMs`. */
  advance(byMs: number): void {
    this.aheadMs += byMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    return this.wall.after(delayMs, fire);
  }

  every(periodMs: number, fire: () => void): Timer {
    return this.wall.every(periodMs, fire);
  }
}
