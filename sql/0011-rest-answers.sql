-- Answers to writes over REST by the key that the client made for the write (R5), where the key is no command's of a trip.

create table rest_answers (
  -- Role and id of who asked: keys of two accounts are strangers.
  account text not null,
  key text not null check (length(key) between 1 and 64),
  operation text not null,
  -- SHA-256 of operation, path and body: the same key with another of them is a mistake of the client's.
  fingerprint bytea not null check (octet_length(fingerprint) = 32),
  -- Sealed. Null while it is being made, by the replica that put this moment here.
  answer bytea,
  began_at timestamptz not null,
  primary key (account, key)
);
create index rest_answers_by_age on rest_answers (began_at);
