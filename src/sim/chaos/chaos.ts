import { writeFile } from 'node:fs/promises';
import postgres from 'postgres';
import { commitOf } from '../commit.ts';
import { CHAOS_USAGE, type ChaosOptions, ChaosUsageError, parseChaosOptions } from './chaos-options.ts';
import { ChaosRun, type ChaosWorld, type RunRecord } from './chaos-run.ts';
import { judge } from './checker.ts';
import { chaosReport, type ChaosReport, reportText } from './chaos-report.ts';

/**
 * `npm run chaos`: real servers, stores and sockets, faults for a while, then a checker that decides. Answers the exit code: 0 =
 * clean, 1 = a rule was broken or the run broke down, 2 = the arguments make no sense.
 */
export async function runChaos(args: readonly string[], world: ChaosWorld): Promise<number> {
  let options: ChaosOptions | null;
  try {
    options = parseChaosOptions(args);
  } catch (error) {
    if (!(error instanceof ChaosUsageError)) throw error;
    world.print(`${error.message}\n${CHAOS_USAGE}`);
    return 2;
  }
  if (options === null) {
    world.print(CHAOS_USAGE);
    return 0;
  }
  const commit = commitOf();
  world.print(`chaos: seed ${options.seed}, commit ${commit}, ${options.replicas} replica(s)`);
  try {
    const report = await trial(options, world, commit);
    for (const line of reportText(report)) world.print(line);
    if (options.jsonFile !== null) await writeFile(options.jsonFile, `${JSON.stringify(report, null, 2)}\n`);
    return report.clean ? 0 : 1;
  } catch (error) {
    world.print(`chaos: ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

function trial(options: ChaosOptions, world: ChaosWorld, commit: string): Promise<ChaosReport> {
  return ChaosRun.complete(options, world, async (record: RunRecord, databaseUrl, dir) => {
    world.print('reading histories and database');
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
    try {
      const judgement = await judge(record.historyFile, sql);
      const report = chaosReport({ options, commit, record, judgement, dir });
      return { value: report, keep: !report.clean };
    } finally {
      await sql.end({ timeout: 5 });
    }
  });
}
