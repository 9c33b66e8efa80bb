import type { Clock, Timer } from '../lib/clock.ts';

/**
 * How much room a server has left. `calm`: all of it. `busy`: pings are thinned out, the oldest first. `full`: new requests are refused
 * too, with `overloaded`. Trips under way are served at every level.
 */
export type LoadLevel = 'calm' | 'busy' | 'full';

/** One look at the server. */
export interface LoadSample {
  /** How late the timer was that took it because the event loop was busy with other things, ms. */
  readonly lateMs: number;
  /** Commands waiting for the store, as a share of the most that may wait. */
  readonly queueShare: number;
  /** How long the first of them has been waiting, wall ms; 0 when none is. */
  readonly waitingMs: number;
}

/** What of each signal, alone and lasting, makes a server full. */
export interface LoadLimits {
  readonly lateMs: number;
  readonly queueShare: number;
  readonly waitingMs: number;
}

/** A turn of the loop that takes 150 ms is felt by every command; the store's queue is given up on after 3 s. */
export const LOAD_LIMITS: LoadLimits = { lateMs: 150, queueShare: 0.5, waitingMs: 1_000 };

/** Where a server stands: its level, and the pressure it follows from (1 = a signal at its limit, for long enough). */
export interface Load {
  readonly level: LoadLevel;
  readonly pressure: number;
}

export const CALM: Load = { level: 'calm', pressure: 0 };

/** How often the load is looked at, wall ms. */
const SAMPLE_MS = 50;
/** The weight of one sample, and the most it may say. */
const WEIGHT = 0.2;
const PRESSURE_MAX = 1.5;
/** A late sample stands for those that were left out, but for so few that one alone does not make a server full. */
const LEFT_OUT_MAX = 3;
/** The pressure at which a level begins, and the one below which it ends: far enough apart that it does not flap. */
const BUSY_FROM = 0.4;
const BUSY_UNTIL = 0.2;
const FULL_FROM = 1;
const FULL_UNTIL = 0.7;

/**
 * The next load: the worst of the sample's signals, smoothed. One long turn of the loop makes a server busy for a moment and never full;
 * overload that lasts makes it full within five samples, the second late one at the latest, and its end calm again within ten.
 */
export function nextLoad(load: Load, sample: LoadSample, limits: LoadLimits): Load {
  const worst = Math.max(
    sample.lateMs / limits.lateMs,
    sample.queueShare / limits.queueShare,
    sample.waitingMs / limits.waitingMs,
  );
  const said = Math.min(PRESSURE_MAX, Math.max(0, worst));
  const leftOut = Math.min(LEFT_OUT_MAX, Math.max(0, Math.floor(sample.lateMs / SAMPLE_MS)));
  const pressure = said + (load.pressure - said) * (1 - WEIGHT) ** (1 + leftOut);
  const isFull = pressure >= (load.level === 'full' ? FULL_UNTIL : FULL_FROM);
  if (isFull) return { level: 'full', pressure };
  const isBusy = pressure >= (load.level === 'calm' ? BUSY_FROM : BUSY_UNTIL);
  return { level: isBusy ? 'busy' : 'calm', pressure };
}

export interface LoadMonitorOptions {
  /** The machine's own: a demo's clock runs faster than the loop. */
  readonly wallClock: Clock;
  /** CPU time used so far, ms: a process that was stopped is late without having been busy. */
  readonly cpuMs: () => number;
  readonly limits?: LoadLimits;
  /** How the store keeps up. */
  readonly store: () => Omit<LoadSample, 'lateMs'>;
  /** Called when the level has changed. */
  readonly onChange?: (load: Load, before: LoadLevel) => void;
}

/** Looks at the load all the time; `level` is for everybody who sheds. */
export class LoadMonitor {
  level: LoadLevel = 'calm';
  private load = CALM;
  private readonly options: LoadMonitorOptions;
  private readonly limits: LoadLimits;
  private timer: Timer | null = null;
  private sampledMs = 0;
  private sampledCpuMs = 0;

  constructor(options: LoadMonitorOptions) {
    this.options = options;
    this.limits = options.limits ?? LOAD_LIMITS;
  }

  /** As Load.pressure: for the metrics. */
  get pressure(): number {
    return this.load.pressure;
  }

  start(): void {
    const { wallClock, cpuMs } = this.options;
    this.sampledMs = wallClock.nowMs();
    this.sampledCpuMs = cpuMs();
    this.timer = wallClock.every(SAMPLE_MS, () => this.sample());
  }

  stop(): void {
    this.timer?.cancel();
  }

  private sample(): void {
    const { wallClock, cpuMs, store, onChange } = this.options;
    const [nowMs, usedMs] = [wallClock.nowMs(), cpuMs()];
    const lateMs = Math.max(0, Math.min(nowMs - this.sampledMs - SAMPLE_MS, usedMs - this.sampledCpuMs));
    this.sampledMs = nowMs;
    this.sampledCpuMs = usedMs;
    this.load = nextLoad(this.load, { lateMs, ...store() }, this.limits);
    const before = this.level;
    this.level = this.load.level;
    if (before !== this.level) onChange?.(this.load, before);
  }
}
