-- Drivers whose places could not be believed, why, and until when they are kept off duty.
create table location_suspicions (
  driver_id text not null,
  since timestamptz not null,
  until timestamptz not null check (until >= since),
  -- Fixes refused for their speed, jumps that later fixes confirmed, and whether the device said that its places are made up.
  refused integer not null check (refused >= 0),
  jumps integer not null check (jumps >= 0),
  is_mock boolean not null,
  lifted_by text,
  primary key (driver_id, since)
);
