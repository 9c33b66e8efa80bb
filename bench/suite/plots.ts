import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { barChart } from './bar-chart.ts';
import { closenessOf, goalGrid } from './goal-grid.ts';
import { type HistoryEntry, seriesIn } from './history.ts';
import { type Line, lineChart } from './line-chart.ts';
import { grouped, type Series } from './series.ts';

/** What a plot shows: of the last full run of `row`, all cases of the metrics that fit. */
type Selection = Readonly<{ row: string; metric?: RegExp; unit?: string; on?: RegExp }>;
type Plot = Readonly<{ file: string; title: string }> &
  (
    | (Selection & { readonly kind: 'bars'; readonly scale: 'log' | 'linear' })
    /** Each case is a size: its greatest number. `relative` draws each line as a multiple of its first point. */
    | (Selection & { readonly kind: 'lines'; readonly x: string; readonly relative: boolean })
    | { readonly kind: 'goals' }
  );

const PLOTS: readonly Plot[] = [
  {
    ...{ file: 'ping-cpu', title: 'CPU per ping (less is better)', row: 'ping' },
    ...{ metric: /CPU/i, unit: 'µs', kind: 'bars', scale: 'log' },
  },
  {
    ...{ file: 'idle-bytes', title: 'Memory per idle driver socket (less is better)', row: 'idle' },
    ...{ unit: 'bytes', kind: 'bars', scale: 'log' },
  },
  {
    ...{ file: 'nearby-rate', title: 'nearby, k = 20, a second (more is better)', row: 'nearby' },
    ...{ unit: '/s', kind: 'bars', scale: 'log' },
  },
  {
    ...{ file: 'offers-p99', title: 'Request to offer, p99, by load (less is better)', row: 'offers' },
    ...{
      metric: /^request to offer, p99$/,
      on: /pings\/s/,
      kind: 'lines',
      x: 'pings a second',
      relative: false,
    },
  },
  {
    ...{ file: 'assignment-time', title: 'One exact assignment (less is better)', row: 'assignment' },
    ...{ metric: /^solve$/, unit: 'ms', kind: 'bars', scale: 'log' },
  },
  {
    ...{ file: 'growth', title: 'Cost as the city grows (flat is better)', row: 'growth' },
    ...{ kind: 'lines', x: 'drivers, or trips in the store', relative: true },
  },
  {
    file: 'goals',
    title: 'Goals by commit: share of the bound that is used (1 or less is met)',
    kind: 'goals',
  },
];
const COMMITS_MAX = 12;
const GOAL_NAME_CHARS_MAX = 66;

/** Draws all plots for which there is data from full runs; says which files were written, and for which there was none. */
export function drawPlots(
  entries: readonly HistoryEntry[],
  dir: string,
): { drawn: string[]; missing: string[] } {
  const full = entries.filter(({ quick, error }) => !quick && error === undefined);
  const drawn: string[] = [];
  const missing: string[] = [];
  mkdirSync(dir, { recursive: true });
  for (const plot of PLOTS) {
    // A row that failed has no figures, but its goals were missed.
    const svg = plot.kind === 'goals' ? goalPlot(plot.title, entries) : rowPlot(plot, full);
    if (svg !== null) writeFileSync(path.join(dir, `${plot.file}.svg`), svg);
    (svg === null ? missing : drawn).push(plot.file);
  }
  return { drawn, missing };
}

function rowPlot(plot: Exclude<Plot, { kind: 'goals' }>, full: readonly HistoryEntry[]): string | null {
  const entry = full.filter(({ row }) => row === plot.row).at(-1);
  if (entry === undefined) return null;
  const fitting = seriesIn(entry).filter(
    ({ metric, unit, on }) =>
      (plot.metric?.test(metric) ?? true) &&
      (plot.unit === undefined || plot.unit === unit) &&
      (plot.on?.test(on) ?? true),
  );
  if (fitting.length === 0) return null;
  const subtitle = `${entry.commit}${entry.dirty ? '+' : ''}, ${entry.dateIso.slice(0, 10)}, ${entry.machine}; medians of ${Math.max(...fitting.map(({ count }) => count))}`;
  return plot.kind === 'bars' ? barPlot(plot, fitting, subtitle) : linePlot(plot, fitting, subtitle);
}

