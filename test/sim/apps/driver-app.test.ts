import { describe, expect, it } from 'vitest';
import { distanceM } from '../../../src/domain/place.ts';
import { createPrng } from '../../../src/lib/prng.ts';
import type { DriverMessage, TripView } from '../../../src/protocol/messages.ts';
import { CityTime } from '../../../src/sim/apps/city-time.ts';
import { DriverApp } from '../../../src/sim/apps/driver-app.ts';
import type { DriverWatch } from '../../../src/sim/apps/driver-work.ts';
import { type DriverHabits, HABITS } from '../../../src/sim/apps/habits.ts';
import { createPhoneCounts } from '../../../src/sim/apps/phone.ts';
import { SF_FIGURES } from '../../../src/sim/city/sf-figures.ts';
import { standingTrace, type Trace } from '../../../src/sim/city/trace.ts';
import { DROPOFF, HandClock, offerView, PICKUP, ScriptedLine, tripView } from './scripted-line.ts';

const START_MS = 1_212_800_000_000;
const HOME = { lat: 37.775, lng: -122.415 };
const DRIVER = 'run.cab-1';
/** People who do as they should. */
const STEADY: Partial<DriverHabits> = {
  declines: 0,
  ignores: 0,
  givesUp: 0,
  mistypesPin: 0,
  lostEveryMs: 1e12,
};

interface Situation {
  habits?: Partial<DriverHabits>;
  pin?: () => string | null;
  trace?: Trace;
  afterTrip?: 'wait' | 'return';
  seed?: number;
}

function setUp(situation: Situation = {}) {
  const clock = new HandClock(START_MS);
  const line = new ScriptedLine<DriverMessage>(clock);
  const cityTime = new CityTime(START_MS);
  cityTime.begin(START_MS);
  const seen: string[] = [];
  const watch: DriverWatch = {
    onDuty: () => seen.push('on duty'),
    offered: (_, { offerId }) => seen.push(`offered ${offerId.slice(-2)}`),
    arrived: () => seen.push('arrived'),
    sentFixes: () => undefined,
    stopped: (_, why) => seen.push(`stopped: ${why}`),
  };
  const trace = situation.trace ?? standingTrace(HOME, START_MS, START_MS + 10 * 3_600_000);
  const app = new DriverApp(
    {
      driver: { driverId: 'cab-1', startsMs: START_MS, endsMs: trace.timesMs.at(-1)!, trace },
      driverId: DRIVER,
      vehicle: { vehicleClass: 'economy', seats: 4 },
      prng: createPrng(situation.seed ?? 1),
      line: line.open,
    },
    {
      clock,
      cityTime,
      speed: SF_FIGURES.speed,
      utcOffsetMs: 0,
      afterTrip: situation.afterTrip ?? 'wait',
      habits: { ...HABITS, driver: { ...HABITS.driver, ...STEADY, ...situation.habits } },
      pingStretch: () => 1,
      noShowMs: 120_000,
      kerb: { pinOf: situation.pin ?? (() => '1234') },
      watch,
      counts: createPhoneCounts(),
      runTag: 'run',
    },
  );
  app.start();
  line.welcome({ snapshot: { status: 'offline', offer: null, trip: null } });
  line.ack('online');
  return { app, clock, line, seen };
}

let version = 1;
const mine = (status: TripView['status'], fields: Partial<TripView> = {}): TripView =>
  tripView({ status, version: ++version, driverId: DRIVER, pin: null, ...fields });
const ended = (status: 'completed' | 'cancelled'): TripView => mine(status, { endedMs: START_MS });
const offer = (line: ScriptedLine<DriverMessage>, seq = 1): void =>
  line.tell({ t: 'offer', seq, offer: offerView() });
const lastFix = (line: ScriptedLine<DriverMessage>) => {
  const [atMs, lat, lng] = line.last('ping').p;
  return { atMs, lat, lng };
};

