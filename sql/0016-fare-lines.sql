-- What a fare is made of, beside its total: the lines of the quote and of what is owed, whose sums are the totals, and the terms that rider and
-- company have agreed on. Trips from before have none: all of their fare is one line.

alter table trips add column quote_lines jsonb, add column quote_terms jsonb, add column fare_lines jsonb;

create function whole_fare(minor bigint) returns jsonb language sql immutable parallel safe return
  case when minor is not null then jsonb_build_array(jsonb_build_object('kind', 'fare', 'amountMinor', minor)) end;

create or replace function trip_document(t trips) returns jsonb language sql stable parallel safe return
  jsonb_build_object(
    'tripId', t.trip_id, 'marketId', t.market_id, 'riderId', t.rider_id, 'driverId', t.driver_id,
    'status', t.status, 'version', t.version, 'vehicleClass', t.vehicle_class, 'seats', t.seats,
    'pickup', jsonb_build_object('lat', t.pickup_lat, 'lng', t.pickup_lng),
    'dropoff', jsonb_build_object('lat', t.dropoff_lat, 'lng', t.dropoff_lng),
    'pin', t.pin,
    'quote', jsonb_build_object('fareMinor', t.quote_fare_minor, 'currency', t.quote_currency,
      'distanceM', t.quote_distance_m, 'durationS', t.quote_duration_s,
      'lines', coalesce(t.quote_lines, whole_fare(t.quote_fare_minor)), 'terms', t.quote_terms),
    'requestedMs', unix_ms(t.requested_at), 'acceptedMs', unix_ms(t.accepted_at),
    'arrivedMs', unix_ms(t.arrived_at), 'startedMs', unix_ms(t.started_at), 'endedMs', unix_ms(t.ended_at),
    'distanceM', t.distance_m, 'fareMinor', t.fare_minor,
    'fareLines', coalesce(t.fare_lines, whole_fare(t.fare_minor)), 'endedBy', t.ended_by, 'endReason', t.end_reason);

-- As in 0006, and: nobody owes anything for a trip that no driver was bound to.
create or replace function run_transitions(commands numbered[]) returns table (place bigint, command jsonb, answer jsonb) language plpgsql strict as $$
begin
  return query
  with asked as materialized (
    select n, c, t.trip_id, t.version, t.driver_id, c ->> 'event' as kind, from_unix_ms(c ->> 'atMs') as at,
      (c ->> 'final')::boolean as final,
      (c ->> 'final')::boolean and t.driver_id is not null and c ->> 'fareMinor' is not null as owes, refusal_of_transition(c, t) as refusal
    from unnest(commands) left join trips t on t.trip_id = (c ->> 'tripId')::uuid),
  moved as (
    update trips t set status = c ->> 'to', version = t.version + 1,
      driver_id = case when kind <> 'released' then t.driver_id end,
      accepted_at = case when kind <> 'released' then t.accepted_at end,
      arrived_at = case kind when 'released' then null when 'arrived' then at else t.arrived_at end,
      started_at = case kind when 'started' then at else t.started_at end,
      ended_at = case when final then at end,
      ended_by = case when final then c ->> 'actor' end,
      end_reason = case when final then c ->> 'endReason' end,
      distance_m = case when final then (c ->> 'distanceM')::float8 end,
      fare_minor = case when owes then (c ->> 'fareMinor')::bigint end,
      fare_lines = case when owes then c -> 'fareLines' end
    from asked a where refusal is null and t.trip_id = a.trip_id and t.version = a.version
    returning n, c, final or kind = 'released' as closes, trip_document(t) as trip,
      row(t.month, t.trip_id, t.version, kind, t.status, c ->> 'actor', c ->> 'actorId', at,
        c -> 'detail' || case when owes then jsonb_build_object('fareMinor', c -> 'fareMinor') else '{}' end
          || case kind when 'released' then jsonb_build_object('driverId', a.driver_id) else '{}' end,
        nextval('positions'))::trip_events as e),
  appended as (
    insert into trip_events select (e).* from moved),
  closed as (
    update offers o set status = 'withdrawn', answered_at = (e).at, closed_position = nextval('positions')
    from moved where closes and o.trip_id = (e).trip_id and o.status || '' = 'live'
    returning o)
  select n, c, change(trip, event_document(e), (select offers_by_trip(array_agg(o)) from closed)) from moved
  union all
  select n, c, refusal from asked where refusal is not null;
end $$;

create or replace function run_requests(commands numbered[]) returns table (place bigint, command jsonb, answer jsonb) language plpgsql strict as $$
begin
  return query
  with asked as materialized (
    select n, c, c -> 'trip' as t, (select true from trips where rider_id = c #>> '{trip,riderId}'
      and status in ('searching', 'to_pickup', 'at_pickup', 'on_trip') limit 1) as is_busy
    from unnest(commands)),
  made as (
    insert into trips as made (trip_id, market_id, rider_id, status, version, vehicle_class, seats, pickup_lat, pickup_lng,
      dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m, quote_duration_s, quote_lines, quote_terms, requested_at)
    select (t ->> 'tripId')::uuid, t ->> 'marketId', t ->> 'riderId', 'searching', 1, t ->> 'vehicleClass',
      (t ->> 'seats')::smallint, (t #>> '{pickup,lat}')::float8, (t #>> '{pickup,lng}')::float8,
      (t #>> '{dropoff,lat}')::float8, (t #>> '{dropoff,lng}')::float8, t ->> 'pin',
      (t #>> '{quote,fareMinor}')::bigint, t #>> '{quote,currency}', (t #>> '{quote,distanceM}')::float8,
      (t #>> '{quote,durationS}')::float8, t #> '{quote,lines}', nullif(t #> '{quote,terms}', 'null'), from_unix_ms(t ->> 'requestedMs')
    from asked where is_busy is null
    returning trip_document(made) as trip,
      row(month, trip_id, 1, 'requested', status, 'rider', rider_id, requested_at, '{}', nextval('positions'))::trip_events
        as e),
  appended as (
    insert into trip_events select (e).* from made)
  select n, c, case when is_busy then rejection('rider_busy')
    else (select jsonb_object_agg((e).trip_id, change(trip, event_document(e), null)) from made) -> (t ->> 'tripId')::uuid::text end
  from asked;
end $$;
