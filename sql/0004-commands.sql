-- Commands of src/store/trip-store.ts. A batch is one statement, hence one round trip and one transaction; each command in
-- it is all or nothing for itself because it decides before it writes.
--
-- Locks, always in this order, so that two batches cannot wait for each other: the accounts (sorted by hash), the trips
-- (sorted by id). An account's lock is what makes "this rider has no active trip", "this driver has no live offer" and
-- "this key is new" true until commit; a trip's lock does so for its state and its offers. The unique indexes stand behind.
--
-- Plans here are made once per connection, often before the tables have statistics. So the functions that are called from
-- outside switch sequential scans off (measured: 0.3 ms a batch at 2,000 trips, growing with them), and what looks for the
-- live offers of a trip says `status || '' = 'live'`: else the planner takes the index of all live offers for a short list.

create function lock_accounts(accounts text[]) returns void language plpgsql as $$
begin
  -- The first number keeps these locks apart from everybody else's.
  perform pg_advisory_xact_lock(1752398, s.number)
    from (select distinct hashtext(a) as number from unnest(accounts) a where a is not null order by 1) s;
end $$;

create function lock_trips(ids uuid[]) returns void language plpgsql as $$
begin
  perform 1 from trips where trip_id = any (ids) order by trip_id for no key update;
end $$;

create function rejection(code text, detail text default null) returns jsonb
  language sql immutable parallel safe
  return jsonb_strip_nulls(jsonb_build_object('ok', false, 'code', code, 'detail', detail));

create function change(t trips, e trip_events, closed jsonb) returns jsonb language sql stable parallel safe return
  jsonb_build_object('ok', true, 'value', jsonb_build_object('trip', trip_document(t),
    'event', case when e.seq is null then null else event_document(e) end,
    'closedOffers', closed, 'replayed', false));

create function append_event(t trips, kind text, actor text, actor_id text, at timestamptz, detail jsonb)
returns trip_events language plpgsql as $$
declare
  e trip_events;
begin
  insert into trip_events as x (month, trip_id, seq, kind, status, actor, actor_id, at, detail)
  values (t.month, t.trip_id, t.version, append_event.kind, t.status, append_event.actor, append_event.actor_id,
    append_event.at, append_event.detail)
  returning x.* into e;
  return e;
end $$;

-- Closes the trip's live offers but `answered`, which is closed as `answered_as`; that one comes first in the answer.
create function close_offers_of_trip(trip uuid, at timestamptz, answered uuid default null, answered_as text default null)
returns jsonb language plpgsql as $$
declare
  closed jsonb;
begin
  with c as (
    update offers o
    set status = case when o.offer_id = answered then answered_as else 'withdrawn' end,
      answered_at = at, closed_position = nextval('positions')
    where o.trip_id = trip and o.status || '' = 'live'
    returning o.*)
  select coalesce(jsonb_agg(offer_document(c) order by c.offer_id is distinct from answered, c.offered_at, c.offer_id), '[]')
  into closed from c;
  return closed;
end $$;

create function run_request(c jsonb) returns jsonb language plpgsql as $$
declare
  n jsonb := c -> 'trip';
  t trips;
