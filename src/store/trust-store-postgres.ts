import type postgres from 'postgres';
import type { DriverId, TripId } from '../domain/ids.ts';
import type { RatingTag, Stars } from '../domain/rating.ts';
import type { LocationSuspicion, Rating, RatingSum, Side, SosCall, TrustStore } from './trust-store.ts';

interface SosRow {
  sos_id: string;
  raised_by: string;
  raised_role: Side['role'];
  trip_id: TripId | null;
  lat: number | null;
  lng: number | null;
  raised_at: Date;
  handled_by: string | null;
  handled_at: Date | null;
  note: string | null;
}

interface RatingRow {
  rater_id: string;
  rated_id: string;
  stars: Stars;
  tags: RatingTag[];
  rated_at: Date;
}

/** The trust store on PostgreSQL. The pool is whoever gave it's to end. */
export class PostgresTrustStore implements TrustStore {
  readonly #sql: postgres.Sql;

  constructor(sql: postgres.Sql) {
    this.#sql = sql;
  }

  async rate({ tripId, rater, ratedId, stars, tags, atMs }: Rating): Promise<void> {
    const ratedRole = rater.role === 'rider' ? 'driver' : 'rider';
    // One statement: it sees the rating before as it was, and adds the difference. The lock orders two that come at once.
    await this.#sql.begin(async (sql) => {
      await sql`select pg_advisory_xact_lock(hashtextextended(${`rating ${tripId} ${rater.role}`}, 0))`;
      await sql`
        with before as (
          select stars from trip_ratings where trip_id = ${tripId} and rater_role = ${rater.role}
        ), kept as (
          insert into trip_ratings (trip_id, rater_role, rater_id, rated_id, stars, tags, rated_at)
          values (${tripId}, ${rater.role}, ${rater.accountId}, ${ratedId}, ${stars}, ${[...tags]}, ${new Date(atMs)})
          on conflict (trip_id, rater_role)
          do update set stars = excluded.stars, tags = excluded.tags, rated_at = excluded.rated_at
        )
        insert into rating_sums as sums (account_id, role, ratings, stars)
        values (${ratedId}, ${ratedRole}, 1, ${stars})
        on conflict (account_id, role) do update set
          ratings = sums.ratings + 1 - (select count(*)::int from before),
          stars = sums.stars + excluded.stars - coalesce((select stars from before), 0)`;
    });
  }

  async ratingOf(tripId: TripId, role: Side['role']): Promise<Rating | null> {
    const [row] = await this.#sql<RatingRow[]>`
      select rater_id, rated_id, stars, tags, rated_at from trip_ratings
      where trip_id = ${tripId} and rater_role = ${role}`;
    if (row === undefined) return null;
    const rater = { role, accountId: row.rater_id };
    const { rated_id: ratedId, stars, tags, rated_at: at } = row;
    return { tripId, rater, ratedId, stars, tags, atMs: at.getTime() };
  }

  async ratingSum({ accountId, role }: Side): Promise<RatingSum> {
    const [row] = await this.#sql<RatingSum[]>`
      select ratings, stars from rating_sums where account_id = ${accountId} and role = ${role}`;
    return row === undefined ? { ratings: 0, stars: 0 } : { ratings: row.ratings, stars: row.stars };
  }

  async openShare(tripId: TripId): Promise<number> {
    const [row] = await this.#sql<{ generation: number }[]>`
      insert into trip_shares as share (trip_id, generation, is_open) values (${tripId}, 1, true)
      on conflict (trip_id) do update set
        generation = share.generation + case when share.is_open then 0 else 1 end, is_open = true
      returning generation`;
    return row!.generation;
  }

  async closeShare(tripId: TripId): Promise<void> {
    await this.#sql`update trip_shares set is_open = false where trip_id = ${tripId}`;
  }

  async openShareOf(tripId: TripId): Promise<number | null> {
    const [row] = await this.#sql<{ generation: number }[]>`
      select generation from trip_shares where trip_id = ${tripId} and is_open`;
    return row?.generation ?? null;
  }

  async raise(call: Omit<SosCall, 'handledBy' | 'handledMs' | 'note'>, callKey: string): Promise<SosCall> {
    const { sosId, by, tripId, place, raisedMs } = call;
    // The update changes nothing: it makes the row of an earlier call of this key come back.
    const [row] = await this.#sql<SosRow[]>`
      insert into sos_calls as old
        (sos_id, raised_by, raised_role, trip_id, lat, lng, raised_at, call_key)
      values (${sosId}, ${by.accountId}, ${by.role}, ${tripId}, ${place?.lat ?? null}, ${place?.lng ?? null},
        ${new Date(raisedMs)}, ${callKey})
      on conflict (raised_by, raised_role, call_key) do update set call_key = old.call_key
      returning *`;
    return sosCallOf(row!);
  }

  async sosCall(sosId: string): Promise<SosCall | null> {
    const [row] = await this.#sql<SosRow[]>`select * from sos_calls where sos_id = ${sosId}`;
    return row === undefined ? null : sosCallOf(row);
  }

  async sosCalls({ isOpen, after, limit }: Parameters<TrustStore['sosCalls']>[0]): Promise<SosCall[]> {
    const sql = this.#sql;
    const rows = await sql<SosRow[]>`
      select * from sos_calls
      where ${isOpen ? sql`handled_at is null` : sql`true`}
        and ${after === null ? sql`true` : sql`(raised_at, sos_id) > (${new Date(after.raisedMs)}, ${after.sosId}::uuid)`}
      order by raised_at, sos_id limit ${limit}`;
    return rows.map(sosCallOf);
  }

  async handle(
    sosId: string,
    { operatorId, note, atMs }: Parameters<TrustStore['handle']>[1],
  ): Promise<SosCall | null> {
    const [row] = await this.#sql<SosRow[]>`
      update sos_calls set
        handled_by = coalesce(handled_by, ${operatorId}),
        note = case when handled_at is null then ${note} else note end,
        handled_at = coalesce(handled_at, ${new Date(atMs)})
      where sos_id = ${sosId} returning *`;
    return row === undefined ? null : sosCallOf(row);
  }

  async suspect(suspicion: LocationSuspicion): Promise<void> {
    const { driverId, sinceMs, untilMs, refused, jumps, isMock } = suspicion;
    await this.#sql`
      insert into location_suspicions (driver_id, since, until, refused, jumps, is_mock)
      values (${driverId}, ${new Date(sinceMs)}, ${new Date(untilMs)}, ${refused}, ${jumps}, ${isMock})
      on conflict (driver_id, since) do nothing`;
  }

  async suspicionOf(driverId: DriverId, nowMs: number): Promise<LocationSuspicion | null> {
    const [row] = await this.#sql<SuspicionRow[]>`
      select * from location_suspicions
      where driver_id = ${driverId} and until > ${new Date(nowMs)} order by since desc limit 1`;
    return row === undefined ? null : suspicionOf(row);
  }

  async suspicionsOf(driverId: DriverId, limit: number): Promise<LocationSuspicion[]> {
    const rows = await this.#sql<SuspicionRow[]>`
      select * from location_suspicions where driver_id = ${driverId} order by since desc limit ${limit}`;
    return rows.map(suspicionOf);
  }

  async liftSuspicions(driverId: DriverId, operatorId: string, nowMs: number): Promise<boolean> {
    const now = new Date(nowMs);
    const lifted = await this.#sql`
      update location_suspicions set until = greatest(since, ${now}), lifted_by = ${operatorId}
      where driver_id = ${driverId} and until > ${now} returning driver_id`;
    return lifted.length > 0;
  }
}

interface SuspicionRow {
  driver_id: DriverId;
  since: Date;
  until: Date;
  refused: number;
  jumps: number;
  is_mock: boolean;
  lifted_by: string | null;
}

function suspicionOf(row: SuspicionRow): LocationSuspicion {
  return {
    driverId: row.driver_id,
    sinceMs: row.since.getTime(),
    untilMs: row.until.getTime(),
    refused: row.refused,
    jumps: row.jumps,
    isMock: row.is_mock,
    liftedBy: row.lifted_by,
  };
}

function sosCallOf(row: SosRow): SosCall {
  return {
    sosId: row.sos_id,
    by: { role: row.raised_role, accountId: row.raised_by },
    tripId: row.trip_id,
    place: row.lat === null || row.lng === null ? null : { lat: row.lat, lng: row.lng },
    raisedMs: row.raised_at.getTime(),
    handledBy: row.handled_by,
    handledMs: row.handled_at?.getTime() ?? null,
    note: row.note,
  };
}
