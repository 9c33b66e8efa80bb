import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CALM,
  LOAD_LIMITS,
  type Load,
  type LoadLevel,
  LoadMonitor,
  type LoadSample,
  nextLoad,
} from '../../src/dispatch/load-level.ts';
import type { Clock } from '../../src/lib/clock.ts';

const QUIET: LoadSample = { lateMs: 0, queueShare: 0, waitingMs: 0 };
const anySample: fc.Arbitrary<LoadSample> = fc.record({
  lateMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
  queueShare: fc.double({ min: 0, max: 1, noNaN: true }),
  waitingMs: fc.double({ min: 0, max: 60_000, noNaN: true }),
});
const after = (samples: readonly LoadSample[], from: Load = CALM): Load =>
  samples.reduce((load, sample) => nextLoad(load, sample, LOAD_LIMITS), from);
const levels = (samples: readonly LoadSample[], from: Load = CALM): LoadLevel[] => {
  let load = from;
  return samples.map((sample) => (load = nextLoad(load, sample, LOAD_LIMITS)).level);
};
const times = (n: number, sample: LoadSample): LoadSample[] => Array.from({ length: n }, () => sample);
const changes = (seen: readonly LoadLevel[]): number =>
  seen.filter((level, at) => at > 0 && level !== seen[at - 1]).length;

describe('the load', () => {
  it('R10: whatever has been, is calm within ten quiet samples, and stays so', () => {
    fc.assert(
      fc.property(fc.array(anySample, { maxLength: 60 }), (samples) => {
        const quiet = levels(times(30, QUIET), after(samples));
        expect(quiet.slice(10).every((level) => level === 'calm')).toBe(true);
      }),
    );
  });

  it('one sample, however bad, refuses no request, and without a busy loop changes nothing', () => {
    fc.assert(
      fc.property(anySample, fc.nat(50), (bad, quietBefore) => {
        const around = (sample: LoadSample): LoadSample[] => [
          ...[...times(quietBefore, QUIET), sample],
          ...times(20, QUIET),
        ];
        expect(levels(around(bad))).not.toContain('full');
        expect(new Set(levels(around({ ...bad, lateMs: 0 })))).toEqual(new Set(['calm']));
      }),
    );
  });

  it('turns of a second are noticed at the second', () => {
    expect(levels(times(2, { ...QUIET, lateMs: 1_000 }))).toEqual(['busy', 'full']);
  });

  it('any signal at its limit for long makes it full; at half of it, busy', () => {
    for (const signal of ['lateMs', 'queueShare', 'waitingMs'] as const) {
      const at = (share: number): LoadSample => ({ ...QUIET, [signal]: LOAD_LIMITS[signal] * share });
      expect(after(times(50, at(1.01))).level).toBe('full');
      expect(after(times(50, at(0.5))).level).toBe('busy');
      expect(after(times(50, at(0.1))).level).toBe('calm');
    }
  });

  it('does not flap: once at a level, signals that waver by a sixth around any height change it at most once more', () => {
    const height = fc.double({ min: 0, max: 1.2, noNaN: true });
    const waver = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 200, maxLength: 200 });
    fc.assert(
      fc.property(height, waver, (around, offsets) => {
        const sample = (offset: number): LoadSample => ({
          ...QUIET,
          lateMs: LOAD_LIMITS.lateMs * Math.max(0, around + offset / 12),
        });
        const settled = after(times(60, sample(0)));
        expect(changes([settled.level, ...levels(offsets.map(sample), settled)])).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('rises and falls with its signal, level by level', () => {
    const late = (lateMs: number): LoadSample => ({ ...QUIET, lateMs });
    const seen = levels([...times(20, late(160)), ...times(20, late(50)), ...times(20, late(10))]);
    expect([...new Set(seen)]).toEqual(['busy', 'full', 'calm']);
    expect(seen.slice(20).join(' ')).toMatch(/^(full )+(busy )+(calm ?)+$/);
  });
});

/** A clock whose interval is fired by hand, at the time it really is. */
function handClock(): { clock: Clock; cpuMs: () => number; pass: (ms: number, busyMs?: number) => void } {
  let nowMs = 1_000_000;
  let usedMs = 0;
  let tick = (): void => undefined;
  const clock: Clock = {
    nowMs: () => nowMs,
    after: () => ({ cancel: () => undefined }),
    every: (_periodMs, fire) => {
      tick = fire;
      return { cancel: () => (tick = () => undefined) };
    },
  };
  return {
    clock,
    cpuMs: () => usedMs,
    pass(ms, busyMs = 0) {
      nowMs += ms;
      usedMs += busyMs;
      tick();
    },
  };
}

describe('the monitor', () => {
  it('measures how late a busy loop is, tells each change of the level, and ends when it is stopped', () => {
    const { clock, cpuMs, pass } = handClock();
    const told: string[] = [];
    const monitor = new LoadMonitor({
      ...{ wallClock: clock, cpuMs },
      store: () => ({ queueShare: 0, waitingMs: 0 }),
      onChange: (load, before) => told.push(`${before} to ${load.level}`),
    });
    monitor.start();
    for (let i = 0; i < 10; i++) pass(50);
    expect(monitor.pressure).toBe(0);
    // Stopped, and woken up.
    pass(60_000, 20);
    for (let i = 0; i < 20; i++) pass(50, 10);
    expect(told).toEqual([]);
    for (let i = 0; i < 20; i++) pass(250, 240);
    expect(monitor.level).toBe('full');
    for (let i = 0; i < 20; i++) pass(50);
    expect(told).toEqual(['calm to busy', 'busy to full', 'full to busy', 'busy to calm']);
    monitor.stop();
    for (let i = 0; i < 20; i++) pass(250, 250);
    expect(monitor.level).toBe('calm');
  });

  it('hears the store', () => {
    const { clock, cpuMs, pass } = handClock();
    const store = { queueShare: 0, waitingMs: 5_000 };
    const monitor = new LoadMonitor({ wallClock: clock, cpuMs, store: () => store });
    monitor.start();
    for (let i = 0; i < 10; i++) pass(50);
    expect(monitor.level).toBe('full');
  });
});
