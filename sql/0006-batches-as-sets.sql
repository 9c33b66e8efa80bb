-- Commands of a batch are decided and written by the set: a statement for each kind of command instead of several for each command. What a
-- statement costs before its first row (its check constraints are read from the catalogue every time: a quarter of all, measured) is paid once
-- a batch. Replaces the functions of 0004; locks, rules, answers and documents are as there.
--
-- A set: commands of which no two touch the same account or trip. None of them can tell whether another was decided before it, but for what
-- ends a trip and what begins one: therefore transitions go first, then requests, then answers to offers. Each is a statement that sees what
-- those before it have freed, and draws later positions.
--
-- Plans are made before the tables have statistics. run_commands therefore leaves the planner indexes and nested loops alone, and what looks
-- whether an account has an active trip says (select true ... limit 1), since it may turn `exists` into a scan of all active trips.

drop function run_command(jsonb, text[]), run_request(jsonb), run_answer(jsonb), run_transition(jsonb),
  close_offers_of_trip(uuid, timestamptz, uuid, text), append_event(trips, text, text, text, timestamptz, jsonb),
  change(trips, trip_events, jsonb);

-- A command or an answer with the command's place in its batch. Arrays of it are passed on as they are; lists in JSON would be written anew
-- at each step (a quarter of all, measured).
create type numbered as (n bigint, c jsonb);

-- `closed`: as offers_by_trip answers.
create function change(trip jsonb, event jsonb, closed jsonb) returns jsonb language sql immutable parallel safe return
  jsonb_build_object('ok', true, 'value', jsonb_build_object('trip', trip, 'event', event,
    'closedOffers', coalesce(closed -> (trip ->> 'tripId'), '[]'), 'replayed', false));

-- The documents of closed offers by trip; the one that was answered comes first.
create function offers_by_trip(closed offers[]) returns jsonb language plpgsql as $$
begin
  return (select jsonb_object_agg(trip_id, documents) from (
    select o.trip_id, jsonb_agg(offer_document(o) order by o.status = 'withdrawn', o.offered_at, o.offer_id) as documents
    from unnest(closed) o group by o.trip_id) x);
end $$;

