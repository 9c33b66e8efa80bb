import type postgres from 'postgres';
import type { Config } from './config.ts';
import type { Clock } from './lib/clock.ts';
import type { Log } from './lib/log.ts';
import { ensurePartitions } from './store/partitions-postgres.ts';
import { letGoOfOld, type RetentionDays } from './store/retention-postgres.ts';

/** How often a replica looks whether there is something to do. */
const LOOK_MS = 3_600_000;

export const retentionDaysOf = (config: Config): RetentionDays => ({
  trips: config.retainTripsDays,
  paths: config.retainPathsDays,
  matches: config.retainMatchesDays,
  answers: config.retainAnswersDays,
  sessions: config.retainSessionsDays,
  audit: config.retainAuditDays,
});

export interface DatabaseUpkeepOptions {
  readonly config: Config;
  readonly sql: postgres.Sql;
  /** The engine's, by which trips live. */
  readonly clock: Clock;
  readonly log: Pick<Log, 'info' | 'warn'>;
}

/** Makes partitions ahead, and lets go of what is old, once a day over all replicas. The function answered ends that. */
export function startDatabaseUpkeep({ config, sql, clock, log }: DatabaseUpkeepOptions): () => void {
  const days = retentionDaysOf(config);
  const timer = clock.every(LOOK_MS, () => {
    ensurePartitions(sql, clock.nowMs()).catch((error: unknown) =>
      log.warn({ err: error }, 'partitions could not be made; rows go to the default one'),
    );
    letGoOfOld(sql, days, clock.nowMs()).then(
      (gone) => {
        if (Object.keys(gone).length > 0) log.info({ gone }, 'what is old was let go of');
      },
      (err: unknown) => log.warn({ err }, 'what is old could not be let go of: again later'),
    );
  });
  return () => timer.cancel();
}
