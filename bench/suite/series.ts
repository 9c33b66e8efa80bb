import { Figures, type Spread } from './figures.ts';
import type { Sample, Subject } from './row.ts';

/** What the samples of one subject, case and metric come to. */
export interface Series extends Spread {
  readonly subject: Subject;
  readonly on: string;
  readonly metric: string;
  readonly unit: string;
}

/** All series of a row, in the order in which they began. */
export function seriesOf(samples: readonly Sample[]): Series[] {
  const figures = new Figures(samples);
  const first = new Map<string, Sample>();
  for (const sample of samples) {
    const key = JSON.stringify([sample.subject, sample.on, sample.metric]);
    if (!first.has(key)) first.set(key, sample);
  }
  return [...first.values()].map(({ subject, on, metric, unit }) => ({
    ...{ subject, on, metric, unit },
    ...figures.spread(subject, on, metric)!,
  }));
}

/** Groups by a key, in the order in which the keys first came. */
export function grouped<T>(items: readonly T[], keyOf: (item: T) => string): [key: string, items: T[]][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups];
}
