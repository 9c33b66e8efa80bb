import { describe, expect, it } from 'vitest';
import { PostgresAuditLog, verifyAuditLog } from '../../src/store/audit-log-postgres.ts';
import { letGoOfOld, type RetentionDays } from '../../src/store/retention-postgres.ts';
import { ensurePartitions } from '../../src/store/partitions-postgres.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import { newTrip, requestOf, START_MS } from './town.ts';

const { sql, store } = await freshTripStore(4);
const DAY_MS = 86_400_000;
const DAYS: RetentionDays = { trips: 400, paths: 90, matches: 30, answers: 7, sessions: 30, audit: 300 };
/** Each test on a day of its own, long after the one before. */
let nowMs = START_MS;
const later = (days: number): number => (nowMs += days * DAY_MS);
const daysAgo = (days: number): Date => new Date(nowMs - days * DAY_MS);
const countOf = async (table: string): Promise<number> => {
  const [row] = await sql<{ rows: number }[]>`select count(*)::int as rows from ${sql(table)}`;
  return row!.rows;
};

describe('what is kept for some time', () => {
  it('is let go of once a day, by one of the replicas that come at once', async () => {
    later(1);
    const at = new Date(nowMs);
    await sql`insert into rest_answers (account, key, operation, fingerprint, began_at) values
      ('rider:a', 'old', 'x', ${Buffer.alloc(32)}, ${daysAgo(8)}), ('rider:a', 'new', 'x', ${Buffer.alloc(32)}, ${daysAgo(6)})`;
    const runs = await Promise.all(Array.from({ length: 3 }, () => letGoOfOld(sql, DAYS, nowMs)));
    expect(runs.map((run) => run.answers ?? -1).sort()).toEqual([-1, -1, 1]);
    expect(await sql`select key from rest_answers`).toEqual([{ key: 'new' }]);
    expect(await letGoOfOld(sql, DAYS, nowMs + DAY_MS / 2)).toEqual({});
    expect(
      await sql`select began_at, ended_at, rows::int from retention_runs where what = 'answers'`,
    ).toEqual([{ began_at: at, ended_at: at, rows: 1 }]);
    expect(Object.keys(await letGoOfOld(sql, DAYS, later(1))).sort()).toEqual(Object.keys(DAYS).sort());
  });

  it('trips go with all that hangs on them, those that go on stay whatever their age', async () => {
    later(1_000);
    const [old, going, fresh] = [401, 401, 399].map((days) =>
      newTrip({ requestedMs: nowMs - days * DAY_MS }),
    ) as [ReturnType<typeof newTrip>, ReturnType<typeof newTrip>, ReturnType<typeof newTrip>];
    for (const trip of [old, going, fresh]) await store.execute(requestOf(trip));
    for (const { tripId, requestedMs } of [old, fresh])
      await store.execute({
        ...{ kind: 'transition', event: 'expired', tripId, key: null },
        ...{ actor: 'system', actorId: null, atMs: requestedMs + 60_000 },
      });
    await sql`insert into trip_path (month, trip_id, at, lat, lng) values
      (${new Date(old.requestedMs).toISOString().slice(0, 7) + '-01'}, ${old.tripId}, ${new Date(old.requestedMs)}, 1, 1)`;
    await sql`insert into match_decisions (trip_id, at, body) values (${old.tripId}, ${new Date(nowMs)}, '{}')`;
    await sql`insert into trip_shares values (${old.tripId}, 1, true), (${fresh.tripId}, 1, true)`;
    for (const days of [401, 399]) {
      await sql`insert into sos_calls (sos_id, raised_by, raised_role, raised_at, call_key)
        values (gen_random_uuid(), 'r', 'rider', ${daysAgo(days)}, ${`call-${days}`})`;
      await sql`insert into location_suspicions (driver_id, since, until, refused, jumps, is_mock)
        values ('d', ${daysAgo(days)}, ${daysAgo(days)}, 1, 0, false)`;
    }
    const gone = await letGoOfOld(sql, DAYS, nowMs);
    expect(gone.trips).toBe(3);
    expect(await sql`select call_key from sos_calls`).toEqual([{ call_key: 'call-399' }]);
    expect(await sql`select since from location_suspicions`).toEqual([{ since: daysAgo(399) }]);
    const left = await sql<{ trip_id: string }[]>`select trip_id from trips order by trip_id`;
    expect(left.map(({ trip_id }) => trip_id)).toEqual([going.tripId, fresh.tripId].sort());
    for (const table of ['trip_events', 'trip_path', 'match_decisions', 'trip_shares'])
      expect(await sql`select from ${sql(table)} where trip_id = ${old.tripId}`, table).toHaveLength(0);
    expect(await countOf('trip_shares')).toBe(1);
  });

  it('paths go by the month, with their partitions', async () => {
    later(1_000);
    await sql`delete from trip_path`;
    const months = [200, 150, 20].map((days) => daysAgo(days));
    await ensurePartitions(sql, months[0]!.getTime());
    for (const at of months)
      await sql`insert into trip_path (month, trip_id, at, lat, lng)
        values (${at.toISOString().slice(0, 7) + '-01'}, gen_random_uuid(), ${at}, 1, 1)`;
    const name = `trip_path_${months[0]!.toISOString().slice(0, 7).replace('-', '_')}`;
    expect(await countOf(name)).toBe(1);
    expect((await letGoOfOld(sql, DAYS, nowMs)).paths).toBe(2);
    expect(await sql`select at from trip_path`).toEqual([{ at: months[2] }]);
    expect(await sql`select to_regclass(${name}) as there`).toEqual([{ there: null }]);
  });

  it('sessions, codes and reasons of matches go after their end, not before', async () => {
    later(100);
    const session = (endedAt: Date | null, expiresAt: Date) => sql`
      insert into sessions (session_id, role, subject, device, address, created_at, seen_at, expires_at, salt, generation,
        rotated_at, ended_at, end_reason)
      values (gen_random_uuid(), 'rider', 'a', '', '', ${daysAgo(99)}, ${daysAgo(99)}, ${expiresAt}, '', 1, ${daysAgo(99)},
        ${endedAt}, ${endedAt === null ? null : 'signed_out'})`;
    await session(daysAgo(31), daysAgo(-10));
    await session(null, daysAgo(31));
    await session(daysAgo(29), daysAgo(-10));
    await session(null, daysAgo(-10));
    for (const days of [31, 29])
      await sql`insert into match_decisions (trip_id, at, body) values (gen_random_uuid(), ${daysAgo(days)}, '{}')`;
    const gone = await letGoOfOld(sql, DAYS, nowMs);
    expect([gone.sessions, gone.matches]).toEqual([2, 1]);
    expect([await countOf('sessions'), await countOf('match_decisions')]).toEqual([2, 1]);
  });

  it('the audit log stays a chain when its beginning goes, and nothing else of it can', async () => {
    later(1_000);
    const log = new PostgresAuditLog(sql);
    for (const days of [302, 301, 299, 0])
      await log.append({
        ...{ atMs: nowMs - days * DAY_MS, actor: null, address: null, action: 'test.done' },
        ...{ object: { kind: 'test', id: String(days) }, before: null, after: null },
      });
    expect((await letGoOfOld(sql, DAYS, nowMs)).audit).toBe(2);
    expect((await log.search({}, 10)).map(({ object }) => object.id)).toEqual(['0', '299']);
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 2, broken: null });
    await expect(sql`delete from audit_log`).rejects.toThrow('only ever added to');
    await expect(sql`update audit_log set entry = '{}'`).rejects.toThrow('only ever added to');
    await expect(sql`truncate audit_log`).rejects.toThrow('only ever added to');
    expect(await verifyAuditLog(sql)).toMatchObject({ rows: 2, broken: null });
  });
});
