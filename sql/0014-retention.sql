-- What is kept only for some time: when it was last let go of, and how rows of the audit log go.

create table retention_runs (
  what text primary key,
  began_at timestamptz not null,
  -- Null while it is at it, or was cut off.
  ended_at timestamptz,
  rows bigint not null default 0
);

-- For finding trips from long ago: rows lie in order of time.
create index trips_by_age on trips using brin (requested_at);

-- Rows up to the anchor may go: the chain begins behind them. Nothing may be changed.
create or replace function audit_refuse_change() returns trigger language plpgsql as $$
begin
  if tg_op = 'DELETE' and old.seq <= (select anchor_seq from audit_head) then
    return old;
  end if;
  raise exception 'the audit log is only ever added to' using errcode = 'restrict_violation';
end $$;

-- Lets go of at most `most` of the oldest rows from before `before`; answers how many went. What was last becomes the anchor.
create function audit_let_go(before timestamptz, most integer) returns integer language plpgsql as $$
declare
  last audit_log;
  gone integer;
begin
  select l.* into last from (
    select * from audit_log order by seq limit most
  ) as l where l.at < before order by l.seq desc limit 1;
  if last.seq is null then
    return 0;
  end if;
  update audit_head set anchor_seq = last.seq, anchor_hash = last.hash;
  delete from audit_log where seq <= last.seq;
  get diagnostics gone = row_count;
  return gone;
end $$;
