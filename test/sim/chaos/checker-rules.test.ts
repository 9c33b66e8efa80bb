import { describe, expect, it } from 'vitest';
import { checkCommands } from '../../../src/sim/chaos/command-rules.ts';
import type { HistoryLine } from '../../../src/sim/chaos/history.ts';
import {
  BEGAN_MS,
  DRIVER,
  OFFER,
  OTHER,
  RIDER,
  SECOND,
  eventOf,
  oneRide,
  tripTold,
  violationsIn,
  brokenBy,
  ack,
  drop,
  late,
  got,
  change,
  type ToldCity,
} from './told-city.ts';

describe('an honest city', () => {
  it('is clean, and its requests are counted', () => {
    const city = oneRide();
    expect(violationsIn(city)).toEqual([]);
    const { figures } = checkCommands(city.history, city.stored);
    expect(figures).toEqual({ requests: 1, acknowledged: 1, errorsByCode: {} });
  });

  it('is clean with a repeated command, a resumed session, a refusal and a driver who gives up (R5)', () => {
    const city = oneRide();
    late(
      city,
      { ms: BEGAN_MS + 20_000, who: RIDER, k: 'hangup', line: 1 },
      {
        ...{ ms: BEGAN_MS + 20_100, who: RIDER, k: 'open', line: 2, to: 'ws://b' },
        resume: { epoch: `e-${RIDER}`, seq: 4 },
      },
      got(RIDER, { t: 'welcome', epoch: `e-${RIDER}`, seq: 4, resumed: true, snapshot: null }),
      {
        ...{ ms: BEGAN_MS + 20_200, who: RIDER, k: 'sent', line: 2, to: 'ws://b', hash: 'h-r1' },
        m: { t: 'request', id: 'r1' },
      },
      got(RIDER, { t: 'ack', id: 'r1', trip: tripTold('searching', 1, null, '1234') }),
      {
        ...{ ms: BEGAN_MS + 20_300, who: RIDER, k: 'sent', line: 2, to: 'ws://b', hash: 'h-r2' },
        m: { t: 'cancel', id: 'r2' },
      },
      got(RIDER, { t: 'error', id: 'r2', code: 'unavailable', retryable: true }),
      got(RIDER, { t: 'error', id: 'r2', code: 'wrong_state', retryable: false }),
    );
    expect(violationsIn(city)).toEqual([]);
  });
});

describe('R1, R6: what is acknowledged', () => {
  it.each<[string, (city: ToldCity) => void]>([
    ['a trip that is not stored', ({ stored }) => stored.trips.splice(0) && stored.events.splice(0)],
    [
      'a command whose event is not stored',
      (city) => change(ack(city, DRIVER, 'd4')['trip'] as object, { version: 6 }),
    ],
    ['a command whose event is another’s', ({ stored }) => change(stored.events[2]!, { actorId: OTHER })],
    ['a command without an answer kept', ({ stored }) => stored.answers.splice(0, 1)],
    [
      'a request that never ended',
      ({ stored }) => {
        stored.events.pop();
        change(stored.trips[0]!, { status: 'on_trip', version: 4 });
      },
    ],
  ])('lost: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('lost');
  });

  it('a command without any answer, from a client that was there', () => {
    const noAnswer = (line: HistoryLine): boolean => line.k === 'got' && line.m['id'] === 'd4';
    expect(brokenBy((city) => drop(city, noAnswer))).toContain('unanswered');
    const http = oneRide();
    const sent = { who: 'run.probe-1', k: 'sent', line: 0, to: 'http://a', hash: 'h' } as const;
    http.history.unshift({ ...sent, ms: BEGAN_MS, m: { t: 'request', id: 'p1' } });
    expect(violationsIn(http).map(({ rule }) => rule)).toEqual(['unanswered']);
  });

  it('not a command of a client that has gone', () => {
    const city = oneRide();
    drop(city, (line) => line.k === 'got' && line.m['id'] === 'd4');
    late(city, { ms: BEGAN_MS + 30_000, who: DRIVER, k: 'hangup', line: 1 });
    expect(violationsIn(city)).toEqual([]);
  });
});

