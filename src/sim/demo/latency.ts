import { build, type Histogram } from 'hdr-histogram-js';

/** Percentiles of a measure, in its own unit; null without a single value. */
export interface Percentiles {
  readonly count: number;
  readonly mean: number | null;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
}

/** Whole values from 1 up to a million and beyond, kept to 3 digits (HdrHistogram): memory does not grow with their number. */
export class Measure {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 10_000_000,
    numberOfSignificantValueDigits: 3,
  });

  /** Values below 0 (two clocks that differ by a hair) count as 0, those above 10,000,000 as that. */
  add(value: number): void {
    this.histogram.recordValue(Math.round(Math.min(10_000_000, Math.max(0, value))));
  }

  percentiles(): Percentiles {
    const { histogram } = this;
    const count = histogram.totalCount;
    const at = (percent: number): number | null =>
      count === 0 ? null : histogram.getValueAtPercentile(percent);
    return {
      count,
      mean: count === 0 ? null : Math.round(histogram.mean * 10) / 10,
      p50: at(50),
      p90: at(90),
      p99: at(99),
      p999: at(99.9),
    };
  }
}
