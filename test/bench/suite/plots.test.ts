import fc from 'fast-check';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { linearAxis, logAxis } from '../../../bench/suite/axis.ts';
import { barChart } from '../../../bench/suite/bar-chart.ts';
import { closenessOf } from '../../../bench/suite/goal-grid.ts';
import { entryOf, type HistoryEntry } from '../../../bench/suite/history.ts';
import { lineChart } from '../../../bench/suite/line-chart.ts';
import { drawPlots, sizeIn } from '../../../bench/suite/plots.ts';
import type { Sample } from '../../../bench/suite/row.ts';
import { headerOf, measuredRow, testPlace } from './suite-fakes.ts';

/** Fails on what is not XML: tags that do not match, a bare `&` or `<`, an attribute without quotes. */
function assertWellFormed(xml: string): void {
  const open: string[] = [];
  let rest = xml.trim();
  while (rest !== '') {
    const text = /^(?:[^<&]|&(?:amp|lt|gt|quot);)+/.exec(rest)?.[0];
    const tag = /^<(\/?)([a-z]+)((?: [a-zA-Z-]+="[^"<]*")*)(\/?)>/.exec(rest);
    if (text === undefined && tag === null) throw new Error(`not XML: ${rest.slice(0, 80)}`);
    rest = rest.slice((text ?? tag![0]).length);
    if (tag === null || text !== undefined) continue;
    if (tag[1] === '/') expect(open.pop()).toBe(tag[2]);
    else if (tag[4] === '') open.push(tag[2]!);
  }
  expect(open).toEqual([]);
}

const NO_FIGURE = /NaN|Infinity|undefined/;

/** No coordinate may be missing or outside of what can be drawn. */
function assertDrawable(svg: string): void {
  assertWellFormed(svg);
  expect(svg).not.toMatch(NO_FIGURE);
  const [width, height] = ['width', 'height'].map((name) =>
    Number(new RegExp(`<svg[^>]* ${name}="([\\d.]+)"`).exec(svg)![1]),
  );
  for (const [, x] of svg.matchAll(/ c?x="([-\d.]+)"/g)) expect(Number(x)).toBeLessThanOrEqual(width!);
  for (const [, y] of svg.matchAll(/ c?y="([-\d.]+)"/g)) expect(Number(y)).toBeLessThanOrEqual(height!);
}

test('the check of this test knows what is not XML', () => {
  for (const bad of ['<a>', '<a></b>', '<a x=1/>', 'a & b', '<a x="<"/>', '</a>'])
    expect(() => assertWellFormed(bad), bad).toThrow();
  assertWellFormed('<a x="1"><b/>1 &amp; 2</a>');
});

const sample = (subject: string, on: string, metric: string, unit: string, value: number): Sample => ({
  ...{ subject, on, metric, unit, value, repeat: 1 },
});

function historyOfAllRows(): HistoryEntry[] {
  const peers = ['hexdispatch', 'bare uWebSockets.js', 'Socket.IO', 'a <peer> & "more"'];
  const loads = ['1,000 pings/s', '10,000 pings/s', '50,000 pings/s'];
  const of: Record<string, Sample[]> = {
    ping: peers.flatMap((name, i) => [
      sample(name, '200 sockets', 'server CPU per ping', 'µs', 5 * 3 ** i),
      sample(name, '1,000 sockets', 'server CPU per ping', 'µs', 6 * 3 ** i),
      sample(name, '1,000 sockets', 'throughput', '/s', 1e5),
    ]),
    idle: peers.map((name, i) => sample(name, '50,000 sockets', 'memory per socket', 'bytes', 600 * (i + 1))),
    nearby: peers.map((name, i) => sample(name, '10k drivers', 'requests', '/s', 3e4 / (i + 1))),
    offers: loads.map((on, i) => sample('hexdispatch', on, 'request to offer, p99', 'ms', 500 + i)),
    assignment: peers.map((name, i) => sample(name, '3,000 × 6,000', 'solve', 'ms', 3 * 10 ** i)),
    growth: ['0 trips', '100k trips', '10M trips'].map((on, i) =>
      sample('hexdispatch', on, 'time of a transition', 'µs', 100 + i),
    ),
  };
  return Object.entries(of).map(([name, samples]) => entryOf(headerOf(), measuredRow({ name, samples })));
}

const drawnIn = (entries: readonly HistoryEntry[]): { files: Map<string, string>; missing: string[] } => {
  const { plotsDir } = testPlace().place;
  const { drawn, missing } = drawPlots(entries, plotsDir);
  const files = new Map(
    readdirSync(plotsDir).map((file) => [file, readFileSync(path.join(plotsDir, file), 'utf8')]),
  );
  expect([...files.keys()].sort()).toEqual(drawn.map((name) => `${name}.svg`).sort());
  return { files, missing };
};

test('a history with all rows gives all plots, well-formed and drawable', () => {
  const { files, missing } = drawnIn(historyOfAllRows());
  expect(missing).toEqual([]);
  expect([...files.keys()].sort()).toEqual(
    ['assignment-time', 'goals', 'growth', 'idle-bytes', 'nearby-rate', 'offers-p99', 'ping-cpu'].map(
      (name) => `${name}.svg`,
    ),
  );
  for (const svg of files.values()) assertDrawable(svg);
  expect(files.get('ping-cpu.svg')).toContain('a &lt;peer&gt; &amp; &quot;more&quot;');
  expect(files.get('ping-cpu.svg')).not.toContain('throughput');
});

test('the same history gives the same bytes', () => {
  expect([...drawnIn(historyOfAllRows()).files]).toEqual([...drawnIn(historyOfAllRows()).files]);
});

test('plots without data are named and not drawn; quick and failed runs are no data', () => {
  expect(drawnIn([]).files.size).toBe(0);
  const quick = headerOf({ options: { ...headerOf().options, isQuick: true } });
  expect(drawnIn([entryOf(quick, measuredRow())]).files.size).toBe(0);
  const { files, missing } = drawnIn([entryOf(headerOf(), measuredRow({ error: 'lost' }))]);
  expect([...files.keys()]).toEqual(['goals.svg']);
  expect(missing).toContain('ping-cpu');
});

test('the last full run of a row is the one that is shown', () => {
  const entry = (commit: string, value: number): HistoryEntry =>
    entryOf(
      headerOf({ commit }),
      measuredRow({ samples: [sample('hexdispatch', '200 sockets', 'server CPU per ping', 'µs', value)] }),
    );
  const svg = drawnIn([entry('aaaaaaa', 11.5), entry('bbbbbbb', 22.5)]).files.get('ping-cpu.svg')!;
  expect(svg).toContain('22.5 µs');
  expect(svg).toContain('bbbbbbb');
  expect(svg).not.toContain('11.5');
});

test('any figures above 0 make a drawable bar chart', () => {
  const name = fc.string({ maxLength: 12 }).filter((text) => !NO_FIGURE.test(text));
  const figure = fc.double({ min: 1e-4, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, figure, figure, figure), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.constantFrom('log' as const, 'linear' as const),
      (figures, scale) => {
        const bars = figures.map(([name, ...values]) => {
          const [least, value, most] = values.sort((a, b) => a - b);
          return { name, value, least, most };
        });
        assertDrawable(
          barChart({ title: 'a', subtitle: 'b', unit: 'µs', scale, groups: [{ title: 'c', bars }] }),
        );
      },
    ),
    { numRuns: 50 },
  );
});

