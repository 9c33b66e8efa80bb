import { SERVER_METRICS } from './server-env.ts';

/** One line of Prometheus' text format. */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** All samples by name. */
export type Samples = ReadonlyMap<string, readonly Sample[]>;

const LINE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads `/metrics`; comments and what is no sample are passed over. */
export function readSamples(text: string): Samples {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const match = LINE.exec(line);
    if (match === null) continue;
    const [, name = '', labels = '', value] = match;
    const pairs = [...labels.matchAll(LABEL)].map(([, key = '', text = '']) => [key, text] as const);
    const sample = { labels: Object.fromEntries(pairs), value: numberOf(value) };
    const own = samples.get(name);
    if (own === undefined) samples.set(name, [sample]);
    else own.push(sample);
  }
  return samples;
}

const numberOf = (text: string | undefined): number => (text === '+Inf' ? Infinity : Number(text));

/** The sum over all samples of that name which carry the labels; null when there is none. */
export function total(samples: Samples, name: string, labels: Record<string, string> = {}): number | null {
  const own = (samples.get(name) ?? []).filter((sample) => carries(sample, labels));
  return own.length === 0 ? null : own.reduce((sum, sample) => sum + sample.value, 0);
}

/** The difference of two totals, the counter being null or absent before its first count. */
export function grown(before: Samples, after: Samples, name: string): number | null {
  const now = total(after, name);
  return now === null ? null : now - (total(before, name) ?? 0);
}

const carries = (sample: Sample, labels: Record<string, string>): boolean =>
  Object.entries(labels).every(([key, value]) => sample.labels[key] === value);

/**
 * Quantile `q` (0 to 1) of a histogram's growth between two scrapes, read off its buckets with a straight line inside the bucket, as
 * Prometheus does; null when nothing was counted. What lies beyond the last bucket counts as its edge.
 */
export function histogramQuantile(
  before: Samples,
  after: Samples,
  histogram: { name: string; labels?: Record<string, string> },
  q: number,
): number | null {
  const { name, labels = {} } = histogram;
  const cumulative = bucketsOf(after, name, labels);
  const earlier = new Map(bucketsOf(before, name, labels));
  const buckets = cumulative.map(([edge, count]) => [edge, count - (earlier.get(edge) ?? 0)] as const);
  const count = buckets.at(-1)?.[1] ?? 0;
  if (count === 0) return null;
  const rank = q * count;
  let [lowEdge, lowCount] = [0, 0];
  for (const [edge, upTo] of buckets) {
    if (upTo >= rank && upTo > lowCount)
      return edge === Infinity
        ? lowEdge
        : lowEdge + (edge - lowEdge) * ((rank - lowCount) / (upTo - lowCount));
    [lowEdge, lowCount] = [edge === Infinity ? lowEdge : edge, upTo];
  }
  return lowEdge;
}

function bucketsOf(samples: Samples, name: string, labels: Record<string, string>): [number, number][] {
  const byEdge = new Map<number, number>();
  for (const sample of samples.get(`${name}_bucket`) ?? []) {
    if (!carries(sample, labels)) continue;
    const edge = numberOf(sample.labels['le']);
    byEdge.set(edge, (byEdge.get(edge) ?? 0) + sample.value);
  }
  return [...byEdge].sort(([a], [b]) => a - b);
}

/** What the demo shows of its server; null where the server told nothing. */
export interface ServerFigures {
  readonly cpuS: number | null;
  readonly redisCommands: number | null;
  readonly fixes: number | null;
  readonly memoryMb: number | null;
  readonly offerLatencyMs: { readonly p50: number | null; readonly p99: number | null };
  readonly offerLatencyWaitedMs: { readonly p50: number | null; readonly p99: number | null };
  readonly tickMs: { readonly p50: number | null; readonly p99: number | null };
  readonly eventLoopDelayMs: { readonly p99: number | null; readonly p999: number | null };
}

/** The server's figures of the time between two scrapes; memory and the event loop's delay as of the later one. */
export function serverFigures(before: Samples, after: Samples): ServerFigures {
  const quantiles = (name: string, labels?: Record<string, string>) => {
    const histogram = labels === undefined ? { name } : { name, labels };
    const at = (q: number): number | null => round(histogramQuantile(before, after, histogram, q), 1);
    return { p50: at(0.5), p99: at(0.99) };
  };
  const delay = (quantile: string): number | null =>
    round(total(after, SERVER_METRICS.eventLoopDelayMs, { quantile }), 1);
  const residentBytes = total(after, SERVER_METRICS.residentBytes);
  return {
    cpuS: grown(before, after, SERVER_METRICS.cpuS),
    redisCommands: grown(before, after, SERVER_METRICS.redisCommands),
    fixes: grown(before, after, SERVER_METRICS.fixes),
    memoryMb: residentBytes === null ? null : Math.round(residentBytes / 2 ** 20),
    offerLatencyMs: quantiles(SERVER_METRICS.offerLatencyMs, { supply: 'at_once' }),
    offerLatencyWaitedMs: quantiles(SERVER_METRICS.offerLatencyMs, { supply: 'waited' }),
    tickMs: quantiles(SERVER_METRICS.tickMs),
    eventLoopDelayMs: { p99: delay('0.99'), p999: delay('0.999') },
  };
}

/** To so many digits after the point; null stays null. */
export function round(value: number | null, digits: number): number | null {
  const factor = 10 ** digits;
  return value === null ? null : Math.round(value * factor) / factor;
}
