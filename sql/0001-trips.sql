-- Trips, their events and offers: the truth about rides (R1 to R4).
-- Every time is passed in by the engine, whose clock may be a simulated one: now() decides nothing here.

-- Trips are kept by the month (UTC) in which they were asked for, with all that belongs to them.
create function month_of(at timestamptz) returns date
  language sql immutable parallel safe
  return (date_trunc('month', at at time zone 'UTC'))::date;

-- What is ordered over all trips takes its number from here while it holds the locks that order it (the trip's, and its
-- driver's or rider's account): of two things that exclude each other the later has the higher position, whatever the
-- clocks of two replicas say. The audit of R2 and R3 rests on it. Cache 1: a cached range would break that order.
create sequence positions as bigint cache 1;

create table trips (
  trip_id uuid primary key,
  market_id text not null,
  rider_id text not null,
  driver_id text,
  status text not null check (status in
    ('searching', 'to_pickup', 'at_pickup', 'on_trip', 'completed', 'cancelled', 'expired')),
  version integer not null check (version >= 1),
  vehicle_class text not null,
  seats smallint not null check (seats between 1 and 8),
  pickup_lat float8 not null check (pickup_lat between -90 and 90),
  pickup_lng float8 not null check (pickup_lng between -180 and 180),
  dropoff_lat float8 not null check (dropoff_lat between -90 and 90),
  dropoff_lng float8 not null check (dropoff_lng between -180 and 180),
  pin text not null,
  quote_fare_minor bigint not null,
  quote_currency text not null,
  quote_distance_m float8 not null,
  quote_duration_s float8 not null,
  requested_at timestamptz not null,
  accepted_at timestamptz,
  arrived_at timestamptz,
  started_at timestamptz,
  ended_at timestamptz,
  distance_m float8 check (distance_m >= 0),
  fare_minor bigint check (fare_minor >= 0),
  ended_by text check (ended_by in ('rider', 'driver', 'operator', 'system')),
  end_reason text check (length(end_reason) <= 200),
  month date not null generated always as (month_of(requested_at)) stored,
  constraint trips_driver_while_bound check (case
    when status in ('to_pickup', 'at_pickup', 'on_trip', 'completed') then driver_id is not null
    when status in ('searching', 'expired') then driver_id is null
    else true end),
  constraint trips_end_is_told check (case
    when status in ('completed', 'cancelled', 'expired') then ended_at is not null and ended_by is not null
    else ended_at is null and ended_by is null and end_reason is null and distance_m is null and fare_minor is null
    end)
);

-- R2: at most one active trip per driver and per rider.
create unique index trips_active_of_driver on trips (driver_id)
  where status in ('to_pickup', 'at_pickup', 'on_trip');
create unique index trips_active_of_rider on trips (rider_id)
  where status in ('searching', 'to_pickup', 'at_pickup', 'on_trip');
create index trips_searching on trips (market_id, requested_at, trip_id) where status = 'searching';
create index trips_with_driver on trips (market_id, requested_at, trip_id)
  where status in ('to_pickup', 'at_pickup', 'on_trip');

-- The partition key is the month of the trip, not of the event, so that the primary key holds for the whole trip (R4).
create table trip_events (
  month date not null,
  trip_id uuid not null references trips,
  seq integer not null check (seq >= 1),
  kind text not null check (kind in
    ('requested', 'accepted', 'arrived', 'started', 'completed', 'released', 'cancelled', 'no_show', 'expired')),
  status text not null check (status in
    ('searching', 'to_pickup', 'at_pickup', 'on_trip', 'completed', 'cancelled', 'expired')),
  actor text not null check (actor in ('rider', 'driver', 'operator', 'system')),
  actor_id text,
  at timestamptz not null,
  detail jsonb not null,
  position bigint not null default nextval('positions'),
  primary key (month, trip_id, seq)
) partition by range (month);
create table trip_events_default partition of trip_events default;

create table offers (
  offer_id uuid primary key,
  trip_id uuid not null references trips,
  driver_id text not null,
  status text not null check (status in ('live', 'accepted', 'declined', 'timed_out', 'withdrawn')),
  eta_s float8 not null,
  offered_at timestamptz not null,
  expires_at timestamptz not null,
  answered_at timestamptz,
  opened_position bigint not null default nextval('positions'),
  closed_position bigint,
  constraint offers_answer_is_told
    check ((status = 'live') = (answered_at is null) and (status = 'live') = (closed_position is null))
);

-- R3: at most one live offer per driver.
create unique index offers_live_of_driver on offers (driver_id) where status = 'live';
create index offers_of_trip on offers (trip_id);
