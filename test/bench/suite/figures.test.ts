import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atLeast, atMost, Figures, medianOf, quantileOf } from '../../../bench/suite/figures.ts';
import type { Sample } from '../../../bench/suite/row.ts';

const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 40 });

test('as many values lie below the median as above it, whatever their order', () => {
  fc.assert(
    fc.property(values, (all) => {
      const median = medianOf(all);
      const below = all.filter((value) => value < median).length;
      const above = all.filter((value) => value > median).length;
      expect(below).toBeLessThanOrEqual(all.length / 2);
      expect(above).toBeLessThanOrEqual(all.length / 2);
      expect(medianOf(all.toReversed())).toBe(median);
    }),
  );
});

test('a quantile is one of the values, with its share of them at or below it and no more than that strictly below', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
      const quantile = quantileOf(all, share);
      expect(all).toContain(quantile);
      const atOrBelow = all.filter((value) => value <= quantile).length;
      const below = all.filter((value) => value < quantile).length;
      expect(atOrBelow).toBeGreaterThanOrEqual(share * all.length);
      expect(below).toBeLessThanOrEqual(share * all.length);
    }),
  );
});

test('nothing has no median and no quantile', () => {
  expect(medianOf([])).toBeNaN();
  expect(quantileOf([], 0.5)).toBeNaN();
  const figures = new Figures([]);
  expect(figures.spread('ws', 'a case', 'a metric')).toBeNull();
  expect(figures.median('ws', 'a case', 'a metric')).toBeNull();
  expect(figures.ratio('ws', 'hexdispatch', 'a case', 'a metric')).toBeNull();
});

const sample = (subject: string, repeat: number, value: number): Sample => ({
  ...{ subject, repeat, value },
  ...{ on: 'a case', metric: 'CPU per ping', unit: 'µs' },
});

test('a ratio does not see how slow the machine was in each repeat', () => {
  fc.assert(
    fc.property(values, fc.integer({ min: 2, max: 64 }), (slowness, factor) => {
      const samples = slowness.flatMap((slow, i) => [
        sample('ws', i + 1, slow * factor),
        sample('hexdispatch', i + 1, slow),
      ]);
      const ratio = new Figures(samples).ratio('ws', 'hexdispatch', 'a case', 'CPU per ping')!;
      expect(ratio).toBeCloseTo(factor, 6);
    }),
  );
});

test('a ratio is made of the repeats that both have', () => {
  const figures = new Figures([
    ...[sample('ws', 1, 30), sample('ws', 2, 20)],
    ...[sample('hexdispatch', 2, 10), sample('hexdispatch', 3, 1)],
  ]);
  expect(figures.ratio('ws', 'hexdispatch', 'a case', 'CPU per ping')).toBe(2);
  expect(figures.ratio('ws', 'Socket.IO', 'a case', 'CPU per ping')).toBeNull();
});

test('a goal is met at its bound, and missed beyond it and without a figure', () => {
  expect(atMost('a', 1.4, 1.4, '×')).toMatchObject({ goal: 'at most 1.4', met: true });
  expect(atMost('a', 1.4, 1.401, '×').met).toBe(false);
  expect(atMost('a', 1.4, null, '×')).toMatchObject({ measured: null, met: false });
  expect(atMost('a', 1.4, NaN, '×').met).toBe(false);
  expect(atLeast('a', 3, 3, '×')).toMatchObject({ goal: 'at least 3', met: true });
  expect(atLeast('a', 3, 2.9, '×').met).toBe(false);
  expect(atLeast('a', 3, null, '×').met).toBe(false);
});
