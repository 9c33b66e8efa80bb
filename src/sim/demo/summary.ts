import type { MatchMode } from '../../domain/market.ts';
import type { AuditReport } from '../../store/audit.ts';
import type { ClientReport } from './client-messages.ts';
import { round, type ServerFigures } from './server-figures.ts';

type Pair = { readonly p50: number | null; readonly p99: number | null };

/** What a run has shown; the names are those of the JSON. Null: there was nothing to measure. */
export interface Summary {
  readonly city: string;
  readonly mode: MatchMode;
  readonly seed: number;
  readonly speed: number;
  /** Wall seconds in which riders asked. */
  readonly askedS: number;
  readonly drivers: number;
  readonly requests: number;
  readonly matched: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Not ended when the measuring was. */
  readonly open: number;
  readonly refused: number;
  readonly refusedByCode: Readonly<Record<string, number>>;
  /** Matched, of the requests that the server took and that are not still looking. */
  readonly matchedShare: number | null;
  readonly pingsPerS: number;
  readonly redisCommandsPerPing: number | null;
  readonly cpuUsPerPing: number | null;
  /** Stored request to first offer, wall ms, by the server, where a free driver was in reach at once. */
  readonly offerLatencyMs: Pair;
  readonly offerLatencyWaitedMs: Pair;
  /** Request sent to offer received, wall ms, by the apps, all requests. */
  readonly offerLatencyAppsMs: Pair;
  /** Request to the driver's acknowledged arrival, city seconds. */
  readonly pickupWaitS: {
    readonly mean: number | null;
    readonly p50: number | null;
    readonly p90: number | null;
  };
  readonly offersPerMatch: number | null;
  readonly tickMs: Pair;
  /** The market's tick, wall ms. */
  readonly tickPeriodMs: number;
  readonly memoryMb: number | null;
  readonly eventLoopDelayMs: { readonly p99: number | null; readonly p999: number | null };
  /** The apps' own machine room: late timers or stretched pings mean that they, not the server, were the limit. */
  readonly apps: {
    readonly timersLateMs: Pair;
    readonly pingStretch: number;
    readonly connections: number;
    readonly resumed: number;
    readonly commandsRepeated: number;
    readonly gaps: number;
    readonly trouble: number;
    readonly troubles: readonly string[];
  };
  readonly audit: {
    readonly clean: boolean;
    readonly violations: AuditReport['violations'];
    readonly checked: AuditReport['checked'];
  };
}

/** What one run is summed up from. */
export interface RunRecord {
  readonly city: string;
  readonly mode: MatchMode;
  readonly seed: number;
  readonly speed: number;
  readonly drivers: number;
  readonly tickMs: number;
  /** The asking: its wall seconds, the fixes sent in it, and the server's figures of it. */
  readonly askedS: number;
  readonly fixesSent: number;
  readonly server: ServerFigures;
  readonly report: ClientReport;
  readonly audit: AuditReport;
}

export function summarize(run: RunRecord): Summary {
  const { report, server, audit } = run;
  const { rides } = report;
  const { completed, cancelled, expired, refused, requests, matched } = rides;
  const fixes = server.fixes;
  const perFix = (amount: number | null, digits: number): number | null =>
    amount === null || !fixes ? null : round(amount / fixes, digits);
  const taken = requests - refused;
  const decided = taken - rides.searching;
  return {
    city: run.city,
    mode: run.mode,
    seed: run.seed,
    speed: run.speed,
    askedS: round(run.askedS, 1) ?? 0,
    drivers: run.drivers,
    ...{ requests, matched, completed, cancelled, expired, open: report.openRides, refused },
    refusedByCode: report.refusedByCode,
    matchedShare: decided > 0 ? round(matched / decided, 4) : null,
    pingsPerS: round(run.fixesSent / Math.max(run.askedS, 0.001), 1) ?? 0,
    redisCommandsPerPing: perFix(server.redisCommands, 4),
    cpuUsPerPing: perFix(server.cpuS === null ? null : server.cpuS * 1e6, 1),
    offerLatencyMs: server.offerLatencyMs,
    offerLatencyWaitedMs: server.offerLatencyWaitedMs,
    offerLatencyAppsMs: { p50: report.offerLatency.p50, p99: report.offerLatency.p99 },
    pickupWaitS: pickupWait(report.pickupWaitsS),
    offersPerMatch: matched > 0 ? round(rides.offers / matched, 3) : null,
    tickMs: server.tickMs,
    tickPeriodMs: run.tickMs / run.speed,
    memoryMb: server.memoryMb,
    eventLoopDelayMs: server.eventLoopDelayMs,
    apps: appsOf(report),
    audit: { clean: audit.clean, violations: audit.violations, checked: audit.checked },
  };
}

