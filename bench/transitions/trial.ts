import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import { pin } from '../suite/pinning.ts';
import type { DurablePostgres } from './durable-postgres.ts';
import type { FromLoad, LoadPlan, LoadReport } from './load-messages.ts';

/** As built: below dist everything is JavaScript at its own place. */
const LOAD_PROCESS = fileURLToPath(new URL('./load-process.js', import.meta.url));
const STOP_MS_MAX = 10_000;

/** What a trial came to. */
export interface Outcome extends LoadReport {
  readonly commits: number;
  readonly flushes: number;
  readonly logBytes: number;
}

/**
 * One load on a fresh database. Rejects when anything that was acknowledged is not stored, anything stored was not acknowledged, or the audit
 * finds a rule broken.
 */
export function runTrial(
  server: DurablePostgres,
  plan: Omit<LoadPlan, 'databaseUrl' | 'postgresPid'>,
  clock: Clock,
): Promise<Outcome> {
  return server.withDatabase(async (databaseUrl) => {
    const from = await server.counters();
    const report = await runLoad({ ...plan, databaseUrl, postgresPid: server.pid }, clock);
    const to = await server.counters();
    if (plan.load === 'trips') await checkRules(databaseUrl);
    return {
      ...report,
      commits: to.commits - from.commits,
      flushes: to.flushes - from.flushes,
      logBytes: to.logBytes - from.logBytes,
    };
  });
}

async function runLoad(plan: LoadPlan, clock: Clock): Promise<LoadReport> {
  const child = new Child({ name: 'the load', args: [LOAD_PROCESS], env: process.env, clock });
  try {
    await pin(child.pid!, 'rest');
    const report = new Promise<LoadReport>((resolve, reject) => {
      child.onMessage((message: FromLoad) =>
        message.kind === 'done' ? resolve(message.report) : reject(new Error(message.message)),
      );
    });
    child.send(plan);
    return await child.before(report);
  } finally {
    await child.stop(STOP_MS_MAX);
  }
}

async function checkRules(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1 });
  try {
    const { violations } = await auditTrips(sql);
    if (violations.length > 0) throw new Error(`the audit found: ${JSON.stringify(violations.slice(0, 5))}`);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