test('any figures make a drawable line chart, a size of 0 included', () => {
  const point = fc.record({
    x: fc.integer({ min: 0, max: 10_000_000 }),
    y: fc.double({ min: 0, max: 1e9, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 6 }), (points) => {
      const titles = { title: 'a', subtitle: 'b', xTitle: 'c', yTitle: 'd' };
      assertDrawable(lineChart({ ...titles, lines: [{ name: 'e', points }] }));
    }),
    { numRuns: 200, examples: [[[{ x: 0, y: 5e-324 }]]] },
  );
});

test('on an axis more lies further, and all values lie on it', () => {
  const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(values, fc.constantFrom(logAxis, linearAxis), (all, make) => {
      const axis = make(all);
      const sorted = [...all].sort((a, b) => a - b).map((value) => axis.at(value));
      expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
      expect(sorted[0]).toBeGreaterThanOrEqual(0);
      expect(sorted.at(-1)).toBeLessThanOrEqual(1 + 1e-6);
      expect(axis.ticks.length).toBeGreaterThanOrEqual(2);
      expect(axis.at(axis.ticks[0]!)).toBeCloseTo(0);
      expect(axis.at(axis.ticks.at(-1)!)).toBeCloseTo(1);
    }),
  );
});

test('a case is as large as its greatest number', () => {
  expect(sizeIn('10,000 pings/s')).toEqual({ x: 10_000, rest: 'pings/s' });
  expect(sizeIn('nearby, k = 20, 1M drivers')).toEqual({ x: 1_000_000, rest: 'nearby, k = 20, drivers' });
  expect(sizeIn('10k drivers')?.x).toBe(10_000);
  expect(sizeIn('0 trips')?.x).toBe(0);
  expect(sizeIn('an empty store')).toBeNull();
});

test('closeness is 1 at the bound and more beyond it, for both kinds of bound', () => {
  expect(closenessOf({ goal: 'at most 2', measured: 1 })).toBe(0.5);
  expect(closenessOf({ goal: 'at most 2', measured: 2 })).toBe(1);
  expect(closenessOf({ goal: 'at least 3', measured: 1.5 })).toBe(2);
  expect(closenessOf({ goal: 'at least 3', measured: 6 })).toBe(0.5);
  expect(closenessOf({ goal: 'at least 3', measured: null })).toBeNull();
  expect(closenessOf({ goal: 'equal to scipy', measured: 1 })).toBeNull();
});
