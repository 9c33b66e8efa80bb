import type { Goal, Sample, Subject } from './row.ts';

/** Median, least and most of a series. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
  readonly count: number;
}

/** The middle value; the mean of the two middle ones of an even number. NaN of none. */
export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value at `share` (0 to 1) of the sorted values, by the nearest rank; NaN of none. */
export function quantileOf(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** What a row's samples come to. */
export class Figures {
  readonly samples: readonly Sample[];

  constructor(samples: readonly Sample[]) {
    this.samples = samples;
  }

  /** Null without a sample. */
  spread(subject: Subject, on: string, metric: string): Spread | null {
    const values = this.series(subject, on, metric).map(({ value }) => value);
    if (values.length === 0) return null;
    return {
      median: medianOf(values),
      least: Math.min(...values),
      most: Math.max(...values),
      count: values.length,
    };
  }

  median(subject: Subject, on: string, metric: string): number | null {
    return this.spread(subject, on, metric)?.median ?? null;
  }

  /**
   * Median over the repeats of `a` divided by `b` within the same repeat: a machine that is slow for a while is so for both. Null when they have
   * no repeat in common.
   */
  ratio(a: Subject, b: Subject, on: string, metric: string): number | null {
    const others = new Map(this.series(b, on, metric).map(({ repeat, value }) => [repeat, value]));
    const ratios = this.series(a, on, metric).flatMap(({ repeat, value }) => {
      const other = others.get(repeat);
      return other === undefined ? [] : [value / other];
    });
    return ratios.length === 0 ? null : medianOf(ratios);
  }

  private series(subject: Subject, on: string, metric: string): Sample[] {
    return this.samples.filter(
      (sample) => sample.subject === subject && sample.on === on && sample.metric === metric,
    );
  }
}

/** A goal with an upper bound; one that could not be measured is a miss. */
export function atMost(name: string, limit: number, measured: number | null, unit: string): Goal {
  return { name, goal: `at most ${limit}`, measured, unit, met: measured !== null && measured <= limit };
}

/** A goal with a lower bound; one that could not be measured is a miss. */
export function atLeast(name: string, limit: number, measured: number | null, unit: string): Goal {
  return { name, goal: `at least ${limit}`, measured, unit, met: measured !== null && measured >= limit };
}