describe('R2, R3: nobody has two', () => {
  const second = (
    { stored }: ToldCity,
    riderId: string,
    driverId: string,
    positions: [number, number, number],
  ) => {
    const [asked, taken, ended] = positions;
    stored.trips.push({ tripId: SECOND, riderId, driverId, status: 'cancelled', version: 3 });
    stored.events.push(
      { ...eventOf(1, 'requested', 'searching', RIDER, asked), tripId: SECOND },
      { ...eventOf(2, 'accepted', 'to_pickup', driverId, taken), tripId: SECOND },
      { ...eventOf(3, 'cancelled', 'cancelled', RIDER, ended), tripId: SECOND },
    );
  };

  it('a driver with two trips at once', () => {
    expect(brokenBy((city) => second(city, 'run.ride-2', DRIVER, [2.1, 4.1, 9]))).toContain(
      'double_assigned',
    );
    // One after the other is no violation.
    expect(brokenBy((city) => second(city, 'run.ride-2', DRIVER, [2.1, 7.5, 9]))).toEqual(new Set());
  });

  it('a rider with two trips at once', () => {
    expect(brokenBy((city) => second(city, RIDER, OTHER, [2.1, 4.1, 9]))).toContain('double_assigned');
    expect(brokenBy((city) => second(city, RIDER, OTHER, [7.1, 7.5, 9]))).toEqual(new Set());
  });

  it('a driver with two live offers, or with one during a trip', () => {
    const another = (opened: number, closed: number) => (city: ToldCity) => {
      second(city, 'run.ride-2', OTHER, [0.5, 8, 9]);
      const [offer] = city.stored.offers;
      const ids = { offerId: `${OFFER.slice(0, -1)}2`, tripId: SECOND, status: 'withdrawn' };
      city.stored.offers.push({ ...offer!, ...ids, openedPosition: opened, closedPosition: closed });
    };
    expect(brokenBy(another(2.5, 2.7))).toContain('double_assigned');
    expect(brokenBy(another(4.5, 4.7))).toContain('impossible_offer');
    expect(brokenBy(another(7.2, 7.3))).toEqual(new Set());
  });

  it('one acceptance that two drivers were told is theirs, whatever is stored', () => {
    const accept = { t: 'accept', id: 'o1', offerId: OFFER };
    const sent = {
      ms: BEGAN_MS,
      who: OTHER,
      k: 'sent',
      line: 1,
      to: 'ws://a',
      hash: 'h',
      m: accept,
    } as const;
    const answer = got(OTHER, { t: 'ack', id: 'o1', trip: tripTold('to_pickup', 2, OTHER) });
    expect(brokenBy((city) => late(city, sent, answer))).toContain('double_assigned');
  });
});

describe('R4: transitions', () => {
  it.each<[string, (city: ToldCity) => void]>([
    ['a gap', ({ stored }) => change(stored.events[4]!, { seq: 6 })],
    [
      'a step that is none',
      ({ stored }) => change(stored.events[2]!, { kind: 'completed', status: 'completed' }),
    ],
    ['a step by somebody who may not', ({ stored }) => change(stored.events[3]!, { actor: 'rider' })],
    [
      'an event after the end',
      ({ stored }) => {
        stored.events.push(eventOf(6, 'cancelled', 'cancelled', RIDER, 8));
        change(stored.trips[0]!, { version: 6, status: 'cancelled' });
      },
    ],
    ['an event before its cause', ({ stored }) => change(stored.events[4]!, { position: 5.5 })],
    ['a trip that is not what its events say', ({ stored }) => change(stored.trips[0]!, { driverId: OTHER })],
    ['a version without its event', ({ stored }) => change(stored.trips[0]!, { version: 6 })],
    ['events without a trip', ({ stored }) => stored.trips.splice(0)],
  ])('impossible: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('impossible_transition');
  });
});

describe('offers', () => {
  it.each<[string, (city: ToldCity) => void]>([
    [
      'of a trip that has a driver',
      ({ stored }) => change(stored.offers[0]!, { openedPosition: 3.5, driverId: OTHER }),
    ],
    ['left open', ({ stored }) => change(stored.offers[0]!, { status: 'live', closedPosition: null })],
    ['accepted without the trip knowing', ({ stored }) => change(stored.offers[0]!, { driverId: OTHER })],
    [
      'to one who had said no (R9)',
      ({ stored }) => {
        const [offer] = stored.offers;
        const earlier = {
          offerId: `${OFFER.slice(0, -1)}2`,
          status: 'declined',
          openedPosition: 1.1,
          closedPosition: 1.2,
        };
        stored.offers.push({ ...offer!, ...earlier });
      },
    ],
  ])('impossible: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('impossible_offer');
  });
});

describe('R5: one key, one answer', () => {
  const again = (m: { t: string; [field: string]: unknown }) => (city: ToldCity) => late(city, got(RIDER, m));

  it.each<[string, (city: ToldCity) => void]>([
    [
      'another trip',
      again({ t: 'ack', id: 'r1', trip: { ...tripTold('searching', 1, null, '1234'), tripId: SECOND } }),
    ],
    ['another state', again({ t: 'ack', id: 'r1', trip: tripTold('to_pickup', 2, DRIVER, '1234') })],
    ['a no after a yes', again({ t: 'error', id: 'r1', code: 'rider_busy', retryable: false })],
    ['a key said to be used', again({ t: 'error', id: 'r1', code: 'key_reused', retryable: false })],
    [
      'another answer kept',
      ({ stored }) => change(stored.answers[0]!, { ok: false, code: 'rider_busy', tripId: null }),
    ],
    ['another trip kept', ({ stored }) => change(stored.answers[0]!, { tripId: SECOND })],
    [
      'a key used by its client for two things',
      (city) => {
        const sent = city.history.find((line) => line.k === 'sent' && line.m['id'] === 'r1')!;
        late(city, { ...sent, hash: 'other' } as HistoryLine);
      },
    ],
  ])('differs: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('answers_differ');
  });
});
