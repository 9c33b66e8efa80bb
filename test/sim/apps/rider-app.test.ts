import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import type { RiderMessage, TripView } from '../../../src/protocol/messages.ts';
import { HABITS, type RiderHabits } from '../../../src/sim/apps/habits.ts';
import { createPhoneCounts } from '../../../src/sim/apps/phone.ts';
import { RiderApp, type RiderWatch } from '../../../src/sim/apps/rider-app.ts';
import { DROPOFF, HandClock, PICKUP, ScriptedLine, tripView } from './scripted-line.ts';

const STEADY: Partial<RiderHabits> = {
  quotes: 0,
  cancelsSearching: 0,
  cancelsMatched: 0,
  staysAway: 0,
  lostEveryMs: 1e12,
};

function setUp(habits: Partial<RiderHabits> = {}, askInMs = 0) {
  const clock = new HandClock(1_000_000);
  const line = new ScriptedLine<RiderMessage>(clock);
  const seen: string[] = [];
  const watch: RiderWatch = {
    asked: () => seen.push('asked'),
    acknowledged: () => seen.push('acknowledged'),
    refused: (_, code) => seen.push(`refused ${code}`),
    changed: (_, { status }) => seen.push(status),
    lostSight: () => seen.push('lost sight'),
    closed: () => seen.push('closed'),
  };
  const app = new RiderApp(
    {
      ride: { rideId: 'ride-1', requestedMs: 0, pickup: PICKUP, dropoff: DROPOFF, seats: 2 },
      riderId: 'run.ride-1',
      prng: createPrng(1),
      line: line.open,
    },
    {
      clock,
      habits: { ...HABITS, rider: { ...HABITS.rider, ...STEADY, ...habits } },
      watch,
      counts: createPhoneCounts(),
      runTag: 'run',
    },
  );
  app.start(askInMs);
  clock.pass(50);
  line.welcome();
  return { app, clock, line, seen };
}

const driven = (status: TripView['status'], version: number): TripView =>
  tripView({ status, version, driverId: 'cab-1', acceptedMs: 5 });

describe('RiderApp', () => {
  it('asks, waits, rides, and puts the phone away', () => {
    const { app, clock, line, seen } = setUp();
    expect(line.last('request')).toMatchObject({ pickup: PICKUP, dropoff: DROPOFF, seats: 2 });
    line.ack('request', { trip: tripView() });
    expect(app.tellPin()).toBe('1234');
    line.tell({ t: 'trip', seq: 1, trip: driven('to_pickup', 2) });
    line.tell({ t: 'trip', seq: 2, trip: driven('at_pickup', 3) });
    line.tell({ t: 'trip', seq: 3, trip: driven('on_trip', 4) });
    line.tell({ t: 'trip', seq: 4, trip: driven('completed', 5) });
    clock.pass(HABITS.rider.lingersMs + 100);
    expect(line.isOpen).toBe(false);
    expect(seen).toEqual([
      ...['asked', 'acknowledged', 'searching', 'to_pickup', 'at_pickup', 'on_trip', 'completed', 'closed'],
    ]);
  });

  it('asks what it costs first, when it is that kind of rider', () => {
    const { clock, line } = setUp({ quotes: 1 }, 20_000);
    expect(line.all('quote')).toHaveLength(1);
    line.ack('quote');
    expect(line.all('request')).toHaveLength(0);
    clock.pass(20_000);
    expect(line.all('request')).toHaveLength(1);
  });

  it('loses patience while searching and cancels', () => {
    const { clock, line, seen } = setUp();
    line.ack('request', { trip: tripView() });
    clock.pass(HABITS.rider.patienceMs - 1_000);
    expect(line.all('cancel')).toHaveLength(0);
    clock.pass(2_000);
    expect(line.last('cancel').tripId).toBe(tripView().tripId);
    line.ack('cancel', { trip: tripView({ status: 'cancelled', version: 2 }) });
    expect(seen.at(-1)).toBe('cancelled');
  });

  it('may cancel while the driver is on the way, and does not once aboard', () => {
    const { clock, line } = setUp({ cancelsMatched: 1 });
    line.ack('request', { trip: tripView() });
    line.tell({ t: 'trip', seq: 1, trip: driven('to_pickup', 2) });
    line.tell({ t: 'trip', seq: 2, trip: driven('at_pickup', 3) });
    clock.pass(1_000_000);
    expect(line.all('cancel')).toHaveLength(0);
    const other = setUp({ cancelsMatched: 1 });
    other.line.ack('request', { trip: tripView() });
    other.line.tell({ t: 'trip', seq: 1, trip: driven('to_pickup', 2) });
    other.clock.pass(HABITS.rider.matchedPatienceMs);
    expect(other.line.all('cancel')).toHaveLength(1);
  });

  it('waits again when its driver gave the trip up', () => {
    const { clock, line } = setUp();
    line.ack('request', { trip: tripView() });
    line.tell({ t: 'trip', seq: 1, trip: driven('to_pickup', 2) });
    clock.pass(60_000);
    line.tell({ t: 'trip', seq: 2, trip: tripView({ version: 3 }) });
    clock.pass(HABITS.rider.patienceMs - 1_000);
    expect(line.all('cancel')).toHaveLength(0);
    clock.pass(2_000);
    expect(line.all('cancel')).toHaveLength(1);
  });

  it('R5: asks again with the same id after losing the line, and gets one trip', () => {
    const { clock, line, seen } = setUp();
    line.drop(1006);
    clock.pass(10_000);
    line.welcome({ epoch: 'e2', snapshot: { status: null, offer: null, trip: driven('to_pickup', 2) } });
    const requests = line.sends('request');
    expect(requests.length).toBeGreaterThanOrEqual(2);
    expect(new Set(requests.map(({ id }) => id)).size).toBe(1);
    line.ack('request', { trip: tripView() });
    expect(seen).toEqual(['asked', 'to_pickup', 'acknowledged']);
  });

  it('is not at the kerb when it is that kind of rider', () => {
    const { app, line } = setUp({ staysAway: 1 });
    line.ack('request', { trip: tripView() });
    expect(app.tellPin()).toBeNull();
  });

  it('gives up when the city closes: cancels what is open, or does not ask at all', () => {
    const { app, line } = setUp();
    line.ack('request', { trip: tripView() });
    app.giveUp('closing');
    expect(line.last('cancel').reason).toBe('closing');
    const other = setUp({ quotes: 1 }, 20_000);
    other.app.giveUp('closing');
    other.clock.pass(60_000);
    expect(other.line.all('request')).toHaveLength(0);
    expect(other.seen).toEqual(['closed']);
  });

  it('goes home when the request is refused', () => {
    const { line, seen } = setUp();
    line.refuse('request', 'outside_area');
    expect(seen).toEqual(['asked', 'refused outside_area', 'closed']);
    expect(line.isOpen).toBe(false);
  });

  it('R6: says so when its trip ended while the server knew nothing of it any more', () => {
    const { clock, line, seen } = setUp();
    line.ack('request', { trip: tripView() });
    line.drop(1006);
    clock.pass(10_000);
    line.welcome({ epoch: 'e2' });
    expect(seen.slice(-2)).toEqual(['lost sight', 'closed']);
  });
});