describe('DriverApp', () => {
  it('goes online, then pings its place every few seconds', () => {
    const { clock, line, seen } = setUp();
    clock.pass(60_000);
    const pings = line.all('ping');
    expect(pings.length).toBeGreaterThanOrEqual(6);
    expect(pings.length).toBeLessThanOrEqual(16);
    expect(distanceM(lastFix(line), HOME)).toBeLessThan(40);
    expect(seen).toEqual(['on duty']);
  });

  it('drives a whole trip: accepts, arrives, starts with the PIN, completes, waits where it ended', () => {
    const { clock, line, seen } = setUp();
    offer(line);
    clock.pass(15_000);
    expect(line.last('accept').offerId).toBe(offerView().offerId);
    line.ack('accept', { trip: mine('to_pickup') });
    clock.pass(600_000);
    expect(distanceM(lastFix(line), PICKUP)).toBeLessThan(40);
    line.ack('arrived', { trip: mine('at_pickup') });
    clock.pass(600_000);
    expect(line.last('start').pin).toBe('1234');
    line.ack('start', { trip: mine('on_trip') });
    clock.pass(1_800_000);
    expect(distanceM(lastFix(line), DROPOFF)).toBeLessThan(40);
    line.ack('complete', { trip: ended('completed') });
    clock.pass(120_000);
    expect(distanceM(lastFix(line), DROPOFF)).toBeLessThan(40);
    expect(seen).toEqual(['on duty', 'offered f1', 'arrived']);
  });

  it('drives back to where its record has it, when that is the city’s way', () => {
    const { clock, line } = setUp({ afterTrip: 'return' });
    line.tell({ t: 'trip', seq: 1, trip: mine('on_trip') });
    clock.pass(1_800_000);
    line.ack('complete', { trip: ended('completed') });
    clock.pass(30_000);
    expect(distanceM(lastFix(line), HOME)).toBeGreaterThan(200);
    clock.pass(1_800_000);
    expect(distanceM(lastFix(line), HOME)).toBeLessThan(40);
  });

  it('moves at a speed that no filter refuses', () => {
    const { clock, line } = setUp();
    line.tell({ t: 'trip', seq: 1, trip: mine('to_pickup') });
    clock.pass(600_000);
    const fixes = line.all('ping').map(({ p }) => ({ atMs: p[0], lat: p[1], lng: p[2] }));
    for (let i = 1; i < fixes.length; i++) {
      const [before, after] = [fixes[i - 1]!, fixes[i]!];
      expect(distanceM(before, after)).toBeLessThan(50 + (30 * (after.atMs - before.atMs)) / 1000);
    }
  });

  it('types a wrong PIN first, now and then, and the right one after the refusal', () => {
    const { clock, line } = setUp({ habits: { mistypesPin: 1 } });
    line.tell({ t: 'trip', seq: 1, trip: mine('at_pickup') });
    clock.pass(600_000);
    expect(line.all('start').map(({ pin }) => pin)).toEqual(['1235']);
    line.refuse('start', 'wrong_pin');
    clock.pass(10_000);
    const starts = line.all('start');
    expect(starts.map(({ pin }) => pin)).toEqual(['1235', '1234']);
    expect(starts[1]!.id).not.toBe(starts[0]!.id);
  });

  it('waits for a rider who does not come, then declares a no-show', () => {
    const { clock, line } = setUp({ pin: () => null });
    line.tell({ t: 'trip', seq: 1, trip: mine('at_pickup') });
    clock.pass(119_000);
    expect(line.all('no_show')).toHaveLength(0);
    clock.pass(200_000);
    expect(line.all('no_show')).toHaveLength(1);
    line.ack('no_show', { trip: ended('cancelled') });
    offer(line, 2);
    clock.pass(15_000);
    expect(line.all('accept')).toHaveLength(1);
  });

  it('declines, or lets an offer pass, as its habits say', () => {
    const declining = setUp({ habits: { declines: 1 } });
    offer(declining.line);
    declining.clock.pass(15_000);
    expect(declining.line.all('accept')).toHaveLength(0);
    expect(declining.line.all('decline')).toHaveLength(1);
    const deaf = setUp({ habits: { ignores: 1 } });
    offer(deaf.line);
    deaf.clock.pass(15_000);
    deaf.line.tell({ t: 'offer_closed', seq: 2, offerId: offerView().offerId, reason: 'timed_out' });
    expect(deaf.line.sent.filter(({ t }) => t === 'accept' || t === 'decline')).toEqual([]);
    offer(deaf.line, 3);
    expect(deaf.seen).toEqual(['on duty', 'offered f1', 'offered f1']);
  });

  it('is free for the next offer after one that was gone (R3)', () => {
    const { clock, line } = setUp();
    offer(line);
    clock.pass(15_000);
    line.refuse('accept', 'offer_gone');
    offer(line, 2);
    clock.pass(15_000);
    expect(line.all('accept')).toHaveLength(2);
  });

  it('gives a trip up on the way', () => {
    const { clock, line } = setUp({ habits: { givesUp: 1 } });
    line.tell({ t: 'trip', seq: 1, trip: mine('to_pickup') });
    clock.pass(600_000);
    expect(line.all('arrived')).toHaveLength(0);
    expect(line.last('cancel').tripId).toBe(tripView().tripId);
    line.ack('cancel', { trip: tripView({ status: 'searching', version: ++version }) });
    offer(line, 2);
    clock.pass(15_000);
    expect(line.all('accept')).toHaveLength(1);
  });

  it('turns back when the rider cancels', () => {
    const { clock, line } = setUp();
    line.tell({ t: 'trip', seq: 1, trip: mine('to_pickup') });
    clock.pass(5_000);
    line.tell({ t: 'trip', seq: 2, trip: ended('cancelled') });
    clock.pass(600_000);
    expect(line.all('arrived')).toHaveLength(0);
  });

  it('an older version of its trip changes nothing', () => {
    const { clock, line } = setUp();
    const old = mine('to_pickup');
    line.tell({ t: 'trip', seq: 1, trip: mine('on_trip') });
    line.tell({ t: 'trip', seq: 2, trip: old });
    clock.pass(1_800_000);
    expect(line.all('complete')).toHaveLength(1);
    expect(line.all('arrived')).toHaveLength(0);
  });

  it('keeps its fixes while it has no line and sends them as one batch', () => {
    const { clock, line } = setUp();
    clock.pass(30_000);
    const before = line.all('ping').length;
    line.drop(1006);
    clock.pass(40_000);
    expect(line.all('ping')).toHaveLength(before);
    line.welcome({ resumed: true, snapshot: null });
    const batch = line.last('pings').p;
    expect(batch.length).toBeGreaterThanOrEqual(3);
    const times = batch.map(([atMs]) => atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    clock.pass(15_000);
    expect(line.all('ping').length).toBeGreaterThan(before);
    expect(line.all('pings')).toHaveLength(1);
  });

  it('R6: takes up from a snapshot the trip that it did not know of, and lets go one that is no more', () => {
    const { clock, line } = setUp();
    line.drop(1006);
    clock.pass(10_000);
    line.welcome({ epoch: 'e2', snapshot: { status: 'at_pickup', offer: null, trip: mine('at_pickup') } });
    clock.pass(600_000);
    expect(line.all('start')).toHaveLength(1);
    line.drop(1006);
    clock.pass(10_000);
    line.welcome({ epoch: 'e3', snapshot: { status: 'available', offer: offerView(), trip: null } });
    clock.pass(15_000);
    expect(line.all('accept')).toHaveLength(1);
  });

  it('R5: an acceptance without an answer is sent again with its id after a lost line', () => {
    const { clock, line } = setUp();
    offer(line);
    clock.pass(15_000);
    line.drop(1006);
    clock.pass(10_000);
    line.welcome({ seq: 1, resumed: true, snapshot: null });
    const accepts = line.sends('accept');
    expect(accepts.length).toBeGreaterThanOrEqual(2);
    expect(new Set(accepts.map(({ id }) => id)).size).toBe(1);
    line.ack('accept', { trip: mine('to_pickup') });
    clock.pass(600_000);
    expect(line.all('arrived').length).toBeGreaterThan(0);
  });

  it('asks the server how things stand after a refusal, and begins anew what the trip asks for', () => {
    const { clock, line } = setUp();
    const trip = mine('to_pickup');
    line.tell({ t: 'trip', seq: 1, trip });
    clock.pass(600_000);
    line.refuse('arrived', 'wrong_state');
    line.ack('snapshot', { snapshot: { status: 'to_pickup', offer: null, trip } });
    clock.pass(60_000);
    expect(new Set(line.all('arrived').map(({ id }) => id)).size).toBe(2);
  });

  it('goes online again when the server took it off duty', () => {
    const { clock, line } = setUp();
    line.tell({ t: 'duty', seq: 1, status: 'offline' });
    clock.pass(1_000);
    expect(line.all('online')).toHaveLength(2);
  });

  it('leaves when the record has the cab off duty, and comes back with it', () => {
    const minute = 60_000;
    const trace: Trace = {
      timesMs: Float64Array.from([0, 5, 60, 70].map((atMinute) => START_MS + atMinute * minute)),
      lats: Float64Array.of(37.77, 37.77, 37.75, 37.75),
      lngs: Float64Array.of(-122.41, -122.41, -122.42, -122.42),
      gapMsMax: 15 * minute,
    };
    const { clock, line } = setUp({ trace });
    clock.pass(6 * minute);
    line.ack('offline');
    expect(line.isOpen).toBe(false);
    clock.pass(53 * minute);
    expect(line.all('online')).toHaveLength(1);
    clock.pass(3 * minute);
    line.welcome({ snapshot: { status: 'offline', offer: null, trip: null } });
    line.ack('online');
    clock.pass(15_000);
    expect(distanceM(lastFix(line), { lat: 37.75, lng: -122.42 })).toBeLessThan(40);
  });

  it('retires after its trip, not during it', () => {
    const { app, clock, line } = setUp();
    line.tell({ t: 'trip', seq: 1, trip: mine('on_trip') });
    app.retire();
    expect(line.all('offline')).toHaveLength(0);
    clock.pass(1_800_000);
    line.ack('complete', { trip: ended('completed') });
    expect(line.all('offline')).toHaveLength(1);
  });

  it('does the same with the same seed, and other things with another', () => {
    const run = (seed: number): string => {
      const { clock, line } = setUp({ seed, habits: { lostEveryMs: 60_000 } });
      version = 1;
      offer(line);
      clock.pass(20_000);
      return JSON.stringify([line.sent, line.opens]);
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });

  it('moves to another server when it has nothing to lose by it, and is on duty there', () => {
    const { app, clock, line } = setUp();
    const move = { t: 'move', url: 'ws://other', zone: '862830827ffffff' } as const;
    offer(line);
    line.tell(move);
    expect(line.opens).toHaveLength(1);
    line.tell({ t: 'offer_closed', seq: 2, offerId: offerView().offerId, reason: 'timed_out' });
    line.tell(move);
    expect(line.urls).toEqual([null, 'ws://other']);
    line.welcome({ epoch: 'e2', snapshot: { status: 'available', offer: null, trip: null } });
    const before = line.all('ping').length;
    clock.pass(30_000);
    expect(line.all('ping').length).toBeGreaterThan(before);
    expect(app.isOnDuty).toBe(true);
    expect(line.all('online')).toHaveLength(1);
  });
});
