import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { atMost } from '../../../bench/suite/figures.ts';
import type { MeasuredRow } from '../../../bench/suite/measured-row.ts';
import type { Row, RowRun, Sample, Subject } from '../../../bench/suite/row.ts';
import type { SuitePlace } from '../../../bench/suite/run-suite.ts';
import type { RunHeader } from '../../../bench/suite/suite-report.ts';
import { createWallClock } from '../../../src/lib/clock.ts';

export const CASE = '1,000 sockets, 1 ping a frame';
export const METRIC = 'CPU per ping';

export function sampleOf(subject: Subject, repeat: number, value: number, on = CASE): Sample {
  return { subject, on, metric: METRIC, unit: 'µs', value, repeat };
}

/** A row that measures nothing real: the suite around it is under test. Its goal is met by 10 µs and less. */
export function fakeRow(
  name: string,
  measure: (run: RowRun) => void | Promise<void> = (run) => {
    for (let repeat = 1; repeat <= run.repeats; repeat++) run.record(sampleOf('hexdispatch', repeat, 10));
  },
): Row {
  return {
    name,
    title: `what ${name} costs`,
    measure: async (run) => measure(run),
    goals: (figures) => [atMost('CPU', 10, figures.median('hexdispatch', CASE, METRIC), 'µs')],
  };
}

/** A place of the test's own, and what was printed and said there. */
export function testPlace(): {
  place: SuitePlace;
  dir: string;
  printed: string[];
  said: string[];
  stop: () => void;
} {
  const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-suite-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const [printed, said]: [string[], string[]] = [[], []];
  const controller = new AbortController();
  const place = {
    clock: createWallClock({ startMs: Date.parse('2026-01-02T03:04:05Z'), speed: 1 }),
    revision: { commit: 'abc1234', dirty: false },
    historyFile: path.join(dir, 'bench', 'history.ndjson'),
    plotsDir: path.join(dir, 'plots'),
    print: (line: string) => void printed.push(line),
    say: (line: string) => void said.push(line),
    interrupted: controller.signal,
  };
  return { place, dir, printed, said, stop: () => controller.abort() };
}

export function headerOf(changes: Partial<RunHeader> = {}): RunHeader {
  return {
    ...{ commit: 'abc1234', dirty: false, dateIso: '2026-01-02T03:04:05.000Z' },
    machine: {
      cpuModel: 'A CPU',
      cores: 2,
      memoryGib: 8,
      node: 'v20.0.0',
      kernel: 'Linux 6',
      isPinning: true,
    },
    options: { names: [], isQuick: false, repeats: 2, seed: 1 },
    ...changes,
  };
}

export function measuredRow(changes: Partial<MeasuredRow> = {}): MeasuredRow {
  const pace = { cpuMs: 5, wallMs: 5 };
  return {
    ...{ name: 'ping', title: 'what a ping costs', skipped: [] },
    samples: [sampleOf('hexdispatch', 1, 7), sampleOf('hexdispatch', 2, 9), sampleOf('ws', 1, 70)],
    goals: [{ name: 'CPU', goal: 'at most 10', measured: 8, unit: 'µs', met: true }],
    load: { wallS: 12.3, foreignCpus: 0, stolenCpus: 0, before: pace, after: pace },
    ...changes,
  };
}
