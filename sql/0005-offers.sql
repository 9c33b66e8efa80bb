-- Offers of a tick: opened and closed in one round trip, under the locks of 0004.

create function open_offers(batch jsonb) returns jsonb language plpgsql set enable_seqscan = off as $$
declare
  n jsonb;
  o offers;
  why text;
  openings jsonb[] := '{}';
begin
  perform lock_accounts((select array_agg(b ->> 'driverId') from jsonb_array_elements(batch) b));
  perform lock_trips((select array_agg((b ->> 'tripId')::uuid) from jsonb_array_elements(batch) b));
  for n in select value from jsonb_array_elements(batch) loop
    -- Opened already: this is the repetition of a batch whose answer was lost.
    select * into o from offers where offer_id = (n ->> 'offerId')::uuid;
    if found then
      openings := openings || jsonb_build_object('opened', true, 'offer', offer_document(o));
      continue;
    end if;
    why := case
      when (select status from trips where trip_id = (n ->> 'tripId')::uuid) is distinct from 'searching'
        then 'trip_not_searching'
      when exists (select from offers where driver_id = n ->> 'driverId' and status = 'live') then 'driver_has_offer'
      when exists (select from trips where driver_id = n ->> 'driverId'
        and status in ('to_pickup', 'at_pickup', 'on_trip')) then 'driver_busy'
      -- R9. An accepted offer of a trip that is searching again is one whose driver gave it up.
      when exists (select from offers where trip_id = (n ->> 'tripId')::uuid and driver_id = n ->> 'driverId'
        and status in ('declined', 'timed_out', 'accepted')) then 'driver_excluded'
    end;
    if why is null then
      insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at)
      values ((n ->> 'offerId')::uuid, (n ->> 'tripId')::uuid, n ->> 'driverId', 'live', (n ->> 'etaS')::float8,
        from_unix_ms(n ->> 'offeredMs'), from_unix_ms(n ->> 'expiresMs'))
      returning * into o;
      openings := openings || jsonb_build_object('opened', true, 'offer', offer_document(o));
    else
      openings := openings || jsonb_build_object('opened', false, 'offerId', n -> 'offerId', 'why', why);
    end if;
  end loop;
  return to_jsonb(openings);
end $$;

create function close_offers(batch jsonb) returns jsonb language plpgsql set enable_seqscan = off as $$
declare
  n jsonb;
  o offers;
  closed jsonb[] := '{}';
begin
  perform lock_trips((select array_agg(trip_id) from offers where offer_id in
    (select (b ->> 'offerId')::uuid from jsonb_array_elements(batch) b)));
  for n in select value from jsonb_array_elements(batch) loop
    update offers
      set status = n ->> 'status', answered_at = from_unix_ms(n ->> 'atMs'), closed_position = nextval('positions')
      where offer_id = (n ->> 'offerId')::uuid and status = 'live';
    select * into o from offers where offer_id = (n ->> 'offerId')::uuid;
    if found then
      closed := closed || offer_document(o);
    end if;
  end loop;
  return to_jsonb(closed);
end $$;
