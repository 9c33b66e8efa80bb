-- Who may sign in by phone, and the sessions of everybody who has signed in.

create table accounts (
  account_id text primary key check (account_id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
  kind text not null check (kind in ('rider', 'driver')),
  state text not null check (state in ('active', 'suspended', 'erased')),
  -- A keyed hash by which the number is found; what is sealed opens with data_key, which the key of key_id has wrapped. All null once erased.
  phone_index bytea,
  phone_sealed bytea,
  name_sealed bytea,
  data_key bytea,
  key_id text,
  -- Rises with every change: who changes says which one was seen.
  version integer not null check (version >= 1),
  created_at timestamptz not null,
  check ((state = 'erased') = (phone_index is null)),
  check ((phone_index is null) = (phone_sealed is null) and (data_key is null) = (key_id is null))
);
create unique index accounts_by_phone on accounts (kind, phone_index);
create index accounts_by_age on accounts (kind, created_at, account_id);
create index accounts_by_key on accounts (key_id);

-- What a driver drives, and whether the company has approved of both.
create table driver_approvals (
  driver_id text primary key references accounts,
  state text not null check (state in ('draft', 'submitted', 'approved', 'rejected', 'suspended')),
  vehicle_class text not null,
  seats smallint not null check (seats between 1 and 8),
  model text not null check (length(model) between 1 and 80),
  colour text not null check (length(colour) between 1 and 40),
  plate_sealed bytea not null,
  reason text check (length(reason) <= 200),
  version integer not null check (version >= 1),
  changed_at timestamptz not null
);
create index driver_approvals_by_state on driver_approvals (state, changed_at, driver_id);

-- One row a number and kind, also for numbers nobody has: the answer to asking for a code is the same.
create table sign_in_codes (
  phone_index bytea not null,
  kind text not null check (kind in ('rider', 'driver')),
  -- Keyed hash of number and code; null once it was used.
  code_hash bytea,
  expires_at timestamptz not null,
  tries integer not null check (tries >= 0),
  sends integer not null check (sends >= 1),
  window_began_at timestamptz not null,
  primary key (phone_index, kind)
);
create index sign_in_codes_by_end on sign_in_codes (expires_at);

create table sessions (
  session_id uuid primary key,
  role text not null check (role in ('rider', 'driver', 'support', 'operations', 'admin')),
  subject text not null,
  device text not null check (length(device) <= 200),
  address text not null check (length(address) <= 64),
  created_at timestamptz not null,
  seen_at timestamptz not null,
  expires_at timestamptz not null,
  -- Of the refresh token that is good now; the token is a keyed hash of both and the id, and is not kept.
  salt bytea not null,
  generation integer not null check (generation >= 1),
  rotated_at timestamptz not null,
  ended_at timestamptz,
  end_reason text check (end_reason in ('signed_out', 'revoked', 'reused', 'replaced', 'suspended', 'erased')),
  check ((ended_at is null) = (end_reason is null))
);
create index sessions_of_subject on sessions (subject, role, created_at) where ended_at is null;
create index sessions_ended on sessions (ended_at) where ended_at is not null;
create index sessions_by_end on sessions (expires_at);