function barPlot(
  { title, scale }: { title: string; scale: 'log' | 'linear' },
  series: readonly Series[],
  subtitle: string,
): string {
  const unit = series[0]!.unit;
  const hasMetrics = new Set(series.map(({ metric }) => metric)).size > 1;
  const ofUnit = series.filter((one) => one.unit === unit);
  const groups = grouped(ofUnit, ({ on, metric }) => (hasMetrics ? `${on}: ${metric}` : on));
  return barChart({
    ...{ title, subtitle, unit, scale },
    groups: groups.map(([name, bars]) => ({
      title: name,
      bars: bars.map(({ subject, median, least, most }) => ({ name: subject, value: median, least, most })),
    })),
  });
}

function linePlot(
  { title, x: xTitle, relative }: { title: string; x: string; relative: boolean },
  series: readonly Series[],
  subtitle: string,
): string | null {
  const sized = series.flatMap((one) => {
    const size = sizeIn(one.on);
    return size === null ? [] : [{ ...one, ...size }];
  });
  const parts = { subject: new Set<string>(), metric: new Set<string>(), rest: new Set<string>() };
  for (const one of sized) for (const part of PARTS) parts[part].add(one[part]);
  // A name tells only what differs between the lines.
  const told = PARTS.filter((part) => parts[part].size > 1);
  const lines = grouped(sized, (one) =>
    told.length === 0 ? one.subject : told.map((part) => one[part]).join(', '),
  ).map(([name, ofLine]): Line => {
    const points = ofLine.map(({ x, median }) => ({ x, y: median })).sort((a, b) => a.x - b.x);
    const first = relative ? points[0]!.y : 1;
    return { name, points: points.map(({ x, y }) => ({ x, y: y / first })) };
  });
  const finite = lines.filter(({ points }) => points.every(({ y }) => Number.isFinite(y)));
  if (finite.length === 0) return null;
  const yTitle = relative ? '× the smallest size' : sized[0]!.unit;
  return lineChart({ title, subtitle, xTitle, yTitle, lines: finite });
}

const PARTS = ['metric', 'subject', 'rest'] as const;

/** The greatest number of a case (`10,000`, `10k`, `1M`) and the words around it; null without a number. */
export function sizeIn(on: string): { x: number; rest: string } | null {
  const found = [...on.matchAll(/\d[\d,]*(?:\.\d+)?([kM]?)(?![\w])/g)].map((match) => {
    const factor = match[1] === 'k' ? 1e3 : match[1] === 'M' ? 1e6 : 1;
    return { text: match[0], x: Number(match[0].replace(/[,kM]/g, '')) * factor };
  });
  if (found.length === 0) return null;
  const greatest = found.reduce((a, b) => (b.x > a.x ? b : a));
  return { x: greatest.x, rest: on.replace(greatest.text, '').replace(/\s+/g, ' ').trim() };
}

function goalPlot(title: string, entries: readonly HistoryEntry[]): string | null {
  const full = entries.filter(({ quick, goals }) => !quick && goals.length > 0);
  if (full.length === 0) return null;
  const commits = grouped(full, ({ commit, dirty }) => `${commit}${dirty ? '+' : ''}`).slice(-COMMITS_MAX);
  const names = new Set(
    commits.flatMap(([, ofCommit]) =>
      ofCommit.flatMap(({ row, goals }) => goals.map((goal) => `${row}: ${goal.name}`)),
    ),
  );
  const rows = [...names].sort().map((name) => ({
    name: name.length > GOAL_NAME_CHARS_MAX ? `${name.slice(0, GOAL_NAME_CHARS_MAX - 1)}…` : name,
    cells: commits.map(([, ofCommit]) => {
      const goal = ofCommit
        .flatMap(({ row, goals }) => goals.filter((one) => `${row}: ${one.name}` === name))
        .at(-1);
      return goal === undefined ? null : { met: goal.met, closeness: closenessOf(goal) };
    }),
  }));
  const subtitle = `full runs, the last ${commits.length} commits measured; + is a commit with changes`;
  return goalGrid({ title, subtitle, columns: commits.map(([commit]) => commit), rows });
}
