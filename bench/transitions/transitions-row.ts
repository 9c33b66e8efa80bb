import { atLeast, type Figures } from '../suite/figures.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';
import { DurablePostgres } from './durable-postgres.ts';
import { flushTimeUs } from './flush-time.ts';
import type { LoadPlan } from './load-messages.ts';
import { pgbenchMissing, pgbenchUpdatesPerS } from './pgbench.ts';
import { type Outcome, runTrial } from './trial.ts';

const GROUPS = 'hexdispatch';
const ONE_EACH = 'one transaction each';
const UPDATES = 'single-row updates';
const PGBENCH = 'pgbench single-row updates';
const MACHINE = 'this machine';

const TRIPS_AT_ONCE = [1, 16, 64, 256, 1_024];
/** The goal is judged here; all that a quick run has. */
const GOAL_TRIPS = 256;
/** Of all but the store as a server has it; more callers take turns. With 8 one transaction each was slower, with 64 no faster. */
const CONNECTIONS_MAX = 32;
/** Each connection makes its plans in its first transactions: five times anew for each kind of command, then for good. */
const WARM_UP_EACH = 40;
/** As a server has it (trip-store-postgres.ts). */
const GROUPED = { poolMax: 10, batchMax: 128, lanesMax: 2 };

const onOf = (atOnce: number): string =>
  `${atOnce.toLocaleString('en')} ${atOnce === 1 ? 'trip' : 'trips'} at once`;

/**
 * Durable trip transitions per second. The same store twice, as a server has it and with one command in a transaction, against the least that
 * a durable change can be on the same PostgreSQL. PostgreSQL is alone on its CPU, the callers on the other.
 */
export const transitionsRow: Row = {
  name: 'transitions',
  title: 'Trip transitions per second, durable (fsync and synchronous_commit on)',
  async measure(run) {
    const server = await DurablePostgres.start();
    try {
      const missing = await pgbenchMissing();
      if (missing !== null) run.skip(PGBENCH, missing);
      for (let repeat = 1; repeat <= run.repeats; repeat++) {
        const flushUs = await flushTimeUs(server.dir);
        const flush = { subject: MACHINE, on: 'one page of log', metric: 'write and fdatasync', unit: 'µs' };
        run.record({ ...flush, value: flushUs, repeat });
        const cases = run.isQuick ? [GOAL_TRIPS] : TRIPS_AT_ONCE;
        for (const atOnce of cases)
          await measureCase({ run, server, repeat, atOnce, hasPgbench: missing === null });
      }
    } finally {
      await server.stop();
    }
  },
  goals: (figures: Figures): Goal[] => [
    atLeast(
      `durable transitions in groups against one transaction each, ${onOf(GOAL_TRIPS)}`,
      3,
      figures.ratio(GROUPS, ONE_EACH, onOf(GOAL_TRIPS), 'transitions'),
      '×',
    ),
  ],
};

interface Case {
  readonly run: RowRun;
  readonly server: DurablePostgres;
  readonly repeat: number;
  readonly atOnce: number;
  readonly hasPgbench: boolean;
}

/** All subjects in turn; who is first changes with the repeat. */
async function measureCase(one: Case): Promise<void> {
  const { atOnce, repeat } = one;
  const connections = Math.min(atOnce, CONNECTIONS_MAX);
  const subjects = [
    () => measureLoad(one, GROUPS, { load: 'trips', atOnce, ...GROUPED }),
    () =>
      measureLoad(one, ONE_EACH, {
        load: 'trips',
        atOnce,
        poolMax: connections,
        batchMax: 1,
        lanesMax: connections,
      }),
    () =>
      measureLoad(one, UPDATES, {
        load: 'updates',
        atOnce: connections,
        poolMax: connections,
        batchMax: 1,
        lanesMax: 1,
      }),
    () => measurePgbench(one, connections),
  ];
  for (let turn = 0; turn < subjects.length; turn++) await subjects[(turn + repeat - 1) % subjects.length]!();
}

async function measureLoad(
  { run, server, repeat, atOnce }: Case,
  subject: string,
  load: Pick<LoadPlan, 'load' | 'atOnce' | 'poolMax' | 'batchMax' | 'lanesMax'>,
): Promise<void> {
  const times = run.isQuick ? { warmUpMs: 500, measuredMs: 1_000 } : { warmUpMs: 1_000, measuredMs: 2_000 };
  const warmUpTransitions = WARM_UP_EACH * load.lanesMax;
  const outcome = await runTrial(server, { ...load, ...times, warmUpTransitions, seed: run.seed }, run.clock);
  const on = onOf(atOnce);
  run.say(`${subject}, ${on}: ${Math.round((outcome.transitions / outcome.elapsedMs) * 1_000)}/s`);
  for (const [metric, value, unit] of figuresOf(outcome))
    run.record({ subject, on, metric, unit, value, repeat });
}

/** CPU, commits and log per transition: all else that PostgreSQL had to do for it is in them, its offer for one. */
function figuresOf(outcome: Outcome): [metric: string, value: number, unit: string][] {
  const { transitions, transitionsInAll, latenciesMs } = outcome;
  if (transitions === 0) throw new Error('no transition was acknowledged in the measured time');
  return [
    ['transitions', (transitions / outcome.elapsedMs) * 1_000, '/s'],
    ['latency p50', latenciesMs[0], 'ms'],
    ['latency p99', latenciesMs[1], 'ms'],
    ['PostgreSQL CPU per transition', outcome.postgresCpuUs / transitions, 'µs'],
    ['client CPU per transition', outcome.clientCpuUs / transitions, 'µs'],
    ['commits per transition', outcome.commits / transitionsInAll, ''],
    ['log flushes per transition', outcome.flushes / transitionsInAll, ''],
    ['log bytes per transition', outcome.logBytes / transitionsInAll, 'bytes'],
  ];
}

async function measurePgbench(
  { run, server, repeat, atOnce, hasPgbench }: Case,
  connections: number,
): Promise<void> {
  if (!hasPgbench) return;
  const seconds = run.isQuick ? 1 : 3;
  const value = await server.withDatabase((url) => pgbenchUpdatesPerS(url, connections, seconds));
  run.record({ subject: PGBENCH, on: onOf(atOnce), metric: 'transitions', unit: '/s', value, repeat });
  run.say(`${PGBENCH}, ${connections} connections: ${Math.round(value)}/s`);
}
