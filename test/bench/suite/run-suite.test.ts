import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readHistory } from '../../../bench/suite/history.ts';
import { runSuite } from '../../../bench/suite/run-suite.ts';
import type { SuiteReport } from '../../../bench/suite/suite-report.ts';
import { fakeRow, sampleOf, testPlace } from './suite-fakes.ts';

test('rows run one after the other, in the order asked for, with what was asked for', async () => {
  const { place } = testPlace();
  const ran: string[] = [];
  const row = (name: string) =>
    fakeRow(name, async (run) => {
      ran.push(`${name} begins`);
      await new Promise(setImmediate);
      ran.push(`${name} ends: ${run.repeats} ${run.seed} ${run.isQuick}`);
      run.record(sampleOf('hexdispatch', 1, 1));
    });
  const args = ['c', 'a', '--quick', '--seed', '9', '--repeats', '4'];
  expect(await runSuite(args, [row('a'), row('b'), row('c')], place)).toBe(0);
  expect(ran).toEqual(['c begins', 'c ends: 4 9 true', 'a begins', 'a ends: 4 9 true']);
});

test('a row that fails is told, misses its goals and does not stop the others; the exit code is 1', async () => {
  const { place, dir, printed, said } = testPlace();
  const failing = fakeRow('lossy', (run) => {
    run.record(sampleOf('hexdispatch', 1, 10));
    throw new Error('3 pings were lost', { cause: new Error('a socket died') });
  });
  const json = path.join(dir, 'out.json');
  expect(await runSuite(['--json', json], [failing, fakeRow('whole')], place)).toBe(1);
  const report = JSON.parse(readFileSync(json, 'utf8')) as SuiteReport;
  expect(report.rows.map(({ name, error }) => [name, error])).toEqual([
    ['lossy', '3 pings were lost (a socket died)'],
    ['whole', undefined],
  ]);
  expect(report.goals).toEqual([
    { row: 'lossy', name: 'CPU', goal: 'at most 10', measured: 10, unit: 'µs', met: false },
    { row: 'whole', name: 'CPU', goal: 'at most 10', measured: 10, unit: 'µs', met: true },
  ]);
  expect(printed.join('\n')).toContain('FAILED, so none of its goals is met: 3 pings were lost');
  expect(said.join('\n')).toContain('lossy (1 of 2): FAILED');
  const { entries } = readHistory(place.historyFile);
  expect(entries.map(({ row, error, figures }) => [row, error !== undefined, figures.length])).toEqual([
    ['lossy', true, 0],
    ['whole', false, 1],
  ]);
});

test.each([
  ['measures nothing', () => undefined, 'it measured nothing'],
  ['records what is no number', (record: Recorder) => record(1, NaN), 'NaN is not a figure'],
  [
    'records one repeat twice',
    (record: Recorder) => (record(1, 5), record(1, 6)),
    'repeat 1 has two samples',
  ],
  ['counts repeats from 0', (record: Recorder) => record(0, 5), 'repeats are counted from 1'],
])('a row that %s has failed', async (_what, fill, error) => {
  const { place, printed } = testPlace();
  const row = fakeRow(
    'bad',
    (run) => void fill((repeat, value) => run.record(sampleOf('ws', repeat, value))),
  );
  expect(await runSuite([], [row], place)).toBe(1);
  expect(printed.join('\n')).toContain(error);
});
type Recorder = (repeat: number, value: number) => void;

test('a row whose goals cannot be judged has failed, and the others go on', async () => {
  const { place, printed } = testPlace();
  const row = {
    ...fakeRow('odd'),
    goals: () => {
      throw new Error('no such case');
    },
  };
  expect(await runSuite([], [row, fakeRow('whole')], place)).toBe(1);
  expect(printed.join('\n')).toContain('its goals could not be judged: no such case');
  expect(printed.join('\n')).toContain('1 of 2 rows could not be measured (odd)');
});

