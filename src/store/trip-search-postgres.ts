import type postgres from 'postgres';
import type { Trip } from '../domain/trip.ts';
import { idOrNil } from './command-document.ts';
import type { ReadReplica } from './read-replica-postgres.ts';
import type { TripFilter, TripSearch } from './trip-search.ts';

/** The time in a trip's id is the engine's when the trip was asked for: never that far from `requestedMs`. */
const SLACK_MS = 60_000;

/** Trips in PostgreSQL, asked of the read replica where there is one. */
export class PostgresTripSearch implements TripSearch {
  readonly #sql: postgres.Sql;
  readonly #replica: Pick<ReadReplica, 'read'> | null;

  constructor(sql: postgres.Sql, replica: Pick<ReadReplica, 'read'> | null) {
    this.#sql = sql;
    this.#replica = replica;
  }

  async trips(filter: TripFilter, limit: number): Promise<Trip[]> {
    const query = (sql: postgres.Sql) => found(sql, filter, limit);
    const rows = (await this.#replica?.read(query)) ?? (await query(this.#sql));
    return rows.map(({ document }) => document as Trip);
  }
}

function found(sql: postgres.Sql, filter: TripFilter, limit: number): postgres.PendingQuery<postgres.Row[]> {
  const { riderId, driverId } = filter;
  const account =
    riderId !== undefined ? sql`and t.rider_id = ${riderId}` : sql`and t.driver_id = ${driverId ?? null}`;
  const page = sql`${conditions(sql, filter)} order by t.trip_id desc limit ${limit}`;
  if (riderId === undefined && driverId === undefined)
    return sql`select trip_document(t) as document from trips t where true ${page}`;
  // In two halves, as the indexes are: see sql/0015-trip-search.sql. At most one trip of an account is under way.
  return sql`
    select trip_document(t) as document from (
      (select t from trips t where t.status in ('completed', 'cancelled', 'expired') ${account} ${page})
      union all
      (select t from trips t where t.status in ('searching', 'to_pickup', 'at_pickup', 'on_trip') ${account} ${page})
    ) x order by (t).trip_id desc limit ${limit}`;
}

function conditions(sql: postgres.Sql, filter: TripFilter): postgres.PendingQuery<postgres.Row[]> {
  const { riderId, driverId, marketId, status, fromMs, toMs, before } = filter;
  return sql`
    ${riderId === undefined || driverId === undefined ? sql`` : sql`and t.driver_id = ${driverId}`}
    ${marketId === undefined ? sql`` : sql`and t.market_id = ${marketId}`}
    ${status === undefined ? sql`` : sql`and t.status = ${status}`}
    ${fromMs === undefined ? sql`` : sql`and t.requested_at >= ${new Date(fromMs)} and t.trip_id >= ${idAt(fromMs - SLACK_MS)}`}
    ${toMs === undefined ? sql`` : sql`and t.requested_at < ${new Date(toMs)} and t.trip_id < ${idAt(toMs + SLACK_MS)}`}
    ${before === undefined ? sql`` : sql`and t.trip_id < ${idOrNil(before)}`}`;
}

/** The least UUID (version 7) of a moment. */
function idAt(ms: number): string {
  const hex = Math.max(0, ms).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
