import { beforeEach, describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { HABITS } from '../../../src/sim/apps/habits.ts';
import { createPhoneCounts } from '../../../src/sim/apps/phone.ts';
import { RiderApp } from '../../../src/sim/apps/rider-app.ts';
import { RideBook } from '../../../src/sim/demo/ride-book.ts';
import { DROPOFF, HandClock, PICKUP, ScriptedLine, tripView } from '../apps/scripted-line.ts';

const TRIP = tripView().tripId;
let clock: HandClock;
let wall: HandClock;
let book: RideBook;

beforeEach(() => {
  clock = new HandClock(1_000_000);
  wall = new HandClock(5_000);
  book = new RideBook(clock, wall);
});

function rider(): RiderApp {
  const ride = { rideId: 'ride-1', requestedMs: 0, pickup: PICKUP, dropoff: DROPOFF, seats: 1 };
  const line = new ScriptedLine(clock);
  return new RiderApp(
    { ride, riderId: 'run.ride-1', prng: createPrng(1), line: line.open },
    { clock, habits: HABITS, watch: book, counts: createPhoneCounts(), runTag: 'run' },
  );
}

describe('RideBook', () => {
  it('counts a ride where it is, and matched once however often it is accepted', () => {
    const one = rider();
    book.asked(one);
    expect(book.counts).toMatchObject({ requests: 1, searching: 0 });
    book.changed(one, tripView());
    expect(book.counts).toMatchObject({ searching: 1, matched: 0 });
    book.changed(one, tripView({ status: 'to_pickup', version: 2, acceptedMs: 1 }));
    book.changed(one, tripView({ version: 3 }));
    book.changed(one, tripView({ status: 'to_pickup', version: 4, acceptedMs: 2 }));
    expect(book.counts).toMatchObject({ searching: 0, toPickup: 1, matched: 1 });
    expect(book.openCount).toBe(1);
    book.changed(one, tripView({ status: 'cancelled', version: 5, acceptedMs: 2 }));
    expect(book.counts).toMatchObject({ toPickup: 0, cancelled: 1, matched: 1 });
    expect(book.openCount).toBe(0);
  });

  it('times the first offer, also one that overtakes the acknowledgement', () => {
    const one = rider();
    book.asked(one);
    wall.pass(30);
    book.offered(TRIP);
    wall.pass(100);
    book.acknowledged(one, tripView());
    book.offered(TRIP);
    expect(book.offerLatency).toMatchObject({ count: 1, p50: 30 });
    expect(book.counts.offers).toBe(2);
  });

  it('takes the wait until the driver who stayed, also of rides still under way', () => {
    const one = rider();
    book.asked(one);
    book.acknowledged(one, tripView());
    clock.pass(20_000);
    book.arrived(TRIP);
    clock.pass(40_000);
    book.arrived(TRIP);
    expect(book.pickupWaitsS()).toEqual([60]);
    book.closed(one);
    expect(book.pickupWaitsS()).toEqual([60]);
    book.arrived(TRIP);
    expect(book.pickupWaitsS()).toEqual([60]);
  });

  it('lets drivers hear the PIN of their own trip only', () => {
    const one = rider();
    book.asked(one);
    expect(book.pinOf(TRIP)).toBeNull();
    book.acknowledged(one, tripView());
    // The rider's app has not shown it yet.
    expect(book.pinOf(TRIP)).toBeNull();
    expect(book.pinOf('another')).toBeNull();
  });

  it('counts refusals by code, and rides whose end was not told', () => {
    const [one, two] = [rider(), rider()];
    book.asked(one);
    book.refused(one, 'outside_area');
    book.asked(two);
    book.changed(two, tripView());
    book.lostSight(two);
    expect(book.refusedByCode).toEqual({ outside_area: 1 });
    expect(book.counts).toMatchObject({ refused: 1, lost: 1, searching: 0 });
    expect(book.openCount).toBe(0);
  });
});
