import { createWallClock } from '../../src/lib/clock.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { openPostgres } from '../../src/postgres-pool.ts';
import type { FromLoad, LoadPlan, LoadReport } from './load-messages.ts';
import { LoadMeter } from './load-meter.ts';
import { RowUpdates } from './row-updates.ts';
import { WholeTrips } from './whole-trips.ts';

/** The caller of the store in a process of its own, as a server is: what it costs is told apart from PostgreSQL. */
const END_S_MAX = 5;

async function carryOut(plan: LoadPlan): Promise<LoadReport> {
  const clock = createWallClock();
  const prng = createPrng(plan.seed);
  const sql = openPostgres(plan.databaseUrl, { poolMax: plan.poolMax, log: SILENT_LOG, prng, clock });
  try {
    const meter = new LoadMeter(plan.postgresPid);
    const load =
      plan.load === 'trips'
        ? new WholeTrips({ ...plan, sql, clock, prng, meter })
        : new RowUpdates({ ...plan, sql, prng, meter });
    const halted = load.run();
    const wait = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
    // A load that fails rejects at once; one that goes on does so until it is told to halt.
    do await Promise.race([halted, wait(plan.warmUpMs)]);
    while (meter.inAll < plan.warmUpTransitions);
    await meter.begin();
    await Promise.race([halted, wait(plan.measuredMs)]);
    await meter.end();
    load.halt();
    await halted;
    await load.check();
    return meter.report();
  } finally {
    await sql.end({ timeout: END_S_MAX });
  }
}

const tell = (message: FromLoad): void => void process.send?.(message);

process.on('message', (plan: LoadPlan) => {
  carryOut(plan).then(
    (report) => tell({ kind: 'done', report }),
    (error: unknown) =>
      tell({
        kind: 'failed',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      }),
  );
});
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
