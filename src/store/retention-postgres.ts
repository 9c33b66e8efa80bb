import type postgres from 'postgres';

/** For how many days what is kept. */
export interface RetentionDays {
  /** Trips that have ended, with all that hangs on them. */
  readonly trips: number;
  /** Where drivers drove; goes by whole months of the trip's request. */
  readonly paths: number;
  /** Why each match went as it did. */
  readonly matches: number;
  /** Answers to commands and writes by their key: a repeat after that is a new one (R5). */
  readonly answers: number;
  /** Sessions and sign-in codes after their end. */
  readonly sessions: number;
  /** Entries of the audit log; the chain then begins behind them. */
  readonly audit: number;
}
export type Retained = keyof RetentionDays;

type Sql = postgres.Sql | postgres.TransactionSql;

/** Rows that go in one statement: a moment's lock. */
const BATCH = 2_000;
/** What one run lets go of, of each kind, at most; the rest goes the next day. */
const BATCHES_MAX = 500;
/** A day, and some of it less: a replica that looks every hour does it once a day. */
const EVERY_MS = 23 * 3_600_000;
const DAY_MS = 86_400_000;

/** Lets go of a batch from before a moment; answers how many rows. */
type LetGo = (sql: postgres.Sql, before: Date) => Promise<number>;

const LET_GO: Readonly<Record<Retained, LetGo>> = {
  trips: async (sql, before) => (await letTripsGo(sql, before)) + (await letCallsGo(sql, before)),
  paths: letPathsGo,
  matches: async (sql, before) => {
    // In the order of their making, which is that of their moments.
    const gone = await sql`
      delete from match_decisions where at < ${before}
        and decision_id in (select decision_id from match_decisions order by decision_id limit ${BATCH})`;
    return gone.count;
  },
  answers: async (sql, before) => {
    const [commands, writes] = await Promise.all([
      sql`delete from command_answers where ctid = any(array(
            select ctid from command_answers where answered_at < ${before} limit ${BATCH}))`,
      sql`delete from rest_answers where ctid = any(array(
            select ctid from rest_answers where began_at < ${before} limit ${BATCH}))`,
    ]);
    return commands.count + writes.count;
  },
  sessions: async (sql, before) => {
    const [sessions, codes] = await Promise.all([
      sql`delete from sessions where ctid = any(array(
            select ctid from sessions where ended_at < ${before} or expires_at < ${before} limit ${BATCH}))`,
      sql`delete from sign_in_codes where ctid = any(array(
            select ctid from sign_in_codes where expires_at < ${before} limit ${BATCH}))`,
    ]);
    return sessions.count + codes.count;
  },
  audit: async (sql, before) => {
    const [row] = await sql<{ gone: number }[]>`select audit_let_go(${before}, ${BATCH}) as gone`;
    return row!.gone;
  },
};

/**
 * Lets go of what is older than `days` says. `nowMs` is the engine's clock, by which trips live. A kind is done by one replica a day, whoever comes first;
 * one that dies at it leaves the rest for the next day. Answers the rows that went, by kind, of what was done here. Rejects when the store is out of reach.
 */
export async function letGoOfOld(
  sql: postgres.Sql,
  days: RetentionDays,
  nowMs: number,
): Promise<Partial<Record<Retained, number>>> {
  const gone: Partial<Record<Retained, number>> = {};
  for (const what of Object.keys(LET_GO) as Retained[]) {
    if (!(await isDue(sql, what, nowMs))) continue;
    const before = new Date(nowMs - days[what] * DAY_MS);
    let rows = 0;
    for (let batch = 0; batch < BATCHES_MAX; batch++) {
      const went = await LET_GO[what](sql, before);
      rows += went;
      if (went === 0) break;
    }
    await sql`update retention_runs set ended_at = ${new Date(nowMs)}, rows = ${rows} where what = ${what}`;
    gone[what] = rows;
  }
  return gone;
}

/** Claims today's run of a kind: of several replicas at once one gets it. */
async function isDue(sql: postgres.Sql, what: Retained, nowMs: number): Promise<boolean> {
  const claimed = await sql`
    insert into retention_runs as run (what, began_at) values (${what}, ${new Date(nowMs)})
    on conflict (what) do update set began_at = excluded.began_at, ended_at = null, rows = 0
      where run.began_at <= ${new Date(nowMs - EVERY_MS)}
    returning 1`;
  return claimed.length > 0;
}

/** With every row that refers to them, whatever tables there are; none of a trip that goes on. */
async function letTripsGo(sql: postgres.Sql, before: Date): Promise<number> {
  const children = await sql<{ child: string; field: string }[]>`
    select c.conrelid::regclass::text as child, a.attname as field
    from pg_constraint as c join pg_attribute as a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
    where c.contype = 'f' and c.confrelid = 'trips'::regclass and c.conparentid = 0`;
  return sql.begin(async (tx) => {
    const trips = await tx<{ trip_id: string }[]>`
      select trip_id from trips where requested_at < ${before} and ended_at < ${before} limit ${BATCH} for update`;
    if (trips.length === 0) return 0;
    const ids = trips.map(({ trip_id }) => trip_id);
    for (const { child, field } of children)
      await tx`delete from ${tx(child)} where ${tx(field)} = any(${ids}::uuid[])`;
    // Answers to commands are not kept as long as trips.
    for (const beside of ['trip_path', 'match_decisions'])
      await tx`delete from ${tx(beside)} where trip_id = any(${ids}::uuid[])`;
    await tx`delete from trips where trip_id = any(${ids}::uuid[])`;
    return ids.length;
  });
}

/** Calls for help without a trip, and doubts about places. */
async function letCallsGo(sql: postgres.Sql, before: Date): Promise<number> {
  const calls = await sql`delete from sos_calls where trip_id is null and raised_at < ${before}`;
  const doubts = await sql`delete from location_suspicions where until < ${before}`;
  return calls.count + doubts.count;
}

/** Whole months: a partition is dropped, which costs as much for a million points as for one. */
async function letPathsGo(sql: postgres.Sql, before: Date): Promise<number> {
  const month = `${before.toISOString().slice(0, 7)}-01`;
  const partitions = await sql<{ name: string }[]>`
    select child.relname as name from pg_inherits as i
    join pg_class as child on child.oid = i.inhrelid
    where i.inhparent = 'trip_path'::regclass and child.relname ~ '^trip_path_[0-9]{4}_[0-9]{2}$'
      and to_date(right(child.relname, 7), 'YYYY_MM') < ${month}::date`;
  let rows = 0;
  for (const { name } of partitions) rows += await dropPartition(sql, name);
  const rest = await sql`
    delete from trip_path_default where ctid = any(array(
      select ctid from trip_path_default where month < ${month}::date limit ${BATCH}))`;
  return rows + rest.count;
}

async function dropPartition(sql: Sql, name: string): Promise<number> {
  const [row] = await sql<{ rows: number }[]>`select count(*)::int as rows from ${sql(name)}`;
  await sql`drop table ${sql(name)}`;
  return row!.rows;
}