function appsOf(report: ClientReport): Summary['apps'] {
  const { driver, rider } = report.phones;
  return {
    timersLateMs: { p50: report.timersLateMs.p50, p99: report.timersLateMs.p99 },
    pingStretch: round(report.pingStretch, 2) ?? 1,
    connections: driver.connections + rider.connections,
    resumed: driver.resumed + rider.resumed,
    commandsRepeated: driver.repeats + rider.repeats,
    gaps: driver.gaps + rider.gaps,
    trouble: report.trouble,
    troubles: report.troubles,
  };
}

/** Mean and percentiles of waits in seconds, by nearest rank: exact, there are only so many. */
export function pickupWait(waitsS: readonly number[]): Summary['pickupWaitS'] {
  if (waitsS.length === 0) return { mean: null, p50: null, p90: null };
  const sorted = Float64Array.from(waitsS).sort();
  const at = (share: number): number | null => round(sorted[Math.ceil(share * sorted.length) - 1] ?? null, 1);
  const mean = waitsS.reduce((sum, waitS) => sum + waitS, 0) / waitsS.length;
  return { mean: round(mean, 1), p50: at(0.5), p90: at(0.9) };
}

/** The summaries as one JSON value: the first run's own fields, and all runs by mode when there are several. */
export function summaryJson(summaries: readonly Summary[]): object {
  const [first] = summaries;
  if (summaries.length === 1) return { ...first };
  return { ...first, modes: Object.fromEntries(summaries.map((summary) => [summary.mode, summary])) };
}

const show = (value: number | null, unit = ''): string => (value === null ? '–' : `${value}${unit}`);
const pair = ({ p50, p99 }: Pair): string => `${show(p50)} / ${show(p99)} ms`;

const ROWS: readonly (readonly [label: string, cell: (summary: Summary) => string])[] = [
  ['rides asked', ({ requests }) => `${requests}`],
  ['matched', ({ matched, matchedShare }) => `${matched} (${show(round((matchedShare ?? 0) * 100, 1))} %)`],
  ['completed', ({ completed }) => `${completed}`],
  ['cancelled', ({ cancelled }) => `${cancelled}`],
  ['expired', ({ expired }) => `${expired}`],
  ['refused', ({ refused }) => `${refused}`],
  ['open at the end', ({ open }) => `${open}`],
  ['pickup wait, mean', ({ pickupWaitS }) => show(pickupWaitS.mean, ' s')],
  ['pickup wait, p50 / p90', ({ pickupWaitS: { p50, p90 } }) => `${show(p50)} / ${show(p90)} s`],
  ['request→offer, p50 / p99', ({ offerLatencyMs }) => pair(offerLatencyMs)],
  ['  as the apps saw it, all', ({ offerLatencyAppsMs }) => pair(offerLatencyAppsMs)],
  ['offers per match', ({ offersPerMatch }) => show(offersPerMatch)],
  ['matcher, p50 / p99', ({ tickMs, tickPeriodMs }) => `${pair(tickMs)} every ${round(tickPeriodMs, 1)} ms`],
  [
    'pings/s',
    ({ pingsPerS, apps }) =>
      `${pingsPerS}${apps.pingStretch > 1 ? ` (stretched × ${apps.pingStretch})` : ''}`,
  ],
  ['Redis commands per ping', ({ redisCommandsPerPing }) => show(redisCommandsPerPing)],
  ['server CPU per ping, all in', ({ cpuUsPerPing }) => show(cpuUsPerPing, ' µs')],
  ['server memory', ({ memoryMb }) => show(memoryMb, ' MB')],
  ['event loop delay, p99.9', ({ eventLoopDelayMs }) => show(eventLoopDelayMs.p999, ' ms')],
  ['lines resumed', ({ apps }) => `${apps.resumed} (${apps.commandsRepeated} commands again)`],
  ['audit of R1 to R6', ({ audit }) => auditText(audit)],
];

function auditText({ clean, violations, checked }: Summary['audit']): string {
  if (clean) return `clean (${checked.trips} trips)`;
  return `${violations.length} VIOLATIONS`;
}

/** The summaries side by side, and below them what the audit found. */
export function renderSummary(summaries: readonly Summary[]): string[] {
  const labelWidth = Math.max(...ROWS.map(([label]) => label.length)) + 2;
  const columns = summaries.map((summary) => [summary.mode, ...ROWS.map(([, cell]) => cell(summary))]);
  const widths = columns.map((cells) => Math.max(...cells.map((cell) => cell.length)) + 2);
  const line = (label: string, at: number): string =>
    label.padEnd(labelWidth) + columns.map((cells, i) => cells[at]!.padStart(widths[i]!)).join('');
  const [first] = summaries;
  const head =
    first === undefined
      ? ''
      : `${first.city}, ${first.drivers} drivers, seed ${first.seed}, × ${first.speed}`;
  const violations = summaries.flatMap(({ mode, audit }) =>
    audit.violations
      .slice(0, 10)
      .map(({ rule, tripId, detail }) => `${mode}: ${rule} ${tripId ?? ''} ${detail}`),
  );
  return [head, line('', 0), ...ROWS.map(([label], i) => line(label, i + 1)), ...violations];
}
