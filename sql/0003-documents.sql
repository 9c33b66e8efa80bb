-- Rows as the documents that the engine reads (src/domain): one place where columns get their names and units.

create function unix_ms(at timestamptz) returns bigint
  language sql stable parallel safe
  return round(extract(epoch from at) * 1000)::bigint;

create function from_unix_ms(ms text) returns timestamptz
  language sql immutable parallel safe
  return to_timestamp(ms::float8 / 1000);

create function trip_document(t trips) returns jsonb language sql stable parallel safe return
  jsonb_build_object(
    'tripId', t.trip_id, 'marketId', t.market_id, 'riderId', t.rider_id, 'driverId', t.driver_id,
    'status', t.status, 'version', t.version, 'vehicleClass', t.vehicle_class, 'seats', t.seats,
    'pickup', jsonb_build_object('lat', t.pickup_lat, 'lng', t.pickup_lng),
    'dropoff', jsonb_build_object('lat', t.dropoff_lat, 'lng', t.dropoff_lng),
    'pin', t.pin,
    'quote', jsonb_build_object('fareMinor', t.quote_fare_minor, 'currency', t.quote_currency,
      'distanceM', t.quote_distance_m, 'durationS', t.quote_duration_s),
    'requestedMs', unix_ms(t.requested_at), 'acceptedMs', unix_ms(t.accepted_at),
    'arrivedMs', unix_ms(t.arrived_at), 'startedMs', unix_ms(t.started_at), 'endedMs', unix_ms(t.ended_at),
    'distanceM', t.distance_m, 'fareMinor', t.fare_minor, 'endedBy', t.ended_by, 'endReason', t.end_reason);

create function event_document(e trip_events) returns jsonb language sql stable parallel safe return
  jsonb_build_object('tripId', e.trip_id, 'seq', e.seq, 'kind', e.kind, 'status', e.status,
    'actor', e.actor, 'actorId', e.actor_id, 'atMs', unix_ms(e.at), 'detail', e.detail);

create function offer_document(o offers) returns jsonb language sql stable parallel safe return
  jsonb_build_object('offerId', o.offer_id, 'tripId', o.trip_id, 'driverId', o.driver_id, 'status', o.status,
    'etaS', o.eta_s, 'offeredMs', unix_ms(o.offered_at), 'expiresMs', unix_ms(o.expires_at),
    'answeredMs', unix_ms(o.answered_at));

create function duty_document(d drivers) returns jsonb language sql stable parallel safe return
  jsonb_build_object('driverId', d.driver_id, 'marketId', d.market_id,
    'vehicle', jsonb_build_object('vehicleClass', d.vehicle_class, 'seats', d.seats),
    'onDuty', d.on_duty, 'sinceMs', unix_ms(d.since_at));
