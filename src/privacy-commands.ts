import type postgres from 'postgres';
import type { KeyKeeper } from './lib/envelope.ts';
import { complianceReport, complianceText } from './store/compliance-postgres.ts';
import { rewrapDataKeys } from './store/data-keys-postgres.ts';
import type { RetentionDays } from './store/retention-postgres.ts';

/** `rekey`: wraps all data keys by the first of DATA_KEYS; the others may be left out then. Answers the exit code. */
export async function rekeyCommand(sql: postgres.Sql, keeper: KeyKeeper): Promise<number> {
  const count = await rewrapDataKeys(sql, keeper);
  console.log(`${count} data keys wrapped anew by ${keeper.currentKeyId}`);
  return 0;
}

/** `compliance`: what is kept of people; `--json` for programs. Answers the exit code. */
export async function complianceCommand(
  sql: postgres.Sql,
  args: readonly string[],
  days: RetentionDays,
): Promise<number> {
  const report = await complianceReport(sql, days);
  console.log(args.includes('--json') ? JSON.stringify(report, null, 2) : complianceText(report));
  return 0;
}
