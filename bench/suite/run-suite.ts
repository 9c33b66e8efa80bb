import { closeSync, openSync } from 'node:fs';
import type { Clock } from '../../src/lib/clock.ts';
import { appendHistory, entryOf, readHistory } from './history.ts';
import { type Revision, readMachine } from './machine.ts';
import { type MeasuredRow, measureRow } from './measured-row.ts';
import { drawPlots } from './plots.ts';
import * as text from './report-text.ts';
import type { Row } from './row.ts';
import { readSuiteOptions, type SuiteOptions, USAGE, UsageError } from './suite-options.ts';
import { reportOf, type RunHeader, writeReport } from './suite-report.ts';

/** What the suite touches beside its rows. */
export interface SuitePlace {
  readonly clock: Clock;
  readonly revision: Revision;
  readonly historyFile: string;
  readonly plotsDir: string;
  /** Lines of the result. */
  readonly print: (line: string) => void;
  /** Lines for whoever watches it run. */
  readonly say: (line: string) => void;
  /** Ctrl-C: the row that runs is given up, what was measured before is told. */
  readonly interrupted: AbortSignal;
}

const EXIT = { fine: 0, failed: 1, usage: 2, interrupted: 130 };

/**
 * `npm run bench`: measures the rows asked for in `args`, one after the other, and tells what came out. Resolves with the exit code (see USAGE);
 * a row that fails is told of and the others go on. After Ctrl-C the row that was given up may still be running: the caller has to end the process.
 */
export async function runSuite(
  args: readonly string[],
  rows: readonly Row[],
  place: SuitePlace,
): Promise<number> {
  try {
    const options = readSuiteOptions(
      args,
      rows.map(({ name }) => name),
    );
    if (options.instead === 'help') place.print(USAGE);
    else if (options.instead === 'list')
      for (const { name, title } of rows) place.print(`${name.padEnd(14)}${title}`);
    else if (options.instead === 'plots') redraw(place);
    else return await measureAll(options, rows, place);
    return EXIT.fine;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    place.say(`bench: ${error.message}`);
    return EXIT.usage;
  }
}

async function measureAll(options: SuiteOptions, rows: readonly Row[], place: SuitePlace): Promise<number> {
  if (process.platform !== 'linux')
    throw new UsageError('CPU times are read from /proc, so it runs on Linux only');
  if (options.json !== undefined) assertWritable(options.json);
  const header = headerOf(options, place);
  place.print(text.headerText(header));
  const wanted =
    options.names.length === 0 ? rows : options.names.map((name) => rows.find((row) => row.name === name)!);
  const measured = await inTurn(wanted, options, place, (row) => {
    place.print(`\n${text.rowText(row)}`);
    if (options.keepsHistory) appendHistory(place.historyFile, entryOf(header, row));
  });
  if (measured.length > 0) tellResults(measured, options, place);
  if (place.interrupted.aborted) {
    place.say(`bench: interrupted after ${measured.length} of ${wanted.length} rows`);
    return EXIT.interrupted;
  }
  if (options.json !== undefined) writeReport(options.json, reportOf(header, measured));
  if (options.keepsHistory && !options.isQuick) redraw(place);
  const isMissed = measured.some(({ goals }) => goals.some(({ met }) => !met));
  const isFailed = measured.some(({ error }) => error !== undefined);
  return isFailed || (options.isStrict && isMissed) ? EXIT.failed : EXIT.fine;
}

/** The rows that were measured, all of them unless interrupted. */
async function inTurn(
  rows: readonly Row[],
  options: SuiteOptions,
  place: SuitePlace,
  tell: (row: MeasuredRow) => void,
): Promise<MeasuredRow[]> {
  const startMs = place.clock.nowMs();
  const measured: MeasuredRow[] = [];
  const interruption = new Promise<null>((resolve) => {
    place.interrupted.addEventListener('abort', () => resolve(null), { once: true });
  });
  for (const [i, row] of rows.entries()) {
    if (place.interrupted.aborted) break;
    const say = (line: string): void => {
      const seconds = ((place.clock.nowMs() - startMs) / 1e3).toFixed(0);
      place.say(`${seconds.padStart(5)} s  ${row.name} (${i + 1} of ${rows.length}): ${line}`);
    };
    say(row.title);
    const result = await Promise.race([measureRow(row, options, { clock: place.clock, say }), interruption]);
    if (result === null) break;
    if (result.error !== undefined) say(`FAILED: ${result.error}`);
    measured.push(result);
    tell(result);
  }
  return measured;
}

function tellResults(measured: readonly MeasuredRow[], { isStrict }: SuiteOptions, place: SuitePlace): void {
  const parts = [
    text.machineLoadText(measured),
    text.skippedText(measured),
    text.goalsText(measured),
    text.verdictText(measured, isStrict),
  ];
  for (const part of parts.filter((one) => one !== '')) place.print(`\n${part}`);
}

function headerOf({ names, isQuick, repeats, seed }: SuiteOptions, place: SuitePlace): RunHeader {
  return {
    ...place.revision,
    dateIso: new Date(place.clock.nowMs()).toISOString(),
    machine: readMachine(),
    options: { names, isQuick, repeats, seed },
  };
}

function redraw({ historyFile, plotsDir, say }: SuitePlace): void {
  const { entries, badLines } = readHistory(historyFile);
  if (badLines > 0) say(`bench: ${badLines} lines of the history cannot be read and are left out`);
  const { drawn, missing } = drawPlots(entries, plotsDir);
  say(
    `bench: ${drawn.length} plots drawn${missing.length === 0 ? '' : `; no data yet for ${missing.join(', ')}`}`,
  );
}

/** Minutes of measuring are not to end in a file that cannot be written. */
function assertWritable(file: string): void {
  try {
    closeSync(openSync(file, 'a'));
  } catch (cause) {
    throw new UsageError(`--json ${file} cannot be written (${(cause as Error).message})`, { cause });
  }
}
