import { describe, expect, it } from 'vitest';
import {
  grown,
  histogramQuantile,
  readSamples,
  serverFigures,
  total,
} from '../../../src/sim/demo/server-figures.ts';

const BEFORE = `# HELP hexdispatch_pings_total fixes
# TYPE hexdispatch_pings_total counter
hexdispatch_pings_total{outcome="ok"} 10
process_cpu_seconds_total 1.5
hexdispatch_offer_latency_ms_bucket{le="10",supply="at_once"} 5
hexdispatch_offer_latency_ms_bucket{le="20",supply="at_once"} 5
hexdispatch_offer_latency_ms_bucket{le="+Inf",supply="at_once"} 5
`;
const AFTER = `hexdispatch_pings_total{outcome="ok"} 110
hexdispatch_pings_total{outcome="older"} 2
process_cpu_seconds_total 2.5
process_resident_memory_bytes 104857600
hexdispatch_redis_commands_total{purpose="positions"} 8
hexdispatch_event_loop_delay_ms{quantile="0.999"} 12.34
hexdispatch_offer_latency_ms_bucket{le="10",supply="at_once"} 55
hexdispatch_offer_latency_ms_bucket{le="20",supply="at_once"} 105
hexdispatch_offer_latency_ms_bucket{le="+Inf",supply="at_once"} 105
hexdispatch_offer_latency_ms_bucket{le="10",supply="waited"} 0
hexdispatch_offer_latency_ms_bucket{le="20",supply="waited"} 0
hexdispatch_offer_latency_ms_bucket{le="+Inf",supply="waited"} 4
`;

describe('server figures', () => {
  const [before, after] = [readSamples(BEFORE), readSamples(AFTER)];

  it('sums samples by name and labels', () => {
    expect(total(after, 'hexdispatch_pings_total')).toBe(112);
    expect(total(after, 'hexdispatch_pings_total', { outcome: 'older' })).toBe(2);
    expect(total(after, 'no_such_metric')).toBeNull();
    expect(grown(before, after, 'hexdispatch_pings_total')).toBe(102);
    expect(grown(before, after, 'hexdispatch_redis_commands_total')).toBe(8);
  });

  it('reads labels with quotes, commas and braces inside', () => {
    const samples = readSamples('odd{a="x,y",b="say \\"hi\\" {}"} 3 1700000000\n');
    expect(total(samples, 'odd', { a: 'x,y' })).toBe(3);
  });

  it('reads quantiles off what a histogram has grown by', () => {
    const of = (q: number, supply: string): number | null =>
      histogramQuantile(before, after, { name: 'hexdispatch_offer_latency_ms', labels: { supply } }, q);
    expect(of(0.25, 'at_once')).toBeCloseTo(5);
    expect(of(0.5, 'at_once')).toBeCloseTo(10);
    expect(of(0.75, 'at_once')).toBeCloseTo(15);
    expect(of(0.5, 'waited')).toBe(20);
    expect(histogramQuantile(after, after, { name: 'hexdispatch_offer_latency_ms' }, 0.5)).toBeNull();
  });

  it('puts together what the demo shows, null for what was not told', () => {
    expect(serverFigures(before, after)).toEqual({
      cpuS: 1,
      redisCommands: 8,
      fixes: 102,
      memoryMb: 100,
      offerLatencyMs: { p50: 10, p99: 19.8 },
      offerLatencyWaitedMs: { p50: 20, p99: 20 },
      tickMs: { p50: null, p99: null },
      eventLoopDelayMs: { p99: null, p999: 12.3 },
    });
  });
});
