import { PROBE_MS_MAX, type ProbeOutcome } from './probe-rider.ts';
import type { FaultKind } from './schedule.ts';

/*
 * How take-over is measured, from outside, without the engine's word for it:
 * - Just before a replica is hit, it is asked which zones it serves (`GET /v1/connect`, `here`); of a single server all are.
 * - In the same moment (`fromMs`) one rider per such zone begins to ask for a ride over HTTP, at the other replicas. In every zone
 *   there is a free driver of the same vehicle class with a good line to each replica, and nobody else asks for that class.
 * - The zone is served again when an offer for that rider's trip is stored: `offers.offered_at`, read from the database
 *   after the run. `toldMs` is when it was on the driver's screen.
 * - A zone without an offer after PROBE_MS_MAX counts with that time.
 * So a sample contains the rider's own way in (a request that has to be repeated makes it longer, never shorter).
 */

/** What has been done to a replica or a store; `fromMs` to `toMs` (Unix ms) it was not well, null while it is not. */
export interface FaultRecord {
  readonly kind: FaultKind;
  readonly replica: number | null;
  readonly fromMs: number;
  toMs: number | null;
}

/** One zone probed after one fault. */
export interface Sample {
  /** Index of the fault; -1 for none. */
  readonly cause: number;
  readonly zone: string;
  /** From when the time counts: the fault, or its end where it is the recovery that is measured. */
  readonly fromMs: number;
  /** `taken_over`: the zone's owner was hit. `recovered`: a store was, or a link; measured from the fault's end. */
  readonly measures: 'taken_over' | 'handed_over' | 'recovered' | 'undisturbed';
  readonly outcome: ProbeOutcome;
}

/** Seconds; null without samples. `histogram`: samples per half second, from 0 on. */
export interface Spread {
  readonly samples: number;
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
  readonly histogram: readonly number[];
}

const BUCKET_S = 0.5;

/** By nearest rank. */
export function spreadOf(timesS: readonly number[]): Spread {
  const sorted = Float64Array.from(timesS).sort();
  const at = (share: number): number | null => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
    return value === undefined ? null : Math.round(value * 1000) / 1000;
  };
  const histogram: number[] = [];
  for (const timeS of sorted) {
    const bucket = Math.floor(timeS / BUCKET_S);
    while (histogram.length <= bucket) histogram.push(0);
    histogram[bucket]! += 1;
  }
  return { samples: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1), histogram };
}

/** One of the slowest samples, to look after. */
interface SlowSample {
  readonly measures: Sample['measures'];
  readonly kind: FaultKind | null;
  readonly replica: number | null;
  readonly zone: string;
  readonly fromMs: number;
  readonly tookS: number;
  /** When the rider's request was acknowledged, and when the offer was on a driver's screen, after `fromMs`. */
  readonly acknowledgedS: number | null;
  readonly toldS: number | null;
  readonly tripId: string | null;
  readonly excused: boolean;
}

export interface TakeoverReport {
  /** After a kill, a stop or a cut from Redis longer than the lease; see `excuses` for what else may not be wrong. */
  readonly takeoverS: Spread;
  /** The same while something else was wrong that may have kept the next owner from serving. */
  readonly takeoverAmidOtherFaultsS: Spread;
  readonly takeoverByKind: Readonly<Record<string, Spread>>;
  /** After an orderly end. */
  readonly handoverS: Spread;
  /** After the end of what made a store unreachable. */
  readonly recoveryS: Spread;
  /** At the end, with all in order: what a probe takes anyway. */
  readonly undisturbedS: Spread;
  readonly slowest: readonly SlowSample[];
}

/** `offeredMs` is what the database says of each trip's first offer, Unix ms. */
type Offered = ReadonlyMap<string, number>;

const SLOWEST = 12;
/** A replica that has ended is on the roll for so long: it may be given zones that it cannot serve. */
const LEASE_MS = 3_000;

/** Sums the samples up. */
export function takeoverReport(
  samples: readonly Sample[],
  faults: readonly FaultRecord[],
  offeredMs: Offered,
): TakeoverReport {
  const spread = (chosen: readonly Sample[]): Spread =>
    spreadOf(chosen.map((sample) => timeOf(sample, offeredMs) / 1_000));
  const of = (measures: Sample['measures']) => samples.filter((sample) => sample.measures === measures);
  const isExcused = (sample: Sample): boolean =>
    faults.some((fault, index) => index !== sample.cause && excuses(fault, sample, offeredMs));
  const taken = of('taken_over');
  const clear = taken.filter((sample) => !isExcused(sample));
  const kindOf = ({ cause }: Sample): FaultKind | null => faults[cause]?.kind ?? null;
  const kinds = [...new Set(clear.map(kindOf))];
  const slowest = [...samples].sort((a, b) => timeOf(b, offeredMs) - timeOf(a, offeredMs)).slice(0, SLOWEST);
  return {
    takeoverS: spread(clear),
    takeoverAmidOtherFaultsS: spread(taken.filter(isExcused)),
    takeoverByKind: Object.fromEntries(
      kinds.map((kind) => [kind ?? '', spread(clear.filter((sample) => kindOf(sample) === kind))]),
    ),
    handoverS: spread(of('handed_over')),
    recoveryS: spread(of('recovered')),
    undisturbedS: spread(of('undisturbed')),
    slowest: slowest.map((sample) => slowSample(sample, faults, offeredMs, isExcused(sample))),
  };
}

function slowSample(
  sample: Sample,
  faults: readonly FaultRecord[],
  offeredMs: Offered,
  excused: boolean,
): SlowSample {
  const { measures, zone, fromMs, outcome, cause } = sample;
  const after = (atMs: number | null): number | null => (atMs === null ? null : (atMs - fromMs) / 1_000);
  return {
    ...{ measures, zone, fromMs, excused, tripId: outcome.tripId },
    ...{ kind: faults[cause]?.kind ?? null, replica: faults[cause]?.replica ?? null },
    tookS: timeOf(sample, offeredMs) / 1_000,
    acknowledgedS: after(outcome.acknowledgedMs),
    toldS: after(outcome.toldMs),
  };
}

function timeOf({ fromMs, outcome }: Sample, offeredMs: Offered): number {
  const offered = outcome.tripId === null ? undefined : offeredMs.get(outcome.tripId);
  return Math.max(0, Math.min(PROBE_MS_MAX, (offered ?? Infinity) - fromMs));
}

/**
 * Whether another fault may have kept the zone's next owner from serving it: a store that was away, another replica with a bad
 * way to a store or stopped, or another replica that ended just before or meanwhile. One that has been dead for longer, or has
 * bad lines to its clients, is no excuse.
 */
function excuses({ kind, ...fault }: FaultRecord, sample: Sample, offeredMs: Offered): boolean {
  const { fromMs } = sample;
  const servedMs = fromMs + timeOf(sample, offeredMs);
  const isOver = (fault.toMs ?? Infinity) <= fromMs || fault.fromMs >= servedMs;
  if (kind === 'clients_cut' || kind === 'clients_slow') return false;
  if (kind === 'kill' || kind === 'drain') return !isOver && fault.fromMs > fromMs - LEASE_MS;
  return !isOver;
}
