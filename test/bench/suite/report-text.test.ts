import { expect, test } from 'vitest';
import * as text from '../../../bench/suite/report-text.ts';
import { headerOf, measuredRow, sampleOf } from './suite-fakes.ts';

test('figures are whole from a thousand on and have four digits below', () => {
  expect([0, 0.012345, 7.126, 999.96, 1000.4, 61234.5].map(text.figureText)).toEqual([
    ...['0', '0.01235', '7.126', '1,000', '1,000', '61,235'],
  ]);
});

test('a row shows its subjects below one another, with their ratio to the engine of the same repeat', () => {
  expect(text.rowText(measuredRow())).toBe(
    [
      '== ping: what a ping costs (12 s)',
      '',
      '1,000 sockets, 1 ping a frame',
      '  CPU per ping, µs  median  least  most  count  × hexdispatch',
      '    hexdispatch          8      7     9      2',
      '    ws                  70     70    70      1             10',
    ].join('\n'),
  );
});

test('without the engine in a table there is nothing to hold the others against', () => {
  const samples = [sampleOf('ws', 1, 70), sampleOf('Socket.IO', 1, 80)];
  expect(text.rowText(measuredRow({ samples }))).not.toContain('×');
});

test('each case has its own tables', () => {
  const samples = [sampleOf('ws', 1, 70), sampleOf('ws', 1, 80, 'another case')];
  const lines = text.rowText(measuredRow({ samples })).split('\n');
  expect(lines).toContain('another case');
  expect(lines.filter((line) => line.includes('median'))).toHaveLength(2);
});

test('goals tell met from missed, and a figure that could not be taken', () => {
  const goals = [
    { name: 'CPU', goal: 'at most 10', measured: 8, unit: 'µs', met: true },
    { name: 'rate', goal: 'at least 3', measured: null, unit: '×', met: false },
  ];
  expect(text.goalsText([measuredRow({ goals })]).split('\n')).toEqual([
    'Goals               goal        measured      unit',
    'ping: CPU   met     at most 10  8             µs',
    'ping: rate  MISSED  at least 3  not measured  ×',
  ]);
  expect(text.verdictText([measuredRow({ goals })], true)).toBe(
    'all 1 rows measured; 1 of 2 goals met, 1 MISSED (exit code 1, as --strict asks)',
  );
});

test('slow spells and foreign load are named beside the row that they fell on', () => {
  const pace = (cpuMs: number, wallMs: number) => ({ cpuMs, wallMs });
  const load = { wallS: 10, foreignCpus: 0, stolenCpus: 0, before: pace(5, 5), after: pace(5, 5) };
  const rows = [
    measuredRow({ name: 'quiet', load }),
    measuredRow({ name: 'crowded', load: { ...load, foreignCpus: 0.5 } }),
    measuredRow({ name: 'robbed', load: { ...load, stolenCpus: 0.1 } }),
    measuredRow({ name: 'slow', load: { ...load, after: pace(6, 6) } }),
    measuredRow({ name: 'waiting', load: { ...load, before: pace(5, 9) } }),
  ];
  const lines = text.machineLoadText(rows).split('\n').slice(1);
  expect(lines.map((line) => [line.split(' ')[0], /SUSPECT: (.*)/.exec(line)?.[1]])).toEqual([
    ['quiet', undefined],
    ['crowded', 'other programs were busy'],
    ['robbed', 'the hypervisor took CPU away'],
    ['slow', 'the CPU itself was slower'],
    ['waiting', 'it had to wait for a CPU'],
  ]);
});

test('the header says when nothing is held to its CPU, and when the program is not the commit', () => {
  const header = headerOf();
  expect(text.headerText(header)).not.toContain('NOT PINNED');
  const shared = headerOf({ dirty: true, machine: { ...header.machine, isPinning: false } });
  expect(text.headerText(shared)).toContain('NOT PINNED');
  expect(text.headerText(shared)).toContain('abc1234 (changed since)');
});

test('what was left out is told with its reason', () => {
  expect(text.skippedText([measuredRow()])).toBe('');
  const skipped = [{ what: 'Django Channels', why: 'daphne is not installed' }];
  expect(text.skippedText([measuredRow({ skipped })])).toBe(
    'Left out\n  ping: Django Channels: daphne is not installed',
  );
});
