import { appendFileSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { appendHistory, entryOf, readHistory, seriesIn } from '../../../bench/suite/history.ts';
import { seriesOf } from '../../../bench/suite/series.ts';
import { headerOf, measuredRow, testPlace } from './suite-fakes.ts';

test('what was measured comes back from a line, series by series', () => {
  const { historyFile } = testPlace().place;
  const row = measuredRow({ skipped: [{ what: 'Socket.IO', why: 'not here' }] });
  appendHistory(historyFile, entryOf(headerOf(), row));
  appendHistory(historyFile, entryOf(headerOf({ dateIso: '2026-01-03T00:00:00.000Z' }), row));
  const { entries, badLines } = readHistory(historyFile);
  expect(badLines).toBe(0);
  expect(entries.map(({ dateIso }) => dateIso.slice(0, 10))).toEqual(['2026-01-02', '2026-01-03']);
  expect(seriesIn(entries[0]!)).toEqual(seriesOf(row.samples));
  expect(entries[0]).toMatchObject({
    ...{ row: 'ping', commit: 'abc1234', quick: false, skipped: ['Socket.IO: not here'] },
    machine: 'A CPU, 2 cores, 8 GiB, Node v20.0.0, Linux 6',
    goals: row.goals,
  });
});

test('a line holds what samples come to, not the samples', () => {
  const line = JSON.stringify(entryOf(headerOf(), measuredRow()));
  expect(line).not.toContain('"repeat"');
  expect(line).not.toContain('\n');
});

test('a row that failed leaves its error and its missed goals, and no figure', () => {
  const entry = entryOf(headerOf(), measuredRow({ error: '3 pings were lost' }));
  expect(entry.error).toBe('3 pings were lost');
  expect(entry.figures).toEqual([]);
});

test('bad lines are counted and left out; a file that is not there is empty', () => {
  const { historyFile } = testPlace().place;
  expect(readHistory(historyFile)).toEqual({ entries: [], badLines: 0 });
  const entry = entryOf(headerOf(), measuredRow());
  appendHistory(historyFile, entry);
  const other = { ...entry, version: 2 };
  const broken = { ...entry, figures: [{ metric: 'a', unit: 'b', on: { c: { d: [1, 2] } } }] };
  const bad = ['{"version":1', '<<<<<<< HEAD', JSON.stringify(other), JSON.stringify(broken), '[]'];
  appendFileSync(historyFile, `${bad.join('\n')}\n\n`);
  appendHistory(historyFile, entry);
  expect(readHistory(historyFile)).toEqual({ entries: [entry, entry], badLines: bad.length });
  expect(readFileSync(historyFile, 'utf8').endsWith('\n')).toBe(true);
});
