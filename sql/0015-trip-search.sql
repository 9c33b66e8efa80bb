-- What a rider has had, and a driver. Only of trips that have ended: each is entered once, and not again with every change of its state; those under way
-- are found by the indexes that keep them single. Trip ids are made by time, so the primary key has all in their order.
create index trips_ended_of_rider on trips (rider_id, trip_id) where status in ('completed', 'cancelled', 'expired');
create index trips_ended_of_driver on trips (driver_id, trip_id) where status in ('completed', 'cancelled', 'expired');