test('a missed goal alone is told and is exit code 0, with --strict 1', async () => {
  const slow = fakeRow('slow', (run) => run.record(sampleOf('hexdispatch', 1, 11)));
  const { place, printed } = testPlace();
  expect(await runSuite([], [slow], place)).toBe(0);
  expect(printed.at(-1)).toBe(
    '\nall 1 rows measured; 0 of 1 goals met, 1 MISSED (the exit code does not tell, --strict makes it 1)',
  );
  expect(await runSuite(['--strict'], [slow], place)).toBe(1);
  expect(await runSuite(['--strict'], [fakeRow('quick')], place)).toBe(0);
});

test('a wrong option is one sentence and exit code 2, and nothing is measured', async () => {
  const { place, printed, said, dir } = testPlace();
  const row = fakeRow('ping', () => expect.unreachable());
  expect(await runSuite(['--fast'], [row], place)).toBe(2);
  expect(await runSuite(['--json', path.join(dir, 'no', 'such', 'folder')], [row], place)).toBe(2);
  expect(said).toHaveLength(2);
  expect(said[1]).toContain('cannot be written');
  expect(printed).toEqual([]);
});

test('--list and --help measure nothing', async () => {
  const { place, printed } = testPlace();
  const row = fakeRow('ping', () => expect.unreachable());
  expect(await runSuite(['--list'], [row], place)).toBe(0);
  expect(printed).toEqual(['ping          what ping costs']);
  expect(await runSuite(['--help'], [row], place)).toBe(0);
  expect(printed[1]).toContain('npm run bench');
});

test('after Ctrl-C the row that runs is given up, and what was measured before is told and kept', async () => {
  const { place, dir, printed, said, stop } = testPlace();
  const endless = fakeRow('endless', () => {
    stop();
    return new Promise(() => undefined);
  });
  const never = fakeRow('never', () => expect.unreachable());
  const json = path.join(dir, 'out.json');
  expect(await runSuite(['--json', json], [fakeRow('first'), endless, never], place)).toBe(130);
  expect(said.at(-1)).toBe('bench: interrupted after 1 of 3 rows');
  expect(printed.join('\n')).toContain('all 1 rows measured');
  expect(readHistory(place.historyFile).entries.map(({ row }) => row)).toEqual(['first']);
  expect(readFileSync(json, 'utf8')).toBe('');
});

test('the JSON tells the run, every sample and what they come to', async () => {
  const { place, dir } = testPlace();
  const row = fakeRow('ping', (run) => {
    for (const repeat of [1, 2]) {
      run.record(sampleOf('hexdispatch', repeat, 4 + repeat));
      run.record(sampleOf('ws', repeat, 60));
    }
    run.skip('Django Channels', 'daphne is not installed');
  });
  const json = path.join(dir, 'out.json');
  expect(await runSuite(['--json', json, '--repeats', '2', '--no-history'], [row], place)).toBe(0);
  const report = JSON.parse(readFileSync(json, 'utf8')) as SuiteReport;
  expect(report).toMatchObject({
    ...{ commit: 'abc1234', dirty: false },
    options: { names: [], isQuick: false, repeats: 2, seed: 1 },
    machine: { node: process.version },
  });
  expect(report.dateIso).toMatch(/^2026-01-02T03:04:0\d/);
  const [measured] = report.rows;
  expect(measured!.samples).toHaveLength(4);
  expect(measured!.spreads[0]).toMatchObject({
    subject: 'hexdispatch',
    median: 5.5,
    least: 5,
    most: 6,
    count: 2,
  });
  expect(measured!.skipped).toEqual([{ what: 'Django Channels', why: 'daphne is not installed' }]);
  expect(existsSync(place.historyFile)).toBe(false);
  expect(existsSync(place.plotsDir)).toBe(false);
});

test('a full run draws the plots, a quick one does not', async () => {
  const { place } = testPlace();
  expect(await runSuite(['--quick'], [fakeRow('ping')], place)).toBe(0);
  expect(existsSync(place.plotsDir)).toBe(false);
  expect(await runSuite([], [fakeRow('ping')], place)).toBe(0);
  expect(existsSync(path.join(place.plotsDir, 'ping-cpu.svg'))).toBe(true);
  expect(existsSync(path.join(place.plotsDir, 'goals.svg'))).toBe(true);
});