begin
  perform 1 from trips where rider_id = n ->> 'riderId'
    and status in ('searching', 'to_pickup', 'at_pickup', 'on_trip');
  if found then
    return rejection('rider_busy');
  end if;
  insert into trips (trip_id, market_id, rider_id, status, version, vehicle_class, seats, pickup_lat, pickup_lng,
    dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m, quote_duration_s, requested_at)
  values ((n ->> 'tripId')::uuid, n ->> 'marketId', n ->> 'riderId', 'searching', 1, n ->> 'vehicleClass',
    (n ->> 'seats')::smallint, (n #>> '{pickup,lat}')::float8, (n #>> '{pickup,lng}')::float8,
    (n #>> '{dropoff,lat}')::float8, (n #>> '{dropoff,lng}')::float8, n ->> 'pin',
    (n #>> '{quote,fareMinor}')::bigint, n #>> '{quote,currency}', (n #>> '{quote,distanceM}')::float8,
    (n #>> '{quote,durationS}')::float8, from_unix_ms(n ->> 'requestedMs'))
  returning * into t;
  return change(t, append_event(t, 'requested', 'rider', t.rider_id, t.requested_at, '{}'), '[]');
end $$;

create function run_answer(c jsonb) returns jsonb language plpgsql as $$
declare
  at timestamptz := from_unix_ms(c ->> 'atMs');
  o offers;
  t trips;
begin
  select * into o from offers where offer_id = (c ->> 'offerId')::uuid;
  if not found or o.driver_id <> c ->> 'driverId' then
    return rejection('not_found');
  end if;
  select * into t from trips where trip_id = o.trip_id for no key update;
  -- Read again under the trip's lock: it may have been closed while this waited.
  select * into o from offers where offer_id = o.offer_id;
  if o.status <> 'live' then
    return rejection('offer_gone', o.status);
  elsif c ->> 'kind' = 'decline' then
    update offers set status = 'declined', answered_at = at, closed_position = nextval('positions')
      where offer_id = o.offer_id returning * into o;
    return change(t, null, jsonb_build_array(offer_document(o)));
  elsif at > o.expires_at then
    return rejection('offer_gone', 'expired');
  elsif not (c -> 'from') ? t.status then
    return rejection('offer_gone', t.status);
  end if;
  perform 1 from trips where driver_id = o.driver_id and status in ('to_pickup', 'at_pickup', 'on_trip');
  if found then
    return rejection('driver_busy');
  end if;
  update trips set status = c ->> 'to', version = version + 1, driver_id = o.driver_id, accepted_at = at
    where trip_id = t.trip_id and version = t.version returning * into t;
  return change(t,
    append_event(t, 'accepted', 'driver', o.driver_id, at, jsonb_build_object('offerId', o.offer_id)),
    close_offers_of_trip(t.trip_id, at, o.offer_id, 'accepted'));
end $$;

-- Null when the transition may happen, else why not; in the contract's order.
create function refusal_of_transition(c jsonb, t trips) returns jsonb language plpgsql as $$
begin
  if t.trip_id is null
    or (c ->> 'actor' = 'rider' and t.rider_id is distinct from c ->> 'actorId')
    or (c ->> 'actor' = 'driver' and (t.driver_id = c ->> 'actorId') is not true) then
    return rejection('not_found');
  elsif not (c -> 'actors') ? (c ->> 'actor') then
    return rejection('forbidden');
  elsif not (c -> 'from') ? t.status then
    return rejection('wrong_state', t.status);
  elsif c ->> 'event' = 'started' and t.pin is distinct from c ->> 'pin' then
    return rejection('wrong_pin');
  elsif c ->> 'event' = 'no_show' and t.arrived_at > from_unix_ms(c ->> 'arrivedBeforeMs') then
    return rejection('too_early');
  end if;
  return null;
end $$;

create function run_transition(c jsonb) returns jsonb language plpgsql as $$
declare
  at timestamptz := from_unix_ms(c ->> 'atMs');
  event text := c ->> 'event';
  final boolean := (c ->> 'final')::boolean;
  released boolean := c ->> 'event' = 'released';
  detail jsonb := c -> 'detail';
  had_offers boolean;
  t trips;
  refusal jsonb;
begin
  select * into t from trips where trip_id = (c ->> 'tripId')::uuid for no key update;
  refusal := refusal_of_transition(c, t);
  if refusal is not null then
    return refusal;
  end if;
  -- Asked first, since only a searching trip has some and the rest of a ride need not pay for it.
  had_offers := (final or released) and exists (select from offers where trip_id = t.trip_id and status || '' = 'live');
  if released then
    detail := detail || jsonb_build_object('driverId', t.driver_id);
  end if;
  update trips set status = c ->> 'to', version = version + 1,
      driver_id = case when released then null else driver_id end,
      accepted_at = case when released then null else accepted_at end,
      arrived_at = case when released then null when event = 'arrived' then at else arrived_at end,
      started_at = case when event = 'started' then at else started_at end,
      ended_at = case when final then at end,
      ended_by = case when final then c ->> 'actor' end,
      end_reason = case when final then c ->> 'endReason' end,
      distance_m = case when final then (c ->> 'distanceM')::float8 end,
      fare_minor = case when final then (c ->> 'fareMinor')::bigint end
    where trip_id = t.trip_id and version = t.version returning * into t;
  return change(t, append_event(t, event, c ->> 'actor', c ->> 'actorId', at, detail),
    case when had_offers then close_offers_of_trip(t.trip_id, at) else '[]' end);
end $$;

-- One command: the stored answer of its key, or the answer it has now, stored under the key unless it may change by
-- itself (`retryable`).
create function run_command(c jsonb, retryable text[]) returns jsonb language plpgsql as $$
declare
  s command_answers;
  a jsonb;
begin
  select * into s from command_answers where account_id = c ->> 'account' and key = c ->> 'key';
  if found and s.fingerprint <> c ->> 'fingerprint' then
    return rejection('key_reused');
  elsif found and (s.answer ->> 'ok')::boolean and s.submission <> c ->> 'submission' then
    return jsonb_set(s.answer, '{value,replayed}', 'true');
  elsif found then
    return s.answer;
  end if;
  a := case c ->> 'kind' when 'request' then run_request(c) when 'transition' then run_transition(c) else run_answer(c) end;
  if (a ->> 'code' = any (retryable)) is not true then
    insert into command_answers (account_id, key, fingerprint, submission, answered_at, trip_id, seq, answer)
    values (c ->> 'account', c ->> 'key', c ->> 'fingerprint', c ->> 'submission', from_unix_ms(c ->> 'atMs'),
      (a #>> '{value,event,tripId}')::uuid, (a #>> '{value,event,seq}')::integer, a);
  end if;
  return a;
end $$;

-- A batch of commands in order; the answers in the same order.
create function run_commands(batch jsonb, retryable text[]) returns jsonb language plpgsql set enable_seqscan = off as $$
declare
  c jsonb;
  answers jsonb[] := '{}';
begin
  perform lock_accounts((select array_agg(a) from jsonb_array_elements(batch) b,
    lateral (values (b ->> 'account'), (b ->> 'driverId'), (b #>> '{trip,riderId}')) v (a)));
  perform lock_trips((select array_agg((b ->> 'tripId')::uuid) from jsonb_array_elements(batch) b where b ? 'tripId')
    || (select array_agg(trip_id) from offers where offer_id in
      (select (b ->> 'offerId')::uuid from jsonb_array_elements(batch) b where b ? 'offerId')));
  for c in select value from jsonb_array_elements(batch) loop
    answers := answers || run_command(c, retryable);
  end loop;
  return to_jsonb(answers);
end $$;
