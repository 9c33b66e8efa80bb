import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { Check } from 'typebox/value';
import { machineText } from './machine.ts';
import type { MeasuredRow } from './measured-row.ts';
import { grouped, type Series, seriesOf } from './series.ts';
import type { RunHeader } from './suite-report.ts';

const SPREAD = Type.Tuple([Type.Number(), Type.Number(), Type.Number(), Type.Number()]);
const ENTRY = Type.Object({
  version: Type.Literal(1),
  row: Type.String(),
  commit: Type.String(),
  dirty: Type.Boolean(),
  dateIso: Type.String(),
  machine: Type.String(),
  /** A quick run's figures are of smaller sizes and do not compare with a full run's. */
  quick: Type.Boolean(),
  repeats: Type.Number(),
  seed: Type.Number(),
  foreignCpus: Type.Number(),
  stolenCpus: Type.Number(),
  /** Why the row could not be measured: then there are no figures. */
  error: Type.Optional(Type.String()),
  skipped: Type.Array(Type.String()),
  goals: Type.Array(
    Type.Object({
      name: Type.String(),
      goal: Type.String(),
      measured: Type.Union([Type.Number(), Type.Null()]),
      unit: Type.String(),
      met: Type.Boolean(),
    }),
  ),
  /** By metric, case and subject: median, least, most and count. */
  figures: Type.Array(
    Type.Object({
      metric: Type.String(),
      unit: Type.String(),
      on: Type.Record(Type.String(), Type.Record(Type.String(), SPREAD)),
    }),
  ),
});

/** One row of one run: a line of bench/history.ndjson. */
export type HistoryEntry = Static<typeof ENTRY>;

export function entryOf(
  { dateIso, commit, dirty, machine, options }: RunHeader,
  row: MeasuredRow,
): HistoryEntry {
  const series = row.error === undefined ? seriesOf(row.samples) : [];
  return {
    ...{ version: 1, row: row.name, commit, dirty, dateIso, machine: machineText(machine) },
    ...{ quick: options.isQuick, repeats: options.repeats, seed: options.seed },
    foreignCpus: short(row.load.foreignCpus),
    stolenCpus: short(row.load.stolenCpus),
    ...(row.error === undefined ? {} : { error: row.error }),
    skipped: row.skipped.map(({ what, why }) => `${what}: ${why}`),
    goals: row.goals.map(({ name, goal, measured, unit, met }) => ({
      ...{ name, goal, unit, met, measured: measured === null ? null : short(measured) },
    })),
    figures: grouped(series, ({ metric, unit }) => JSON.stringify([metric, unit])).map(([, ofMetric]) => ({
      metric: ofMetric[0]!.metric,
      unit: ofMetric[0]!.unit,
      on: Object.fromEntries(
        grouped(ofMetric, ({ on }) => on).map(([on, ofCase]) => [on, spreadsOf(ofCase)]),
      ),
    })),
  };
}

const spreadsOf = (series: readonly Series[]): Record<string, Static<typeof SPREAD>> =>
  Object.fromEntries(
    series.map(({ subject, median, least, most, count }) => [
      subject,
      [short(median), short(least), short(most), count],
    ]),
  );

/** Six digits are more than any of these figures has. */
const short = (value: number): number => Number(value.toPrecision(6));

/** Adds a line; makes the file when there is none. */
export function appendHistory(file: string, entry: HistoryEntry): void {
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

/** All entries, oldest first, and how many lines are none: broken by a merge or a full disk, or of another version. Nothing without a file. */
export function readHistory(file: string): { entries: HistoryEntry[]; badLines: number } {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  const written = lines.filter((line) => line.trim() !== '');
  const entries = written.flatMap((line) => entryIn(line) ?? []);
  return { entries, badLines: written.length - entries.length };
}

function entryIn(line: string): HistoryEntry | null {
  try {
    const value: unknown = JSON.parse(line);
    return Check(ENTRY, value) ? value : null;
  } catch (cause) {
    if (cause instanceof SyntaxError) return null;
    throw cause;
  }
}

/** What an entry says, series by series, in the order in which they were measured. */
export function seriesIn(entry: HistoryEntry): Series[] {
  return entry.figures.flatMap(({ metric, unit, on }) =>
    Object.entries(on).flatMap(([name, bySubject]) =>
      Object.entries(bySubject).map(([subject, [median, least, most, count]]) => ({
        ...{ subject, on: name, metric, unit, median, least, most, count },
      })),
    ),
  );
}
