import type { BeatInfo, Beats, Roll } from '../bus/beats.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Prng } from '../lib/prng.ts';
import type { ClusterTiming } from './timing.ts';

/** Part of the time between two beats that chance takes off, so that replicas started together do not beat together. */
const JITTER = 0.1;
/** Between two beats that were asked for, as a part of `beatMs`: a chattering stranger costs ten beats a second, no more. */
const SPACING = 0.1;

export interface PulseOptions {
  readonly beats: Beats;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly timing: ClusterTiming;
  readonly info: () => BeatInfo;
  readonly knownEpoch: () => number;
  /** An answer, with when its beat began. Never called after `stop`, nor for a beat given up before. */
  readonly answered: (roll: Roll, beganMs: number) => void;
  readonly refused: (error: Error, beganMs: number) => void;
}

/** A beat rejects by itself after a second (`Beats`); one that does not even that is given up after so many `beatMs`. */
const GIVEN_UP = 1.25;

/** Beats regularly, one beat at a time; what a beat answers after it was given up is not listened to. */
export class Pulse {
  private readonly options: PulseOptions;
  /** Number of the beat under way or last made: answers of others come too late. */
  private beat = 0;
  private beganMs = -Infinity;
  private isUnderWay = false;
  private isWantedAgain = false;
  private isStopped = false;
  private timer: Timer | null = null;
  private readonly waiting: (() => void)[] = [];

  constructor(options: PulseOptions) {
    this.options = options;
  }

  /** Beats at once (a tenth of `beatMs` after the last one began, and after the one under way), and regularly from then on. */
  beatNow(): void {
    if (this.isStopped) return;
    if (this.isUnderWay) this.isWantedAgain = true;
    else this.beginIn(SPACING * this.options.timing.beatMs);
  }

  /** No further beat. Resolves when the one under way has been answered or given up: only then does leaving the roll last. */
  stop(): Promise<void> {
    this.isStopped = true;
    if (!this.isUnderWay) this.timer?.cancel();
    return this.isUnderWay ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }

  /** Stops without waiting for anything. */
  close(): void {
    this.isStopped = true;
    this.timer?.cancel();
    this.settle(++this.beat);
  }

  private begin(): void {
    const { beats, clock, timing, info, knownEpoch } = this.options;
    const beat = ++this.beat;
    const beganMs = (this.beganMs = clock.nowMs());
    this.isUnderWay = true;
    this.isWantedAgain = false;
    this.timer?.cancel();
    this.timer = clock.after(timing.beatMs * GIVEN_UP, () =>
      this.end(beat, beganMs, new Error('a beat was not answered in time')),
    );
    beats.beat(info(), knownEpoch()).then(
      (roll) => this.end(beat, beganMs, roll),
      (error: unknown) => this.end(beat, beganMs, new Error('a beat was refused', { cause: error })),
    );
  }

  /** `periodMs` after the last one began. */
  private beginIn(periodMs: number): void {
    const { clock } = this.options;
    this.timer?.cancel();
    const delayMs = Math.max(0, this.beganMs + periodMs - clock.nowMs());
    this.timer = clock.after(delayMs, () => this.begin());
  }

  private end(beat: number, beganMs: number, outcome: Roll | Error): void {
    if (beat !== this.beat || !this.isUnderWay) return;
    const { timing, prng, answered, refused } = this.options;
    this.settle(beat);
    if (this.isStopped) return;
    const isRefused = outcome instanceof Error;
    const periodMs = isRefused ? timing.retryMs : timing.beatMs * (1 - JITTER * prng.float());
    this.beginIn(this.isWantedAgain ? SPACING * timing.beatMs : periodMs);
    if (isRefused) refused(outcome, beganMs);
    else answered(outcome, beganMs);
  }

  private settle(beat: number): void {
    if (beat !== this.beat) return;
    this.isUnderWay = false;
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
