import type postgres from 'postgres';

/** Months that the trips of the past are spread over, this one included. */
const MONTHS = 12;

/**
 * So many finished rides of the last twelve months, as the engine leaves them: a trip with its five events, an accepted offer and the five answers to its commands (these
 * without the trip's document in them: another 4 KB a trip for nothing that a command would read). Ids are by time, as the engine's are. Then statistics and a checkpoint, as time
 * brings them.
 */
export async function fillFinishedTrips(sql: postgres.Sql, trips: number, nowMs: number): Promise<void> {
  for (let month = 0; month < MONTHS; month++) {
    const first = new Date(nowMs);
    first.setUTCMonth(first.getUTCMonth() - month, 1);
    const day = first.toISOString().slice(0, 10);
    await sql`select ensure_month_partition('trip_events', ${day}::text::date)`;
    await sql`select ensure_month_partition('trip_path', ${day}::text::date)`;
  }
  if (trips > 0) await sql.begin((tx) => insertRides(tx, trips, nowMs));
  await sql`vacuum analyze`;
  await sql`checkpoint`;
}

async function insertRides(tx: postgres.TransactionSql, trips: number, nowMs: number): Promise<void> {
  // What is inserted is whole: foreign keys need not be looked up 12 million times.
  await tx`set local session_replication_role = replica`;
  await tx`set local synchronous_commit = off`;
  await tx`
    insert into trips (trip_id, market_id, rider_id, driver_id, status, version, vehicle_class, seats, pickup_lat,
      pickup_lng, dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m, quote_duration_s,
      requested_at, accepted_at, arrived_at, started_at, ended_at, distance_m, fare_minor, ended_by)
    select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(h, 1, 3) || '8' || substr(h, 4, 15))::uuid,
      'past', 'rider-' || left(h, 6), 'driver-' || right(h, 5), 'completed', 5, 'economy', 1, 37.7749, -122.4194, 37.6213,
      -122.3789, '0417', 4250, 'USD', 21034.5, 1530.25, at, at + interval '10 s', at + interval '5 min',
      at + interval '6 min', at + interval '30 min', 21000, 4250, 'driver'
    from generate_series(1, ${trips}) i,
      lateral (select to_timestamp(${nowMs}::float8 / 1000) - interval '1 h' - (${trips} - i) * interval '330 days' / ${trips} as at,
        md5(i::text) as h) made`;
  await tx`
    insert into trip_events (month, trip_id, seq, kind, status, actor, actor_id, at, detail)
    select month, trip_id, e.seq, e.kind, e.status, e.actor, t.rider_id, t.requested_at, '{}'
    from trips t, (values (1, 'requested', 'searching', 'rider'), (2, 'accepted', 'to_pickup', 'driver'), (3, 'arrived', 'at_pickup', 'driver'),
      (4, 'started', 'on_trip', 'driver'), (5, 'completed', 'completed', 'driver')) e (seq, kind, status, actor)
    order by t.trip_id, e.seq`;
  await tx`
    insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at, answered_at, closed_position)
    select overlay(trip_id::text placing '9' from 20 for 1)::uuid, trip_id, driver_id, 'accepted', 120, requested_at,
      requested_at + interval '15 s', accepted_at, nextval('positions') from trips`;
  await tx`
    insert into command_answers (account_id, key, fingerprint, submission, answered_at, trip_id, seq, answer)
    select case when seq = 1 then rider_id else driver_id end, md5(trip_id::text || seq), md5(trip_id::text), 'past:' || seq, requested_at, trip_id,
      seq, '{"ok": true}' from trips, generate_series(1, 5) seq`;
}
