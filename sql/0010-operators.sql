-- Those who run the service, and machines that act for them.

create table operators (
  operator_id text primary key check (operator_id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
  role text not null check (role in ('support', 'operations', 'admin')),
  -- invited: has a link, and no password and code device yet, or none that a first sign-in has proved.
  state text not null check (state in ('invited', 'active', 'disabled')),
  email_index bytea not null unique,
  email_sealed bytea not null,
  -- Seals the e-mail and the secret of the code device; wrapped by the key of key_id.
  data_key bytea not null,
  key_id text not null,
  password_hash text,
  totp_sealed bytea,
  -- Of the last code taken: a code is good once.
  totp_step bigint,
  -- Tries since the last sign-in, counted before they are looked at; ten of them lock the account.
  failures integer not null default 0 check (failures >= 0),
  locked_until timestamptz,
  -- The one link that sets password and code device: SHA-256 of its token.
  link_hash bytea unique,
  link_expires_at timestamptz,
  created_at timestamptz not null,
  check ((link_hash is null) = (link_expires_at is null)),
  check (state <> 'active' or (password_hash is not null and totp_sealed is not null))
);
create index operators_by_key on operators (key_id);

create table service_keys (
  key_id text primary key check (key_id ~ '^[A-Za-z0-9_.:-]{1,64}$'),
  -- SHA-256: the key itself is 32 random bytes, and told once.
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  role text not null check (role in ('support', 'operations', 'admin')),
  name text not null check (length(name) between 1 and 80),
  created_by text not null,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  ended_at timestamptz
);
