import type { Place } from '../../domain/place.ts';
import { distanceBetweenM } from '../../domain/place.ts';

/**
 * Where one cab was, fix by fix, sorted by time; columns, because a city has hundreds of thousands of fixes. Times are Unix
 * milliseconds, lats and lngs WGS 84 degrees; the three columns have one length.
 */
export interface Trace {
  readonly timesMs: Float64Array;
  readonly lats: Float64Array;
  readonly lngs: Float64Array;
  /** Between two fixes farther apart than this the cab was off duty; Infinity = it stood where it was. */
  readonly gapMsMax: number;
}

/** Index of the last fix at or before `timeMs`, -1 when there is none. */
function lastFixAt(trace: Trace, timeMs: number): number {
  let low = 0;
  let high = trace.timesMs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((trace.timesMs[middle] as number) <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function between(trace: Trace, index: number, timeMs: number): Place | null {
  if (index < 0) return null;
  const fromMs = trace.timesMs[index] as number;
  const lat = trace.lats[index] as number;
  const lng = trace.lngs[index] as number;
  if (index + 1 >= trace.timesMs.length) return timeMs === fromMs ? { lat, lng } : null;
  const gapMs = (trace.timesMs[index + 1] as number) - fromMs;
  if (gapMs > trace.gapMsMax) return timeMs === fromMs ? { lat, lng } : null;
  const fraction = gapMs === 0 ? 0 : (timeMs - fromMs) / gapMs;
  return {
    lat: lat + ((trace.lats[index + 1] as number) - lat) * fraction,
    lng: lng + ((trace.lngs[index + 1] as number) - lng) * fraction,
  };
}

/**
 * Where the cab was at `timeMs`, straight between its fixes; null before the first fix, after the last and inside a gap
 * longer than the trace's `gapMsMax` (off duty). Any order of times; O(log fixes).
 */
export function positionAt(trace: Trace, timeMs: number): Place | null {
  return between(trace, lastFixAt(trace, timeMs), timeMs);
}

/** As `positionAt` for one cab asked again and again: time going on costs O(1), time going back is right, only slower. */
export class TraceCursor {
  readonly #trace: Trace;
  #index = -1;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  /** See `positionAt`. */
  positionAt(timeMs: number): Place | null {
    const { timesMs } = this.#trace;
    if (this.#index >= 0 && timeMs < (timesMs[this.#index] as number))
      this.#index = lastFixAt(this.#trace, timeMs);
    while (this.#index + 1 < timesMs.length && (timesMs[this.#index + 1] as number) <= timeMs)
      this.#index += 1;
    return between(this.#trace, this.#index, timeMs);
  }
}

/** Speeds above this between two kept fixes are a defect of the receiver, not a cab: 180 km/h. */
export const TRACE_SPEED_MPS_MAX = 50;

/** Collects one cab's fixes, in time order, and leaves out what no cab can have done. */
export class TraceBuilder {
  readonly #timesMs: number[] = [];
  readonly #lats: number[] = [];
  readonly #lngs: number[] = [];

  get length(): number {
    return this.#timesMs.length;
  }

  /**
   * Adds a fix, or says why it was left out: `sameTime` (not later than the last), `impossibleSpeed` (see
   * TRACE_SPEED_MPS_MAX, measured from the last fix kept, so that a cab is found again some fixes after a jump).
   */
  add(timeMs: number, lat: number, lng: number): 'kept' | 'sameTime' | 'impossibleSpeed' {
    const last = this.#timesMs.length - 1;
    if (last >= 0) {
      const elapsedMs = timeMs - (this.#timesMs[last] as number);
      if (elapsedMs <= 0) return 'sameTime';
      const movedM = distanceBetweenM(this.#lats[last] as number, this.#lngs[last] as number, lat, lng);
      if (movedM > (TRACE_SPEED_MPS_MAX * elapsedMs) / 1000) return 'impossibleSpeed';
    }
    this.#timesMs.push(timeMs);
    this.#lats.push(lat);
    this.#lngs.push(lng);
    return 'kept';
  }

  /** The fixes so far as columns. */
  build(gapMsMax: number): Trace {
    return {
      timesMs: Float64Array.from(this.#timesMs),
      lats: Float64Array.from(this.#lats),
      lngs: Float64Array.from(this.#lngs),
      gapMsMax,
    };
  }
}

/** A cab that stands at `place` from `startMs` to `endMs`. */
export function standingTrace(place: Place, startMs: number, endMs: number): Trace {
  return {
    timesMs: Float64Array.of(startMs, endMs),
    lats: Float64Array.of(place.lat, place.lat),
    lngs: Float64Array.of(place.lng, place.lng),
    gapMsMax: Infinity,
  };
}

/** One trace out of several that follow each other in time; between them the cab is off duty when they are farther apart than `gapMsMax`. */
export function joinTraces(traces: readonly Trace[], gapMsMax: number): Trace {
  const join = (column: 'timesMs' | 'lats' | 'lngs'): Float64Array => {
    const whole = new Float64Array(traces.reduce((sum, trace) => sum + trace[column].length, 0));
    let at = 0;
    for (const trace of traces) {
      whole.set(trace[column], at);
      at += trace[column].length;
    }
    return whole;
  };
  return { timesMs: join('timesMs'), lats: join('lats'), lngs: join('lngs'), gapMsMax };
}
