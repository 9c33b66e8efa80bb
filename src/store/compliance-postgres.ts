import type postgres from 'postgres';
import { countDataKeys } from './data-keys-postgres.ts';
import type { Retained, RetentionDays } from './retention-postgres.ts';

/** What is kept of people in one table. */
export interface KeptTable {
  readonly table: string;
  /** What of it is about people. */
  readonly holds: string;
  readonly rows: number;
  /** ISO 8601; null when there is nothing. */
  readonly oldest: string | null;
  /** Null: as long as the account. */
  readonly days: number | null;
  /** When rows were last let go of by age; null: never yet, or not by age. */
  readonly lastRun: string | null;
  /** Fields that cannot be read from the database. */
  readonly sealed: readonly string[];
}

export interface ComplianceReport {
  readonly kept: readonly KeptTable[];
  /** Which key wraps how many data keys; null: erased. */
  readonly dataKeys: readonly { table: string; keyId: string | null; rows: number }[];
  /** Who has read personal data, and how often, in the audit log as far as it is kept. */
  readonly readers: readonly { actor: string; times: number; last: string }[];
}

interface Described {
  readonly table: string;
  readonly at: string;
  readonly holds: string;
  readonly by: Retained | null;
  readonly sealed: readonly string[];
}

const TABLES: readonly Described[] = [
  {
    ...{ table: 'accounts', at: 'created_at', by: null, sealed: ['phone', 'name'] },
    holds: 'riders and drivers',
  },
  {
    ...{ table: 'driver_approvals', at: 'changed_at', by: null, sealed: ['plate'] },
    holds: 'cars of drivers',
  },
  {
    ...{ table: 'operators', at: 'created_at', by: null, sealed: ['e-mail', 'code device'] },
    holds: 'operators',
  },
  {
    ...{ table: 'sessions', at: 'created_at', by: 'sessions', sealed: [] },
    holds: 'devices and addresses of who signed in',
  },
  {
    ...{ table: 'sign_in_codes', at: 'expires_at', by: 'sessions', sealed: ['number and code, hashed'] },
    holds: 'numbers that asked for a code',
  },
  {
    ...{ table: 'trips', at: 'requested_at', by: 'trips', sealed: [] },
    holds: 'from where to where an account went',
  },
  { ...{ table: 'trip_ratings', at: 'rated_at', by: 'trips', sealed: [] }, holds: 'stars and tags' },
  {
    ...{ table: 'sos_calls', at: 'raised_at', by: 'trips', sealed: [] },
    holds: 'calls for help, with their place',
  },
  {
    ...{ table: 'location_suspicions', at: 'since', by: 'trips', sealed: [] },
    holds: 'doubts about where drivers said they were',
  },
  { ...{ table: 'trip_path', at: 'at', by: 'paths', sealed: [] }, holds: 'where drivers drove' },
  {
    ...{ table: 'match_decisions', at: 'at', by: 'matches', sealed: [] },
    holds: 'why drivers were chosen',
  },
  {
    ...{ table: 'command_answers', at: 'answered_at', by: 'answers', sealed: [] },
    holds: 'answers to commands',
  },
  {
    ...{ table: 'rest_answers', at: 'began_at', by: 'answers', sealed: ['answer'] },
    holds: 'answers to writes',
  },
  { ...{ table: 'audit_log', at: 'at', by: 'audit', sealed: [] }, holds: 'who did what, by id' },
];

/** What is kept of people, for how long, sealed by which key, and who has read it. Counts every row: not for a busy moment. */
export async function complianceReport(sql: postgres.Sql, days: RetentionDays): Promise<ComplianceReport> {
  const runs = await sql<{ what: Retained; ended_at: Date | null }[]>`
    select what, ended_at from retention_runs`;
  const kept: KeptTable[] = [];
  for (const { table, at, holds, by, sealed } of TABLES) {
    const [row] = await sql<{ rows: number; oldest: Date | null }[]>`
      select count(*)::float8 as rows, min(${sql(at)}) as oldest from ${sql(table)}`;
    const run = runs.find(({ what }) => what === by);
    kept.push({
      ...{ table, holds, sealed, rows: row!.rows, oldest: row!.oldest?.toISOString() ?? null },
      days: by === null ? null : days[by],
      lastRun: run?.ended_at?.toISOString() ?? null,
    });
  }
  const readers = await sql<{ actor: string; times: number; last: Date }[]>`
    select coalesce(actor_id, '') as actor, count(*)::int as times, max(at) as last
    from audit_log where action = 'person.read' group by 1 order by times desc, actor limit 1000`;
  return {
    kept,
    dataKeys: await countDataKeys(sql),
    readers: readers.map(({ actor, times, last }) => ({ actor, times, last: last.toISOString() })),
  };
}

/** The report for people to read. */
export function complianceText({ kept, dataKeys, readers }: ComplianceReport): string {
  const lines = ['What is kept of people'];
  for (const { table, holds, rows, oldest, days, lastRun, sealed } of kept) {
    const until = days === null ? 'as long as the account' : `${days} days`;
    lines.push(
      `  ${table.padEnd(18)} ${String(rows).padStart(10)} rows, oldest ${oldest ?? '-'}, kept ${until}, last let go of ${lastRun ?? '-'}`,
      `  ${''.padEnd(18)} ${holds}${sealed.length === 0 ? '' : `; sealed: ${sealed.join(', ')}`}`,
    );
  }
  lines.push('Keys that wrap the data keys');
  for (const { table, keyId, rows } of dataKeys)
    lines.push(`  ${table.padEnd(18)} ${String(rows).padStart(10)} by ${keyId ?? 'none: erased'}`);
  lines.push('Who read personal data, as far as the audit log is kept');
  if (readers.length === 0) lines.push('  nobody');
  for (const { actor, times, last } of readers)
    lines.push(`  ${actor.padEnd(18)} ${String(times).padStart(10)} times, last ${last}`);
  return lines.join('\n');
}
