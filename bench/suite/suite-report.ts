import { writeFileSync } from 'node:fs';
import type { Machine, Revision } from './machine.ts';
import type { MachineLoad } from './machine-load.ts';
import type { MeasuredRow, Skipped } from './measured-row.ts';
import type { Goal, Sample } from './row.ts';
import { type Series, seriesOf } from './series.ts';
import type { SuiteOptions } from './suite-options.ts';

/** One run of the suite: what `--json` writes. */
export interface SuiteReport extends Revision {
  /** When the run began. */
  readonly dateIso: string;
  readonly machine: Machine;
  readonly options: Pick<SuiteOptions, 'names' | 'isQuick' | 'repeats' | 'seed'>;
  readonly rows: readonly {
    readonly name: string;
    readonly title: string;
    readonly samples: readonly Sample[];
    readonly spreads: readonly Series[];
    readonly skipped: readonly Skipped[];
    readonly load: MachineLoad;
    readonly error?: string;
  }[];
  readonly goals: readonly (Goal & { readonly row: string })[];
}

/** All of a report but what its rows came to. */
export type RunHeader = Omit<SuiteReport, 'rows' | 'goals'>;

export function reportOf(header: RunHeader, measured: readonly MeasuredRow[]): SuiteReport {
  return {
    ...header,
    rows: measured.map(({ name, title, samples, skipped, load, error }) => ({
      ...{ name, title, samples, spreads: seriesOf(samples), skipped, load },
      ...(error === undefined ? {} : { error }),
    })),
    goals: measured.flatMap(({ name: row, goals }) => goals.map((goal) => ({ row, ...goal }))),
  };
}

export function writeReport(file: string, report: SuiteReport): void {
  writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
}
