import { describe, expect, it } from 'vitest';
import type { HistoryLine } from '../../../src/sim/chaos/history.ts';
import {
  BEGAN_MS,
  DRIVER,
  OFFER,
  OTHER,
  RIDER,
  SECOND,
  TRIP,
  tripTold,
  brokenBy,
  message,
  ack,
  drop,
  late,
  got,
  change,
  type ToldCity,
} from './told-city.ts';

describe('R6: order', () => {
  it.each<[string, (city: ToldCity) => void]>([
    ['a number left out', (city) => change(message(city, RIDER, 'trip', 3), { seq: 5 })],
    ['a number twice', (city) => change(message(city, RIDER, 'trip', 3), { seq: 3 })],
    [
      'a message before the welcome',
      (city) => drop(city, (line) => line.k === 'got' && line.m.t === 'welcome'),
    ],
    [
      'a version that falls',
      (city) => change(message(city, RIDER, 'trip', 3), { trip: tripTold('at_pickup', 3, DRIVER) }),
    ],
    [
      'a session that goes on from elsewhere',
      (city) => change(message(city, RIDER, 'welcome'), { resumed: true, snapshot: null, seq: 0 }),
    ],
    [
      'a welcome with nothing to go on from',
      (city) => change(message(city, RIDER, 'welcome'), { snapshot: null }),
    ],
  ])('out of order: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('out_of_order');
  });
});

describe('R6: nothing is told that is not stored', () => {
  const tell = (who: string, seq: number, trip: object) => (city: ToldCity) =>
    late(city, got(who, { t: 'trip', seq, trip }));

  it.each<[string, (city: ToldCity) => void]>([
    ['a version that was never stored', tell(RIDER, 5, tripTold('completed', 6, DRIVER))],
    [
      'another state',
      (city) => change(message(city, RIDER, 'trip', 3)['trip'] as object, { status: 'cancelled' }),
    ],
    [
      'another driver',
      (city) => change(message(city, RIDER, 'trip', 3)['trip'] as object, { driverId: OTHER }),
    ],
    [
      'somebody else’s trip',
      (city) => {
        const stranger = {
          ms: BEGAN_MS,
          who: OTHER,
          k: 'open',
          line: 1,
          to: 'ws://a',
          resume: null,
        } as const;
        late(
          city,
          stranger,
          got(OTHER, {
            t: 'welcome',
            epoch: 'x',
            seq: 0,
            resumed: false,
            snapshot: { trip: null, offer: null },
          }),
        );
        tell(OTHER, 1, tripTold('completed', 5, DRIVER))(city);
      },
    ],
    ['the PIN to the driver', (city) => change(ack(city, DRIVER, 'd1')['trip'] as object, { pin: '1234' })],
    [
      'in a snapshot',
      (city) =>
        change(message(city, RIDER, 'welcome'), {
          snapshot: { offer: null, trip: tripTold('on_trip', 9, DRIVER) },
        }),
    ],
    [
      'an offer that is not stored',
      (city) => change(message(city, DRIVER, 'offer')['offer'] as object, { offerId: SECOND }),
    ],
    ['another driver’s offer', ({ stored }) => change(stored.offers[0]!, { driverId: OTHER })],
    [
      'the end of an offer that was accepted',
      (city) => late(city, got(DRIVER, { t: 'offer_closed', seq: 2, offerId: OFFER, reason: 'timed_out' })),
    ],
    [
      'an offer whose answer is refused as unknown',
      (city) => {
        const sent = { ms: BEGAN_MS, who: DRIVER, k: 'sent', line: 1, to: 'ws://a', hash: 'h' } as const;
        late(
          city,
          { ...sent, m: { t: 'decline', id: 'd9', offerId: OFFER } },
          got(DRIVER, { t: 'error', id: 'd9', code: 'not_found', retryable: false }),
        );
      },
    ],
  ])('never was: %s', (_, spoil) => {
    expect(brokenBy(spoil)).toContain('never_was');
  });
});

describe('R6, R11: snapshots and pictures', () => {
  const connect = (who: string, ms: number, trip: object | null): HistoryLine[] => [
    { ms, who, k: 'open', line: 2, to: 'ws://b', resume: null },
    {
      ...got(who, { t: 'welcome', epoch: 'f', seq: 0, resumed: false, snapshot: { trip, offer: null } }),
      ms: ms + 20,
    },
  ];

  it('a snapshot older than what was known', () => {
    const rules = brokenBy((city) =>
      late(city, ...connect(RIDER, BEGAN_MS + 30_000, tripTold('on_trip', 4, DRIVER))),
    );
    expect(rules).toContain('stale_snapshot');
    expect(brokenBy((city) => late(city, ...connect(RIDER, BEGAN_MS + 30_000, null)))).toEqual(new Set());
  });

  it('a snapshot without the trip that the client has', () => {
    const forgotten = (ms: number) => (city: ToldCity) => {
      // The ride takes longer: it ends 60 s after it began.
      city.stored.events[4] = { ...city.stored.events[4]!, atMs: BEGAN_MS + 60_000 };
      const at = city.history.findIndex((line) => line.k === 'sent' && line.m['id'] === 'd4');
      for (const line of city.history.slice(at)) (line as { ms: number }).ms += 60_000;
      city.history.splice(at, 0, ...connect(DRIVER, ms, null));
    };
    expect(brokenBy(forgotten(BEGAN_MS + 40_000))).toContain('stale_snapshot');
    // So soon after the acceptance it may not have been in the database yet.
    expect(brokenBy(forgotten(BEGAN_MS + 5_000))).not.toContain('stale_snapshot');
  });

  it('a client that never hears of the end', () => {
    const unheard = (line: HistoryLine): boolean =>
      line.k === 'got' && line.who === RIDER && line.m.t === 'trip' && line.m['seq'] === 4;
    expect(brokenBy((city) => drop(city, unheard))).toEqual(new Set(['stale_picture']));
  });

  it('an offer that stays on the screen', () => {
    const rules = brokenBy((city) => {
      const [offer] = city.stored.offers;
      const ids = { offerId: `${OFFER.slice(0, -1)}3`, status: 'withdrawn', driverId: OTHER };
      city.stored.offers.push({ ...offer!, ...ids, openedPosition: 2.1, closedPosition: 2.2 });
      const welcome = {
        t: 'welcome',
        epoch: 'x',
        seq: 0,
        resumed: false,
        snapshot: { trip: null, offer: null },
      };
      const told = { t: 'offer', seq: 1, offer: { offerId: ids.offerId, tripId: TRIP } };
      const stranger = { ms: BEGAN_MS, who: OTHER, k: 'open', line: 1, to: 'ws://a', resume: null } as const;
      late(city, stranger, got(OTHER, welcome), got(OTHER, told));
    });
    expect(rules).toEqual(new Set(['stale_picture']));
  });
});
