import type postgres from 'postgres';

/** Tables kept by the month (UTC) of their trip's request. */
const PARTITIONED = ['trip_events', 'trip_path'] as const;

/**
 * Makes the partitions of the month of `atMs` (the engine's clock, which may be a simulated one) and of the next, where they
 * are missing; rows that had gone to the default partition meanwhile are moved. Without it nothing fails: rows go to the
 * default partition. Call it at start and once a day; idempotent, safe to run from many processes.
 *
 * Answers the names of the partitions made. Making one holds up commands for a moment; when there is nothing to make nobody
 * waits.
 */
export async function ensurePartitions(sql: postgres.Sql, atMs: number): Promise<string[]> {
  const made: string[] = [];
  for (const first of [monthStart(atMs, 0), monthStart(atMs, 1)]) {
    for (const parent of PARTITIONED) {
      const [row] = await sql<{ made: boolean }[]>`
        select ensure_month_partition(${parent}, ${first}::text::date) as made`;
      if (row?.made === true) made.push(`${parent}_${first.slice(0, 7).replace('-', '_')}`);
    }
  }
  return made;
}

/** First day of the month of `atMs` plus `months`, as `YYYY-MM-DD` (UTC). */
function monthStart(atMs: number, months: number): string {
  const at = new Date(atMs);
  return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1)).toISOString().slice(0, 10);
}
