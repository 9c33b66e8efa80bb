import assert from 'node:assert/strict';
import type { Clock } from '../../src/lib/clock.ts';
import { Figures } from './figures.ts';
import { type MachineLoad, watchMachine } from './machine-load.ts';
import type { Goal, Row, Sample } from './row.ts';
import type { SuiteOptions } from './suite-options.ts';

/** Something that a row left out, and why. */
export interface Skipped {
  readonly what: string;
  readonly why: string;
}

/** A row after its run. */
export interface MeasuredRow {
  readonly name: string;
  readonly title: string;
  readonly samples: readonly Sample[];
  readonly skipped: readonly Skipped[];
  readonly goals: readonly Goal[];
  readonly load: MachineLoad;
  /** Why there is no figure: the samples are those from before it, and no goal is met. */
  readonly error?: string;
}

interface Watch {
  readonly clock: Clock;
  readonly say: (line: string) => void;
}

/** Runs one row; never rejects for what the row does wrong. */
export async function measureRow(row: Row, options: SuiteOptions, watch: Watch): Promise<MeasuredRow> {
  const samples = new SampleBook();
  const skipped: Skipped[] = [];
  const errors: string[] = [];
  const loadSince = await watchMachine();
  try {
    await row.measure({
      ...{ isQuick: options.isQuick, repeats: options.repeats, seed: options.seed },
      ...{ clock: watch.clock, say: watch.say },
      record: (sample) => samples.add(sample),
      skip: (what, why) => {
        // Once a repeat, from some rows.
        if (skipped.some((one) => one.what === what && one.why === why)) return;
        skipped.push({ what, why });
        watch.say(`left out: ${what}: ${why}`);
      },
    });
    if (samples.all.length === 0) errors.push('it measured nothing');
  } catch (error) {
    errors.push(errorText(error));
  }
  const load = await loadSince();
  const goals = judge(row, samples.all, errors);
  return {
    ...{ name: row.name, title: row.title, samples: samples.all, skipped, load },
    goals: errors.length === 0 ? goals : goals.map((goal) => ({ ...goal, met: false })),
    ...(errors.length === 0 ? {} : { error: errors.join('; ') }),
  };
}

function judge(row: Row, samples: readonly Sample[], errors: string[]): Goal[] {
  try {
    return row.goals(new Figures(samples)).map((goal) => ({
      ...goal,
      // JSON has no such numbers, and a figure that is none is not a figure.
      measured: Number.isFinite(goal.measured) ? goal.measured : null,
      met: goal.met && Number.isFinite(goal.measured),
    }));
  } catch (error) {
    errors.push(`its goals could not be judged: ${errorText(error)}`);
    return [];
  }
}

/** The samples so far; refuses what would make medians or ratios wrong. */
class SampleBook {
  readonly all: Sample[] = [];
  private readonly known = new Set<string>();

  add(sample: Sample): void {
    const name = [sample.subject, sample.on, sample.metric].join(', ');
    assert(Number.isFinite(sample.value), `${name}: ${sample.value} is not a figure`);
    assert(Number.isInteger(sample.repeat) && sample.repeat >= 1, `${name}: repeats are counted from 1`);
    const key = JSON.stringify([sample.subject, sample.on, sample.metric, sample.repeat]);
    assert(!this.known.has(key), `${name}: repeat ${sample.repeat} has two samples`);
    this.known.add(key);
    this.all.push(sample);
  }
}

/** The message, and those of its causes. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message} (${errorText(error.cause)})`;
}
