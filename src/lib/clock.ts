import { performance } from 'node:perf_hooks';

/** Read once: the time is asked for with every ping, and as a property of the global it is looked up by a getter each time. */
const { timeOrigin } = performance;

/** A pending timer; `cancel` is idempotent and a no-op once it has fired. */
export interface Timer {
  cancel(): void;
}

/**
 * The only source of time: everything that reads or waits takes one as a parameter, so that the demo can run faster than
 * the wall and the simulation without it. Times are Unix milliseconds, delays milliseconds of this clock.
 */
export interface Clock {
  nowMs(): number;
  /** Calls `fire` once, `delayMs` (0 or more) from now. Never fires inside the call. */
  after(delayMs: number, fire: () => void): Timer;
  /** Calls `fire` every `periodMs` until cancelled; a late call is not made up for. */
  every(periodMs: number, fire: () => void): Timer;
}

/**
 * Wall time, times `speed` from `startMs` on (a demo's clock); speed 1 without a start is the machine's own clock. The
 * start counts from `originWallMs` of the machine's clock, default now: processes given the same three agree on the time.
 */
export function createWallClock(
  options: { speed?: number; startMs?: number; originWallMs?: number } = {},
): Clock {
  const speed = options.speed ?? 1;
  // Monotonic: a clock that steps back would let an offer live twice as long.
  const originWallMs = options.originWallMs ?? timeOrigin + performance.now();
  const originMs = options.startMs ?? originWallMs;
  const nowMs = (): number => Math.round(originMs + (timeOrigin + performance.now() - originWallMs) * speed);
  return {
    nowMs,
    after(delayMs, fire) {
      const handle = setTimeout(fire, Math.max(0, delayMs) / speed);
      return { cancel: () => clearTimeout(handle) };
    },
    every(periodMs, fire) {
      const handle = setInterval(fire, periodMs / speed);
      return { cancel: () => clearInterval(handle) };
    },
  };
}

/** Milliseconds since some fixed moment, with fractions: for measuring how long things take on the wall. */
export function stopwatchMs(): number {
  return performance.now();
}

/** CPU time this process has used so far, ms: stands still while the process is stopped. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/**
 * Resolves once everything that is ready to run has run, promises and what they set off included: after this turn of the event
 * loop. For a simulation, between two events; real programs have nothing to wait for here.
 */
export function idleLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
