-- What a batch is decided with is planned once per connection, for batches of any size. PostgreSQL would plan these statements anew for every
-- small batch: it sees a list of one, and reckons that a plan for just that saves more than planning costs. It never does, since only one way
-- through the indexes is left to it (measured: 0.95 ms of CPU for a lone command, 0.6 without, and with statistics 1.35 and 0.75).
--
-- `create or replace` forgets these settings, as it does those of 0006: a later one has to say them again.

alter function run_commands(jsonb, text[]) set plan_cache_mode = force_generic_plan;
alter function open_offers(jsonb) set plan_cache_mode = force_generic_plan;
alter function close_offers(jsonb) set plan_cache_mode = force_generic_plan;
