import { Figures } from './figures.ts';
import { machineText } from './machine.ts';
import type { MeasuredRow } from './measured-row.ts';
import type { Goal, Subject } from './row.ts';
import { grouped, type Series, seriesOf } from './series.ts';
import type { RunHeader } from './suite-report.ts';

const ENGINE: Subject = 'hexdispatch';
/** From here on a row's figures are suspect, in CPUs that others used. */
const FOREIGN_CPUS_NOTED = 0.1;
const STOLEN_CPUS_NOTED = 0.02;
/** How much slower than at the run's best moment the fixed work is worth a word. */
const SLOWER_NOTED = 1.1;

/** A figure for people: whole from 1,000 on, else four digits. */
export function figureText(value: number): string {
  const digits = Math.abs(value) >= 1000 ? { maximumFractionDigits: 0 } : { maximumSignificantDigits: 4 };
  return value.toLocaleString('en-US', digits);
}

export function headerText({ commit, dirty, dateIso, machine, options }: RunHeader): string {
  const size = options.isQuick ? 'quick run' : 'full run';
  return [
    `hexdispatch ${commit}${dirty ? ' (changed since)' : ''}, ${dateIso}, ${size}, ${repeatsText(options.repeats)}, seed ${options.seed}`,
    machineText(machine),
    machine.isPinning
      ? 'the server has CPU 0 to itself; load, stores and everything else share CPU 1'
      : 'NOT PINNED (one CPU, or no taskset): the server shares its CPU with its load, and every figure is worse for it',
  ].join('\n');
}

/** A row's tables: for each case and metric the subjects below one another. */
export function rowText(row: MeasuredRow): string {
  const figures = new Figures(row.samples);
  const lines = [`== ${row.name}: ${row.title} (${row.load.wallS.toFixed(0)} s)`];
  if (row.error !== undefined) lines.push(`FAILED, so none of its goals is met: ${row.error}`);
  for (const [on, ofCase] of grouped(seriesOf(row.samples), (series) => series.on)) {
    lines.push('', on);
    for (const [what, series] of grouped(ofCase, ({ metric, unit }) =>
      unit === '' ? metric : `${metric}, ${unit}`,
    ))
      lines.push(...tableOf(what, series, figures).map((line) => `  ${line}`));
  }
  return lines.join('\n');
}

function tableOf(what: string, series: readonly Series[], figures: Figures): string[] {
  const hasPeers = series.length > 1 && series.some(({ subject }) => subject === ENGINE);
  const head = [what, 'median', 'least', 'most', 'count', ...(hasPeers ? [`× ${ENGINE}`] : [])];
  const rows = series.map(({ subject, on, metric, median, least, most, count }) => {
    const ratio = subject === ENGINE || !hasPeers ? null : figures.ratio(subject, ENGINE, on, metric);
    const cells = [`  ${subject}`, ...[median, least, most].map(figureText), String(count)];
    return ratio === null ? cells : [...cells, figureText(ratio)];
  });
  return columns([head, ...rows]);
}

/** All goals, and what came out. */
export function goalsText(measured: readonly MeasuredRow[]): string {
  const goals = measured.flatMap(({ name, goals }) => goals.map((goal) => ({ row: name, ...goal })));
  if (goals.length === 0) return 'Goals: none';
  const cells = goals.map(({ row, name, goal, measured: value, unit, met }) => [
    ...[`${row}: ${name}`, met ? 'met' : 'MISSED', goal, value === null ? 'not measured' : figureText(value)],
    unit,
  ]);
  const table = columns([['Goals', '', 'goal', 'measured', 'unit'], ...cells]);
  return table.join('\n');
}

/** What the machine did beside each row, and a word where that makes its figures suspect. */
export function machineLoadText(measured: readonly MeasuredRow[]): string {
  const quickestMs = Math.min(...measured.flatMap(({ load }) => [load.before.cpuMs, load.after.cpuMs]));
  const rows = measured.map(({ name, load }) => {
    const paces = [load.before, load.after];
    const cpu = Math.max(...paces.map(({ cpuMs }) => cpuMs / quickestMs));
    const wall = Math.max(...paces.map(({ wallMs }) => wallMs / quickestMs));
    const doubts = [
      ...(load.foreignCpus > FOREIGN_CPUS_NOTED ? ['other programs were busy'] : []),
      ...(load.stolenCpus > STOLEN_CPUS_NOTED ? ['the hypervisor took CPU away'] : []),
      ...(cpu > SLOWER_NOTED ? ['the CPU itself was slower'] : []),
      ...(wall > SLOWER_NOTED && wall > cpu * SLOWER_NOTED ? ['it had to wait for a CPU'] : []),
    ];
    return [
      ...[name, load.foreignCpus.toFixed(2), load.stolenCpus.toFixed(3), cpu.toFixed(2), wall.toFixed(2)],
      doubts.length === 0 ? '' : `SUSPECT: ${doubts.join(', ')}`,
    ];
  });
  const head = ['Machine', 'foreign CPUs', 'stolen CPUs', 'fixed work: CPU ×', 'wall ×', ''];
  return columns([head, ...rows]).join('\n');
}

/** What was left out and why; empty without any. */
export function skippedText(measured: readonly MeasuredRow[]): string {
  const lines = measured.flatMap(({ name, skipped }) =>
    skipped.map(({ what, why }) => `  ${name}: ${what}: ${why}`),
  );
  return lines.length === 0 ? '' : ['Left out', ...lines].join('\n');
}

/** The last words: how many rows and goals, and what that means for the exit code. */
export function verdictText(measured: readonly MeasuredRow[], isStrict: boolean): string {
  const failed = measured.filter(({ error }) => error !== undefined).map(({ name }) => name);
  const goals: Goal[] = measured.flatMap((row) => row.goals);
  const missed = goals.filter(({ met }) => !met).length;
  const rows =
    failed.length === 0
      ? `all ${measured.length} rows measured`
      : `${failed.length} of ${measured.length} rows could not be measured (${failed.join(', ')})`;
  const exit = isStrict
    ? 'exit code 1, as --strict asks'
    : 'the exit code does not tell, --strict makes it 1';
  return `${rows}; ${goals.length - missed} of ${goals.length} goals met${missed === 0 ? '' : `, ${missed} MISSED (${exit})`}`;
}

const repeatsText = (repeats: number): string => (repeats === 1 ? '1 repeat' : `${repeats} repeats`);

/** Aligned: the first column to the left, numbers to the right, words to the left. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const count = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  const isNumeric = widths.map(
    (_, i) => i > 0 && rows.slice(1).every((row) => /^[\d.,-]*$/.test(row[i] ?? '')),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