create function run_transitions(commands numbered[]) returns table (place bigint, command jsonb, answer jsonb) language plpgsql strict as $$
begin
  return query
  with asked as materialized (
    select n, c, t.trip_id, t.version, t.driver_id, c ->> 'event' as kind, from_unix_ms(c ->> 'atMs') as at,
      (c ->> 'final')::boolean as final, refusal_of_transition(c, t) as refusal
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
      fare_minor = case when final then (c ->> 'fareMinor')::bigint end
    from asked a where refusal is null and t.trip_id = a.trip_id and t.version = a.version
    returning n, c, final or kind = 'released' as closes, trip_document(t) as trip,
      row(t.month, t.trip_id, t.version, kind, t.status, c ->> 'actor', c ->> 'actorId', at,
        c -> 'detail' || case kind when 'released' then jsonb_build_object('driverId', a.driver_id) else '{}' end,
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

create function run_requests(commands numbered[]) returns table (place bigint, command jsonb, answer jsonb) language plpgsql strict as $$
begin
  return query
  with asked as materialized (
    select n, c, c -> 'trip' as t, (select true from trips where rider_id = c #>> '{trip,riderId}'
      and status in ('searching', 'to_pickup', 'at_pickup', 'on_trip') limit 1) as is_busy
    from unnest(commands)),
  made as (
    insert into trips as made (trip_id, market_id, rider_id, status, version, vehicle_class, seats, pickup_lat, pickup_lng,
      dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m, quote_duration_s, requested_at)
    select (t ->> 'tripId')::uuid, t ->> 'marketId', t ->> 'riderId', 'searching', 1, t ->> 'vehicleClass',
      (t ->> 'seats')::smallint, (t #>> '{pickup,lat}')::float8, (t #>> '{pickup,lng}')::float8,
      (t #>> '{dropoff,lat}')::float8, (t #>> '{dropoff,lng}')::float8, t ->> 'pin',
      (t #>> '{quote,fareMinor}')::bigint, t #>> '{quote,currency}', (t #>> '{quote,distanceM}')::float8,
      (t #>> '{quote,durationS}')::float8, from_unix_ms(t ->> 'requestedMs')
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

-- Null when the offer may be answered so, else why not; in the contract's order.
create function refusal_of_answer(c jsonb, o offers, t trips, is_busy boolean) returns jsonb language plpgsql as $$
begin
  if o.offer_id is null or o.driver_id <> c ->> 'driverId' then
    return rejection('not_found');
  elsif o.status <> 'live' then
    return rejection('offer_gone', o.status);
  elsif c ->> 'kind' = 'decline' then
    return null;
  elsif from_unix_ms(c ->> 'atMs') > o.expires_at then
    return rejection('offer_gone', 'expired');
  elsif not (c -> 'from') ? t.status then
    return rejection('offer_gone', t.status);
  elsif is_busy then
    return rejection('driver_busy');
  end if;
  return null;
end $$;

create function run_answers(commands numbered[]) returns table (place bigint, command jsonb, answer jsonb) language plpgsql strict as $$
begin
  return query
  with asked as materialized (
    select n, c, c ->> 'kind' as kind, from_unix_ms(c ->> 'atMs') as at, t as known, o.trip_id, o.offer_id, o.driver_id,
      refusal_of_answer(c, o, t, (select true from trips x where x.driver_id = o.driver_id
        and x.status in ('to_pickup', 'at_pickup', 'on_trip') limit 1)) as refusal
    from unnest(commands) left join offers o on o.offer_id = (c ->> 'offerId')::uuid
      left join trips t on t.trip_id = o.trip_id),
  moved as (
    update trips t set status = c ->> 'to', version = t.version + 1, driver_id = a.driver_id, accepted_at = at
    from asked a where refusal is null and kind = 'accept' and t.trip_id = a.trip_id and t.version = (known).version
    returning n, c, trip_document(t) as trip,
      row(t.month, t.trip_id, t.version, 'accepted', t.status, 'driver', t.driver_id, at,
        jsonb_build_object('offerId', offer_id), nextval('positions'))::trip_events as e),
  appended as (
    insert into trip_events select (e).* from moved),
  closed as (
    update offers o set answered_at = at, closed_position = nextval('positions'),
      status = case when o.offer_id <> a.offer_id then 'withdrawn' when kind = 'accept' then 'accepted' else 'declined' end
    from asked a where refusal is null and o.trip_id = a.trip_id and o.status || '' = 'live'
      and (kind = 'accept' or o.offer_id = a.offer_id)
    returning o)
  select n, c, change(trip, event_document(e), (select offers_by_trip(array_agg(o)) from closed)) from moved
  union all
  select n, c, coalesce(refusal, change(trip_document(known), null, (select offers_by_trip(array_agg(o)) from closed))) from asked
    where refusal is not null or kind = 'decline';
end $$;

-- A set: the stored answers of its keys, or the answers it has now, stored under their keys unless they may change by themselves
-- (`retryable`). A kind without commands is null, which a strict function is not called with.
create function run_set(commands numbered[], retryable text[]) returns numbered[] language plpgsql as $$
declare
  known numbered[];
  transitions numbered[];
  requests numbered[];
  answers numbered[];
  decided numbered[];
begin
  select array_agg((n, case
      when s.fingerprint <> c ->> 'fingerprint' then rejection('key_reused')
      when (s.answer ->> 'ok')::boolean and s.submission <> c ->> 'submission' then jsonb_set(s.answer, '{value,replayed}', 'true')
      else s.answer end)::numbered) filter (where s.key is not null),
    array_agg((n, c)::numbered) filter (where s.key is null and c ->> 'kind' = 'transition'),
    array_agg((n, c)::numbered) filter (where s.key is null and c ->> 'kind' = 'request'),
    array_agg((n, c)::numbered) filter (where s.key is null and c ->> 'kind' in ('accept', 'decline'))
  into known, transitions, requests, answers
  from unnest(commands) left join command_answers s on s.account_id = c ->> 'account' and s.key = c ->> 'key';
  with d as materialized (
    select * from run_transitions(transitions)
    union all select * from run_requests(requests)
    union all select * from run_answers(answers)),
  kept as (
    insert into command_answers (account_id, key, fingerprint, submission, answered_at, trip_id, seq, answer)
    select command ->> 'account', command ->> 'key', command ->> 'fingerprint', command ->> 'submission',
      from_unix_ms(command ->> 'atMs'), (answer #>> '{value,event,tripId}')::uuid, (answer #>> '{value,event,seq}')::integer, answer
    from d where (answer ->> 'code' = any (retryable)) is not true)
  select array_agg((place, answer)::numbered) into decided from d;
  return known || decided;
end $$;

-- A batch of commands; the answers in the same order. Those that are the first of the batch to touch their accounts and their trip are a
-- set; the rest comes after it, one by one.
create or replace function run_commands(batch jsonb, retryable text[]) returns jsonb language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  commands numbered[];
  rest bigint[];
  command numbered;
  answers numbered[];
begin
  perform lock_accounts((select array_agg(a) from jsonb_array_elements(batch) b,
    lateral (values (b ->> 'account'), (b ->> 'driverId'), (b #>> '{trip,riderId}')) v (a)));
  perform lock_trips((select array_agg((b ->> 'tripId')::uuid) from jsonb_array_elements(batch) b where b ? 'tripId')
    || (select array_agg(trip_id) from offers where offer_id in
      (select (b ->> 'offerId')::uuid from jsonb_array_elements(batch) b where b ? 'offerId')));
  select array_agg((n, b)::numbered order by n) into commands from jsonb_array_elements(batch) with ordinality x (b, n);
  if jsonb_array_length(batch) > 1 then
    select array_agg(distinct n) into rest from (
      select unnest((array_agg(n order by n))[2:]) as n from (
        select distinct n, name from unnest(commands), lateral (values (c ->> 'account'), (c ->> 'driverId'), (c #>> '{trip,riderId}'),
          (c ->> 'tripId'), (c #>> '{trip,tripId}'), (case when c ? 'offerId' then
            (select trip_id::text from offers where offer_id = (c ->> 'offerId')::uuid) end)) v (name)) t
      where name is not null group by name having count(*) > 1) r;
  end if;
  if rest is null then
    answers := run_set(commands, retryable);
  else
    answers := run_set((select array_agg(x::numbered) from unnest(commands) x where n <> all (rest)), retryable);
    foreach command in array commands loop
      if command.n = any (rest) then
        answers := answers || run_set(array[command], retryable);
      end if;
    end loop;
  end if;
  return (select to_jsonb(array_agg(c order by n)) from unnest(answers));
end $$;

-- Offers of which no two are to the same driver.
create function open_offer_set(batch jsonb) returns jsonb language plpgsql as $$
declare
  openings jsonb;
begin
  with asked as materialized (
    select n, b, o as stored, case
        -- Opened already: this is the repetition of a batch whose answer was lost.
        when o.offer_id is not null then null
        when t.status is distinct from 'searching' then 'trip_not_searching'
        when (select true from offers x where x.driver_id = b ->> 'driverId' and x.status = 'live' limit 1) then 'driver_has_offer'
        when (select true from trips x where x.driver_id = b ->> 'driverId'
          and x.status in ('to_pickup', 'at_pickup', 'on_trip') limit 1) then 'driver_busy'
        -- R9. An accepted offer of a trip that is searching again is one whose driver gave it up.
        when (select true from offers x where x.trip_id = t.trip_id and x.driver_id = b ->> 'driverId'
          and x.status in ('declined', 'timed_out', 'accepted') limit 1) then 'driver_excluded'
      end as why
    from jsonb_array_elements(batch) with ordinality e (b, n) left join offers o on o.offer_id = (b ->> 'offerId')::uuid
      left join trips t on t.trip_id = (b ->> 'tripId')::uuid),
  opened as materialized (
    select n, row((b ->> 'offerId')::uuid, (b ->> 'tripId')::uuid, b ->> 'driverId', 'live', (b ->> 'etaS')::float8,
      from_unix_ms(b ->> 'offeredMs'), from_unix_ms(b ->> 'expiresMs'), null, nextval('positions'), null)::offers as o
    from asked where why is null and (stored).offer_id is null),
  made as (
    insert into offers select (o).* from opened)
  select jsonb_agg(opening order by n) into openings from (
    select n, jsonb_build_object('opened', true, 'offer', offer_document(o)) as opening from opened
    union all
    select n, case when why is null then jsonb_build_object('opened', true, 'offer', offer_document(stored))
      else jsonb_build_object('opened', false, 'offerId', b -> 'offerId', 'why', why) end from asked
      where why is not null or (stored).offer_id is not null) x;
  return openings;
end $$;

-- Offers of a tick; the answers in the same order. Should two be to the same driver, all are opened one by one.
create or replace function open_offers(batch jsonb) returns jsonb language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  n jsonb;
  openings jsonb := '[]';
begin
  perform lock_accounts((select array_agg(b ->> 'driverId') from jsonb_array_elements(batch) b));
  perform lock_trips((select array_agg((b ->> 'tripId')::uuid) from jsonb_array_elements(batch) b));
  if (select count(distinct b ->> 'driverId') from jsonb_array_elements(batch) b) = jsonb_array_length(batch) then
    return open_offer_set(batch);
  end if;
  for n in select value from jsonb_array_elements(batch) loop
    openings := openings || open_offer_set(jsonb_build_array(n));
  end loop;
  return openings;
end $$;
