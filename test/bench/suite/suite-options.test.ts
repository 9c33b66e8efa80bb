import { expect, test } from 'vitest';
import { readSuiteOptions, UsageError } from '../../../bench/suite/suite-options.ts';

const ROWS = ['ping', 'idle', 'growth'];
const read = (...args: string[]) => readSuiteOptions(args, ROWS);

test('without a word all rows are measured in full, and the history is kept', () => {
  expect(read()).toEqual({
    names: [],
    isQuick: false,
    repeats: 5,
    seed: 1,
    keepsHistory: true,
    isStrict: false,
  });
});

test('names keep their order and count once', () => {
  expect(read('idle', 'ping', 'idle').names).toEqual(['idle', 'ping']);
});

test('every option is heard', () => {
  const args = [
    'ping',
    '--quick',
    '--repeats',
    '3',
    '--seed=7',
    '--json',
    'a.json',
    '--no-history',
    '--strict',
  ];
  expect(read(...args, '--no-install')).toEqual({
    names: ['ping'],
    isQuick: true,
    repeats: 3,
    seed: 7,
    json: 'a.json',
    keepsHistory: false,
    isStrict: true,
  });
  expect(read('--quick').repeats).toBeLessThan(read().repeats);
  expect(read('--list').instead).toBe('list');
  expect(read('--plots-only').instead).toBe('plots');
  expect(read('--list', '--help').instead).toBe('help');
});

test.each([
  [['pong'], 'there is no row "pong": ping, idle, growth'],
  [['--fast'], "unknown option '--fast'"],
  [['--json'], "option '--json <value>' argument missing"],
  [['--json', ''], '--json needs the name of a file'],
  [['--repeats', '0'], '--repeats is a whole number from 1 to 100, not "0"'],
  [['--repeats', '101'], '--repeats is a whole number from 1 to 100, not "101"'],
  [['--repeats', 'many'], 'not "many"'],
  [['--repeats', '1e1'], 'not "1e1"'],
  [['--seed', '1.5'], 'not "1.5"'],
  [['--quick=yes'], "option '--quick' does not take an argument"],
])('%j is refused in one sentence', (args, message) => {
  expect(() => read(...args)).toThrow(UsageError);
  expect(() => read(...args)).toThrow(message);
  expect(() => read(...args)).not.toThrow('\n');
});
