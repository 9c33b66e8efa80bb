import type { ChaosOptions } from './chaos-options.ts';
import type { RunRecord } from './chaos-run.ts';
import type { Judgement } from './checker.ts';
import { type Spread, type TakeoverReport, takeoverReport } from './takeover.ts';

/** What a run has shown; the names are those of the JSON. */
export interface ChaosReport extends TakeoverReport {
  readonly kills: number;
  /** Ride requests that were acknowledged. */
  readonly acknowledged: number;
  readonly lost: number;
  readonly doubleAssigned: number;
  /** Of all kinds, those two among them. */
  readonly violations: number;
  readonly clean: boolean;
  readonly seed: number;
  readonly commit: string;
  readonly forS: number;
  readonly replicas: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly requests: number;
  readonly trips: Readonly<Record<string, number>>;
  readonly offers: number;
  readonly errorsByCode: Readonly<Record<string, number>>;
  readonly clients: {
    readonly connections: number;
    readonly resumed: number;
    readonly snapshots: number;
    readonly repeats: number;
  };
  /** Starts that failed because a store was away, and were tried again. */
  readonly failedStarts: number;
  readonly found: readonly {
    readonly rule: string;
    readonly detail: string;
    readonly history: readonly string[];
  }[];
  readonly dir: string | null;
}

/** Puts a run's figures together. */
export function chaosReport(run: {
  readonly options: ChaosOptions;
  readonly commit: string;
  readonly record: RunRecord;
  readonly judgement: Judgement;
  readonly dir: string;
}): ChaosReport {
  const { options, commit, record, judgement } = run;
  const faults: Record<string, number> = {};
  for (const { kind } of record.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  const mishaps = record.mishaps.map((detail) => ({ rule: 'mishap', detail, history: [] }));
  const found = [...judgement.violations, ...mishaps].map(({ rule, detail, history }) => ({
    ...{ rule, detail, history },
  }));
  const clean = found.length === 0;
  const phones = Object.values(record.report.phones);
  const sum = (name: 'connections' | 'resumed' | 'snapshots' | 'repeats'): number =>
    phones.reduce((total, counts) => total + counts[name], 0);
  return {
    kills: faults['kill'] ?? 0,
    acknowledged: judgement.figures.acknowledged,
    lost: judgement.lost,
    doubleAssigned: judgement.doubleAssigned,
    violations: found.length,
    ...takeoverReport(record.samples, record.faults, judgement.offeredMs),
    clean,
    ...{ seed: options.seed, commit, forS: options.forMs / 1_000, replicas: options.replicas, faults },
    requests: judgement.figures.requests,
    trips: judgement.trips,
    offers: judgement.offers,
    errorsByCode: judgement.figures.errorsByCode,
    clients: {
      connections: sum('connections'),
      resumed: sum('resumed'),
      snapshots: sum('snapshots'),
      repeats: sum('repeats'),
    },
    failedStarts: record.failedStarts,
    found,
    dir: clean && options.dir === null ? null : run.dir,
  };
}

const SHOWN_MAX = 20;
const counts = (by: Readonly<Record<string, number>>): string =>
  Object.entries(by)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ') || 'none';
const spread = ({ samples, p50, p99, max }: Spread): string =>
  samples === 0 ? 'not measured' : `p50 ${p50} s, p99 ${p99} s, max ${max} s (${samples} zones)`;

/** The report for people, line by line. */
export function reportText(report: ChaosReport): string[] {
  const { clients } = report;
  return [
    '',
    `faults             ${counts(report.faults)}`,
    `requests           ${report.requests}, acknowledged ${report.acknowledged}, lost ${report.lost}`,
    `trips              ${counts(report.trips)}; ${report.offers} offers`,
    `doubly assigned    ${report.doubleAssigned}`,
    `connections        ${clients.connections}, resumed ${clients.resumed}, snapshots ${clients.snapshots}; commands again ${clients.repeats}`,
    `errors told        ${counts(report.errorsByCode)}`,
    `taken over         ${spread(report.takeoverS)}`,
    `  amid other faults ${spread(report.takeoverAmidOtherFaultsS)}`,
    `handed over        ${spread(report.handoverS)}`,
    `recovered          ${spread(report.recoveryS)}`,
    `undisturbed        ${spread(report.undisturbedS)}`,
    ...histogram(report.takeoverS),
    ...report.found
      .slice(0, SHOWN_MAX)
      .flatMap(({ rule, detail, history }) => [
        `${rule}: ${detail}`,
        ...history.map((line) => `    ${line}`),
      ]),
    report.found.length > SHOWN_MAX ? `… and ${report.found.length - SHOWN_MAX} more` : '',
    report.clean ? 'clean' : `NOT CLEAN: ${report.violations} violation(s); see ${report.dir}`,
  ];
}

const BAR_MAX = 50;

function histogram({ histogram: perHalfSecond }: Spread): string[] {
  const most = Math.max(1, ...perHalfSecond);
  return perHalfSecond.map(
    (count, at) =>
      `  ${(at / 2).toFixed(1).padStart(5)} s ${'#'.repeat(Math.ceil((count / most) * BAR_MAX))} ${count}`,
  );
}
