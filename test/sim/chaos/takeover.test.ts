import { describe, expect, it } from 'vitest';
import { type FaultRecord, type Sample, spreadOf, takeoverReport } from '../../../src/sim/chaos/takeover.ts';

const T = 1_800_000_000_000;
const kill = (replica: number, fromMs: number, toMs: number | null = fromMs + 8_000): FaultRecord => ({
  ...{ kind: 'kill', replica, fromMs, toMs },
});
const sample = (tripId: string | null, fromMs = T, cause = 0): Sample => ({
  ...{ cause, zone: 'z', fromMs, measures: 'taken_over' },
  outcome: { tripId, sentMs: fromMs, acknowledgedMs: fromMs + 10, toldMs: null },
});

describe('take-over times', () => {
  it('are summed up by nearest rank, in half seconds', () => {
    expect(spreadOf([3.2, 0.1, 3.4, 0.6])).toEqual({
      ...{ samples: 4, p50: 0.6, p99: 3.4, max: 3.4 },
      histogram: [1, 1, 0, 0, 0, 0, 2],
    });
    expect(spreadOf([])).toEqual({ samples: 0, p50: null, p99: null, max: null, histogram: [] });
  });

  it('count from the fault to the first stored offer; without one the longest time counts', () => {
    const offered = new Map([['a', T + 3_100]]);
    const { takeoverS } = takeoverReport([sample('a'), sample('never'), sample(null)], [kill(0, T)], offered);
    expect(takeoverS).toMatchObject({ samples: 3, p50: 25, max: 25 });
    expect(takeoverS.histogram[6]).toBe(1);
  });

  it.each<[string, FaultRecord, boolean]>([
    [
      'a store that was away meanwhile',
      { kind: 'postgres_crash', replica: null, fromMs: T + 1_000, toMs: T + 2_000 },
      true,
    ],
    [
      'a store that was back before',
      { kind: 'postgres_crash', replica: null, fromMs: T - 9_000, toMs: T - 1 },
      false,
    ],
    [
      'a store that fell later',
      { kind: 'redis_restart', replica: null, fromMs: T + 4_000, toMs: null },
      false,
    ],
    ['the next owner’s own death', kill(1, T + 500), true],
    ['a death so fresh that it was not yet known', kill(1, T - 2_000), true],
    ['one long dead', kill(1, T - 6_000, T + 9_000), false],
    [
      'another’s bad way to its store',
      { kind: 'postgres_slow', replica: 1, fromMs: T - 6_000, toMs: T + 9_000 },
      true,
    ],
    [
      'another’s bad lines to clients',
      { kind: 'clients_cut', replica: 1, fromMs: T, toMs: T + 9_000 },
      false,
    ],
  ])('are excused, or not, by %s', (_, other, excused) => {
    const offered = new Map([['a', T + 3_100]]);
    const report = takeoverReport([sample('a')], [kill(0, T), other], offered);
    expect([report.takeoverS.samples, report.takeoverAmidOtherFaultsS.samples]).toEqual(
      excused ? [0, 1] : [1, 0],
    );
    expect(report.slowest[0]).toMatchObject({ excused, kind: 'kill', tookS: 3.1 });
  });
});
