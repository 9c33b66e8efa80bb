import type { Clock } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';

/** How unreliable a world is. Probabilities are per call or per frame, times virtual milliseconds. */
export interface FaultPlan {
  /** Mean of the exponential part of a store call's way there, and of its way back. */
  readonly storeMs: number;
  /** A call that fails without having been done. */
  readonly storeRefuses: number;
  /** A call that was done, but whose answer is lost. */
  readonly storeLosesAnswer: number;
  /** A call that fails, and is done a little later all the same. */
  readonly storeIsLate: number;
  /** Mean time between stretches in which every call fails, and their mean length. */
  readonly storeOutageEveryMs: number;
  readonly storeOutageMs: number;
  /** Mean of the exponential part of a frame's way. */
  readonly frameMs: number;
  /** Mean life of a connection before the network breaks it. */
  readonly breakEveryMs: number;
  /** A frame of pings that an app sends once more, much later. */
  readonly pingsAgain: number;
  /** Mean of the exponential part of a message's way between two replicas. */
  readonly busMs: number;
  /** A message between replicas that one listener never gets, that comes twice, that is late by seconds. */
  readonly busLoses: number;
  readonly busRepeats: number;
  readonly busIsLate: number;
}

/** The least a store call's or a frame's way takes. */
const STORE_MS_MIN = 1;
const FRAME_MS_MIN = 5;
const BUS_MS_MIN = 1;
const BUS_LATE_MS_MAX = 5_000;
/** Now and then something takes this many times as long. */
const SLOW_FACTOR = 20;
const SLOW = 0.01;

/** Draws every delay and failure of one world, until `stop`: then nothing fails any more, and nothing is slow. */
export class Faults {
  readonly plan: FaultPlan;
  private readonly prng: Prng;
  private readonly clock: Clock;
  private areOn = true;
  private outageUntilMs = 0;

  constructor(plan: FaultPlan, clock: Clock, prng: Prng) {
    this.plan = plan;
    this.clock = clock;
    this.prng = prng;
    this.planOutage();
  }

  stop(): void {
    this.areOn = false;
    this.outageUntilMs = 0;
  }

  get isOn(): boolean {
    return this.areOn;
  }

  get isStoreOut(): boolean {
    return this.clock.nowMs() < this.outageUntilMs;
  }

  storeDelayMs(): number {
    return this.delayMs(STORE_MS_MIN, this.plan.storeMs);
  }

  frameDelayMs(): number {
    return this.delayMs(FRAME_MS_MIN, this.plan.frameMs);
  }

  /** After how long each copy of a message between replicas comes: none when it is lost. */
  busDelaysMs(): number[] {
    const { busMs, busLoses, busRepeats, busIsLate } = this.plan;
    if (this.happens(busLoses)) return [];
    const wayMs = (): number =>
      Math.round(
        this.delayMs(BUS_MS_MIN, busMs) + (this.happens(busIsLate) ? this.withinMs(BUS_LATE_MS_MAX) : 0),
      );
    return this.happens(busRepeats) ? [wayMs(), wayMs()] : [wayMs()];
  }

  happens(probability: number): boolean {
    return this.areOn && this.prng.chance(probability);
  }

  /** Uniform up to `maxMs`, whether faults are on or not: how long something takes to be noticed. */
  withinMs(maxMs: number): number {
    return this.prng.int(maxMs + 1);
  }

  /** Until the network breaks a connection just made; null = it will not. */
  breaksInMs(): number | null {
    return this.areOn ? this.prng.exponential(this.plan.breakEveryMs) : null;
  }

  private delayMs(minMs: number, meanMs: number): number {
    if (!this.areOn) return minMs;
    const factor = this.prng.chance(SLOW) ? SLOW_FACTOR : 1;
    return minMs + this.prng.exponential(meanMs * factor);
  }

  private planOutage(): void {
    const { storeOutageEveryMs, storeOutageMs } = this.plan;
    this.clock.after(this.prng.exponential(storeOutageEveryMs), () => {
      if (!this.areOn) return;
      this.outageUntilMs = this.clock.nowMs() + this.prng.exponential(storeOutageMs);
      this.planOutage();
    });
  }
}

/** An operational error as a store's client reports it, with a code of src/store/retry.ts. */
export function lineError(code: 'ECONNREFUSED' | 'ECONNRESET' | 'ETIMEDOUT'): Error {
  return Object.assign(new Error(`simulated ${code}`), { code });
}
