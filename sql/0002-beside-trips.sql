-- What is kept beside the trips: answers to idempotent commands, drivers' duty, the matcher's reasons, the driven paths.

-- R5: the first answer to a key. `submission` names the attempt that wrote it, so that a command repeated by the store
-- itself after a lost connection is not mistaken for a client's repetition. `trip_id`, `seq`: the event it caused, if any.
create table command_answers (
  account_id text not null,
  key text not null,
  fingerprint text not null,
  submission text not null,
  answered_at timestamptz not null,
  trip_id uuid,
  seq integer,
  answer jsonb not null,
  primary key (account_id, key)
);
-- For clearing out old answers: rows lie in order of time, so a block range index costs next to nothing.
create index command_answers_by_time on command_answers using brin (answered_at);

create table drivers (
  driver_id text primary key,
  market_id text not null,
  vehicle_class text not null,
  seats smallint not null check (seats between 1 and 8),
  on_duty boolean not null,
  since_at timestamptz not null
);
create index drivers_on_duty on drivers (market_id, since_at, driver_id) where on_duty;

create table match_decisions (
  decision_id bigint generated always as identity primary key,
  trip_id uuid not null,
  at timestamptz not null,
  body jsonb not null
);
create index match_decisions_of_trip on match_decisions (trip_id, decision_id);

-- One row per point: a driver sends one every few seconds, so the rows of a flush come from many trips and a chunk per
-- trip would be rewritten with each point. The primary key keeps a repeated point once.
create table trip_path (
  month date not null,
  trip_id uuid not null,
  at timestamptz not null,
  lat float8 not null check (lat between -90 and 90),
  lng float8 not null check (lng between -180 and 180),
  speed_mps float8,
  primary key (month, trip_id, at)
) partition by range (month);
create table trip_path_default partition of trip_path default;

-- Makes the partition of `parent` for the month that starts on `first`, with the rows of that month that had gone to the
-- default partition meanwhile. Answers false when it was there already. Runs of it wait for each other.
create function ensure_month_partition(parent text, first date) returns boolean language plpgsql as $$
declare
  child text := format('%s_%s', parent, to_char(first, 'YYYY_MM'));
  next date := (first + interval '1 month')::date;
begin
  perform pg_advisory_xact_lock(hashtext('hexdispatch partitions'));
  if to_regclass(child) is not null then
    return false;
  end if;
  -- In the order in which commands lock them, or the two would wait for each other: ATTACH locks trips for the foreign key.
  lock table trips in share row exclusive mode;
  -- Before the rows are moved: a row that came in between would make ATTACH fail.
  execute format('lock table %I in access exclusive mode', parent || '_default');
  execute format('create table %I (like %I including defaults including constraints)', child, parent);
  execute format('with moved as (delete from %I where month >= $1 and month < $2 returning *) '
    'insert into %I select * from moved', parent || '_default', child) using first, next;
  execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent, child, first, next);
  return true;
end $$;
