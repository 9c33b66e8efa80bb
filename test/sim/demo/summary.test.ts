import { describe, expect, it } from 'vitest';
import {
  pickupWait,
  renderSummary,
  type RunRecord,
  summarize,
  summaryJson,
} from '../../../src/sim/demo/summary.ts';
import { REPORT } from './city-samples.ts';

const RUN: RunRecord = {
  city: 'san-francisco',
  mode: 'batch',
  seed: 7,
  speed: 20,
  drivers: 5,
  tickMs: 500,
  askedS: 30,
  fixesSent: 900,
  server: {
    cpuS: 0.02,
    redisCommands: 45,
    fixes: 1_000,
    memoryMb: 120,
    offerLatencyMs: { p50: 17, p99: 60 },
    offerLatencyWaitedMs: { p50: null, p99: null },
    tickMs: { p50: 0.1, p99: 5 },
    eventLoopDelayMs: { p99: 3, p999: 20 },
  },
  report: REPORT,
  audit: { clean: true, violations: [], checked: { trips: 9, events: 40, offers: 9 } },
};

describe('summarize', () => {
  it('does the sums', () => {
    expect(summarize(RUN)).toMatchObject({
      ...{ requests: 10, matched: 6, completed: 4, cancelled: 2, expired: 1, open: 2, refused: 1 },
      // 6 of the 10 that were neither refused nor are still searching.
      matchedShare: 0.75,
      pingsPerS: 30,
      redisCommandsPerPing: 0.045,
      cpuUsPerPing: 20,
      offerLatencyMs: { p50: 17, p99: 60 },
      offerLatencyAppsMs: { p50: 21, p99: 190 },
      pickupWaitS: { mean: 25, p50: 20, p90: 40 },
      offersPerMatch: 1.5,
      tickPeriodMs: 25,
      apps: { connections: 5, resumed: 2, commandsRepeated: 1, pingStretch: 1.23 },
      audit: { clean: true, violations: [] },
    });
  });

  it('says null, not zero, where there was nothing to measure', () => {
    const nothing = { ...REPORT.rides, requests: 0, refused: 0, searching: 0, matched: 0, offers: 0 };
    const summary = summarize({
      ...RUN,
      server: { ...RUN.server, fixes: 0, cpuS: null },
      report: { ...REPORT, rides: nothing, pickupWaitsS: [] },
    });
    expect(summary).toMatchObject({
      matchedShare: null,
      cpuUsPerPing: null,
      redisCommandsPerPing: null,
      offersPerMatch: null,
      pickupWaitS: { mean: null, p50: null, p90: null },
    });
    expect(renderSummary([summary]).join('\n')).not.toMatch(/NaN|undefined|null/);
  });

  it('takes percentiles by nearest rank', () => {
    const waits = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(pickupWait(waits)).toEqual({ mean: 50.5, p50: 50, p90: 90 });
    expect(pickupWait([7])).toEqual({ mean: 7, p50: 7, p90: 7 });
  });

  it('has the keys that were promised, and all runs by mode when there are several', () => {
    const [batch, nearest] = [summarize(RUN), summarize({ ...RUN, mode: 'nearest', seed: 8 })];
    const promised = [
      ...['requests', 'matched', 'completed', 'cancelled', 'expired', 'pingsPerS', 'redisCommandsPerPing'],
      ...['cpuUsPerPing', 'offerLatencyMs', 'pickupWaitS', 'audit'],
    ];
    expect(Object.keys(summaryJson([batch]))).toEqual(expect.arrayContaining(promised));
    expect(summaryJson([batch])).not.toHaveProperty('modes');
    expect(summaryJson([batch, nearest])).toMatchObject({
      mode: 'batch',
      seed: 7,
      modes: { batch: { seed: 7 }, nearest: { mode: 'nearest', seed: 8 } },
    });
  });

  it('is shown side by side, with what the audit found below', () => {
    const violations = [{ rule: 'R2' as const, tripId: 't-1', detail: 'two at once' }];
    const bad = summarize({ ...RUN, mode: 'nearest', audit: { ...RUN.audit, clean: false, violations } });
    const lines = renderSummary([summarize(RUN), bad]);
    expect(lines.find((line) => line.includes('batch'))).toMatch(/batch +nearest$/);
    expect(lines.find((line) => line.startsWith('rides asked'))).toMatch(/10 +10$/);
    expect(lines.find((line) => line.startsWith('audit'))).toMatch(/clean \(9 trips\) +1 VIOLATIONS$/);
    expect(lines.at(-1)).toBe('nearest: R2 t-1 two at once');
  });
});
