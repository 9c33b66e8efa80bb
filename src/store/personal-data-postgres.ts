import type postgres from 'postgres';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { AuditEntry } from './audit-log.ts';
import { appendAudit } from './audit-log-postgres.ts';
import { type PersonalDataStore, type PersonalRows, TRIPS_MAX } from './personal-data.ts';

/** On PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresPersonalData implements PersonalDataStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async rowsOf(accountId: string): Promise<PersonalRows> {
    return this.#sql.begin('isolation level repeatable read read only', async (sql) => ({
      sessions: await sql`
        select role, device, address, created_at, seen_at, ended_at, end_reason from sessions
        where subject = ${accountId} and role in ('rider', 'driver') order by created_at`,
      trips: await sql`
        select trip_id, rider_id, driver_id, status, vehicle_class, seats, pickup_lat, pickup_lng, dropoff_lat, dropoff_lng,
          quote_fare_minor, quote_currency, fare_minor, distance_m, requested_at, accepted_at, arrived_at, started_at,
          ended_at, ended_by, end_reason
        from trips where rider_id = ${accountId} or driver_id = ${accountId}
        order by requested_at desc limit ${TRIPS_MAX}`,
      ratingsGiven: await sql`
        select trip_id, stars, tags, rated_at from trip_ratings where rater_id = ${accountId} order by rated_at`,
      callsForHelp: await sql`
        select trip_id, lat, lng, raised_at, handled_at, note from sos_calls where raised_by = ${accountId} order by raised_at`,
      suspicions: await sql`
        select since, until, refused, jumps, is_mock from location_suspicions where driver_id = ${accountId} order by since`,
    }));
  }

  erase(accountId: string, by: Pick<AuditEntry, 'actor' | 'address' | 'atMs'>): Promise<Result<null>> {
    return this.#sql.begin(async (sql) => {
      const [account] = await sql<{ kind: 'rider' | 'driver'; state: string; phone_index: Buffer | null }[]>`
        select kind, state, phone_index from accounts where account_id = ${accountId} for update`;
      if (account === undefined) return rejected('not_found');
      const { kind, state, phone_index: phoneIndex } = account;
      if (state === 'erased') return accepted(null);
      const field = kind === 'rider' ? 'rider_id' : 'driver_id';
      const active = await sql`
        select 1 from trips where ${sql(field)} = ${accountId}
          and status in ('searching', 'to_pickup', 'at_pickup', 'on_trip') limit 1`;
      if (active.length > 0) return rejected(kind === 'rider' ? 'rider_busy' : 'driver_busy');
      await sql`
        update accounts set state = 'erased', version = version + 1, phone_index = null, phone_sealed = null,
          name_sealed = null, data_key = null, key_id = null
        where account_id = ${accountId}`;
      await sql`delete from sign_in_codes where phone_index = ${phoneIndex} and kind = ${kind}`;
      await sql`delete from driver_approvals where driver_id = ${accountId}`;
      await sql`
        update sessions set device = '', address = '' where subject = ${accountId} and role in ('rider', 'driver')`;
      await sql`delete from rest_answers where account = ${`${kind}:${accountId}`}`;
      await sql`update sos_calls set lat = null, lng = null, note = null where raised_by = ${accountId}`;
      await appendAudit(sql, {
        ...{ ...by, action: 'account.erase', object: { kind, id: accountId } },
        ...{ before: { state }, after: { state: 'erased' } },
      });
      return accepted(null);
    });
  }
}
