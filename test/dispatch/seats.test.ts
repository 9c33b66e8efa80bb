import { describe, expect, it } from 'vitest';
import { FollowedDrivers } from '../../src/dispatch/followed-drivers.ts';
import { SeatedTrips } from '../../src/dispatch/seated-trips.ts';
import { Seats } from '../../src/dispatch/seats.ts';
import type { News } from '../../src/dispatch/peers.ts';
import type { RiderId } from '../../src/domain/ids.ts';
import { at, Downtown, driverId, START_MS, tripId } from './downtown.ts';
import { MovedClock } from '../integration/moved-clock.ts';

const RIDER = 'rider-1' as RiderId;
const driver = driverId(1);

describe('a seat', () => {
  it('goes to whoever connects later, whatever the clocks say', () => {
    const seats = new Seats();
    seats.takeDriver(driver, START_MS);
    // Ten seconds later by this clock, earlier by the other replica's.
    expect(seats.yieldDriver(driver, START_MS - 3_000, START_MS + 10_000)).toBe(true);
    expect(seats.hasDriver(driver)).toBe(false);
  });

  it('told of crosswise goes to the later moment, on both sides', () => {
    const [here, there] = [new Seats(), new Seats()];
    here.takeRider(RIDER, START_MS);
    there.takeRider(RIDER, START_MS + 5);
    expect(here.yieldRider(RIDER, START_MS + 5, START_MS + 20)).toBe(true);
    expect(there.yieldRider(RIDER, START_MS, START_MS + 20)).toBe(false);
  });
});

describe('trips to look up when news were lost (R6)', () => {
  it('are the open ones of accounts that have a session here', () => {
    const town = new Downtown();
    const trips = new SeatedTrips({ hasRider: (id) => id === RIDER, hasDriver: (id) => id === driver });
    trips.note(town.trip(1, 0));
    trips.note(town.trip(2, 0, { driverId: driver, status: 'to_pickup' }));
    trips.note(town.trip(3, 0));
    expect([...trips.doubts()]).toEqual([
      { tripId: tripId(1), driverId: null, isTold: true },
      { tripId: tripId(2), driverId: driver, isTold: true },
    ]);
    trips.note(town.trip(1, 0, { status: 'cancelled' }));
    expect(trips.count).toBe(1);
  });
});

describe('a driver at another replica', () => {
  function followed() {
    const clock = new MovedClock();
    const told: News[] = [];
    const seats = new Seats();
    const drivers = new FollowedDrivers({
      announcer: { hasRider: (id) => id === RIDER },
      ...{ seats, clock, peers: { tell: (news) => void told.push(news) } },
    });
    return { clock, told, seats, drivers, town: new Downtown() };
  }

  it('is followed while the trip lasts, and asked for again after silence', () => {
    const { clock, told, drivers, town } = followed();
    const trip = town.trip(1, 0, { driverId: driver, status: 'to_pickup' });
    drivers.note(trip);
    drivers.note(trip);
    expect(told).toEqual([{ kind: 'driver_followed', driverId: driver, tripId: tripId(1) }]);
    drivers.heard({ t: 'driver_at', tripId: tripId(1), place: at(50), headingDeg: null, etaS: 5 });
    expect(drivers.placeOf(tripId(1))).toEqual(at(50));
    drivers.sweep();
    expect(told).toHaveLength(1);
    clock.advance(11_000);
    drivers.sweep();
    expect(told).toHaveLength(2);
    drivers.note({ ...trip, status: 'completed' });
    expect(drivers.count).toBe(0);
  });

  it('is not followed for a rider who is not here, nor when the driver is here', () => {
    const { told, seats, drivers, town } = followed();
    drivers.note(town.trip(2, 0, { driverId: driver, status: 'to_pickup' }));
    seats.takeDriver(driver, START_MS);
    drivers.note(town.trip(1, 0, { driverId: driver, status: 'to_pickup' }));
    expect(told).toEqual([]);
  });
});
