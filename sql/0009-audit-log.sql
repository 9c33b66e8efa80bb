-- Who changed what, and every sign-in: rows are only ever added, and each holds the hash of all before it.

-- `entry` is the JSON text that was hashed, kept as it was; what is searched by is made of it and cannot say something else.
create table audit_log (
  seq bigint primary key check (seq >= 1),
  entry text not null check (octet_length(entry) <= 1048576),
  -- sha256(hash of the row before || seq as 8 bytes || entry as UTF-8).
  hash bytea not null check (octet_length(hash) = 32),
  at timestamptz not null generated always as (to_timestamp((entry::jsonb ->> 'atMs')::float8 / 1000)) stored,
  actor_id text generated always as (entry::jsonb #>> '{actor,id}') stored,
  action text not null generated always as (entry::jsonb ->> 'action') stored,
  object_kind text not null generated always as (entry::jsonb #>> '{object,kind}') stored,
  object_id text not null generated always as (entry::jsonb #>> '{object,id}') stored
);
create index audit_log_by_actor on audit_log (actor_id, seq);
create index audit_log_by_action on audit_log (action, seq);
create index audit_log_by_object on audit_log (object_id, object_kind, seq);
create index audit_log_by_time on audit_log (at, seq);

-- The end of the chain: one row, whose lock gives all replicas' entries one order without gaps. The anchor is where the chain begins: rows up to
-- anchor_seq were let go by age, and anchor_hash is the hash of the last of them. Retention moves the anchor and deletes the rows in one transaction.
create table audit_head (
  is_only boolean primary key default true check (is_only),
  seq bigint not null,
  hash bytea not null check (octet_length(hash) = 32),
  anchor_seq bigint not null default 0,
  anchor_hash bytea not null default decode(repeat('00', 32), 'hex') check (octet_length(anchor_hash) = 32),
  check (seq >= anchor_seq)
);
insert into audit_head (seq, hash) values (0, decode(repeat('00', 32), 'hex'));

-- Adds an entry; it becomes visible, and the next may follow, when the caller's transaction ends.
create function audit_append(entry_text text) returns bigint language plpgsql as $$
declare
  head audit_head;
begin
  update audit_head as h
    set seq = h.seq + 1, hash = sha256(h.hash || int8send(h.seq + 1) || convert_to(entry_text, 'UTF8'))
    returning h.* into strict head;
  insert into audit_log (seq, entry, hash) values (head.seq, entry_text, head.hash);
  return head.seq;
end $$;

create function audit_refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the audit log is only ever added to' using errcode = 'restrict_violation';
end $$;
create trigger audit_log_is_kept before update or delete on audit_log
  for each row execute function audit_refuse_change();
create trigger audit_log_is_not_emptied before truncate on audit_log
  for each statement execute function audit_refuse_change();
