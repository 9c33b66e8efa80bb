import { cellName, type Zone } from '../domain/cell.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { DispatchInput } from './dispatch-input.ts';
import type { DispatchMeter } from './dispatch-meter.ts';
import type { DispatchState } from './dispatch-state.ts';

/** Over a tick and the rest after it the matcher gets at most one part in so many of the loop's time. */
const TICK_REST = 4;

export interface TickTurnsOptions {
  readonly state: DispatchState;
  readonly input: (input: DispatchInput) => void;
  readonly mayMatch: () => boolean;
  readonly clock: Clock;
  /** Wall milliseconds, for durations alone. */
  readonly stopwatchMs: () => number;
  readonly meter: DispatchMeter;
  /** Between two turns of a tick, of the clock. */
  readonly pauseMs: number;
}

/**
 * Runs the matcher every `tickMs`. A tick that is too long for one turn of the loop goes on in further ones; in between the loop takes
 * what has come in meanwhile. Whatever the batch, most of the loop's time belongs to pings and commands: a long tick puts the next
 * one off.
 */
export class TickTurns {
  private readonly options: TickTurnsOptions;
  private ticking: Timer | null = null;
  private nextTurn: Timer | null = null;
  private beganMs = 0;
  private workedMs = 0;
  private turns = 0;
  private restsUntilMs = -Infinity;

  constructor(options: TickTurnsOptions) {
    this.options = options;
  }

  start(): void {
    const { clock, state } = this.options;
    this.ticking = clock.every(state.market.match.tickMs, () => this.tick());
  }

  /** What is under way is left there: its requests are open, as if the tick had not begun. */
  stop(): void {
    this.ticking?.cancel();
    this.ticking = null;
    this.drop();
  }

  private tick(): void {
    const { state, stopwatchMs, mayMatch } = this.options;
    const nowMs = stopwatchMs();
    if (state.tick !== null || nowMs < this.restsUntilMs || !mayMatch()) return;
    this.beganMs = nowMs;
    this.workedMs = 0;
    this.turns = 0;
    this.turn({ kind: 'tick' });
  }

  private goOn(): void {
    if (this.options.mayMatch()) this.turn({ kind: 'tick_on' });
    else this.drop();
  }

  private drop(): void {
    this.nextTurn?.cancel();
    this.nextTurn = null;
    if (this.options.state.tick !== null) this.options.input({ kind: 'tick_dropped' });
  }

  private turn(input: DispatchInput): void {
    const { state, stopwatchMs, meter, clock, pauseMs } = this.options;
    const startedMs = stopwatchMs();
    this.options.input(input);
    const durationMs = stopwatchMs() - startedMs;
    this.workedMs += durationMs;
    this.turns += 1;
    meter.turned({ durationMs });
    if (state.tick === null) this.finish();
    else this.nextTurn = clock.after(pauseMs, () => this.goOn());
  }

  private finish(): void {
    const { state, stopwatchMs, meter } = this.options;
    const elapsedMs = stopwatchMs() - this.beganMs;
    this.restsUntilMs = this.beganMs + this.workedMs * TICK_REST;
    const { workedMs: durationMs, turns } = this;
    meter.ticked({ durationMs, elapsedMs, turns, openRequests: state.requests.size, zones: zonesOf(state) });
  }
}

/** Open requests by zone. */
function zonesOf({ requests }: DispatchState): Map<string, number> {
  const open = new Map<Zone, number>();
  for (const { zone } of requests.values()) open.set(zone, (open.get(zone) ?? 0) + 1);
  return new Map([...open].map(([zone, count]) => [cellName(zone), count]));
}
