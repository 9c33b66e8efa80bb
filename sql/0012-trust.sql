-- What riders and drivers say of each other, who may follow a trip, and calls for help.

-- One row a side; it may be changed for some days. No text: nobody has to read, keep from others, or erase it.
create table trip_ratings (
  trip_id uuid not null references trips,
  rater_role text not null check (rater_role in ('rider', 'driver')),
  rater_id text not null,
  rated_id text not null,
  stars smallint not null check (stars between 1 and 5),
  tags text[] not null,
  rated_at timestamptz not null,
  primary key (trip_id, rater_role)
);
create index trip_ratings_of on trip_ratings (rated_id, rater_role);

-- Sums of the above, so that an account's mean is one row whatever its years.
create table rating_sums (
  account_id text not null,
  role text not null check (role in ('rider', 'driver')),
  ratings integer not null check (ratings >= 0),
  stars integer not null check (stars >= 0),
  primary key (account_id, role)
);

-- The link itself is never stored: it is made of the trip, this number and a key. A higher number ends those before.
create table trip_shares (
  trip_id uuid primary key references trips,
  generation integer not null check (generation >= 1),
  is_open boolean not null
);

create table sos_calls (
  sos_id uuid primary key,
  raised_by text not null,
  raised_role text not null check (raised_role in ('rider', 'driver')),
  trip_id uuid references trips,
  lat float8 check (lat between -90 and 90),
  lng float8 check (lng between -180 and 180),
  raised_at timestamptz not null,
  call_key text not null,
  handled_by text,
  handled_at timestamptz,
  note text check (length(note) <= 200),
  check ((handled_by is null) = (handled_at is null)),
  -- R5: the same key is the same call.
  unique (raised_by, raised_role, call_key)
);
create index sos_calls_open on sos_calls (raised_at, sos_id) where handled_at is null;
create index sos_calls_by_time on sos_calls (raised_at, sos_id);
