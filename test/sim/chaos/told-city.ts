import { checkCommands } from '../../../src/sim/chaos/command-rules.ts';
import type { HistoryLine } from '../../../src/sim/chaos/history.ts';
import type { Stored, StoredEvent } from '../../../src/sim/chaos/stored-city.ts';
import { checkTold } from '../../../src/sim/chaos/telling-rules.ts';
import { checkTrips } from '../../../src/sim/chaos/trip-rules.ts';
import type { Rule, Violation } from '../../../src/sim/chaos/verdict.ts';

/** A history and a database made by hand, right in every respect; tests spoil one thing and look whether it is found. */
export interface ToldCity {
  readonly history: HistoryLine[];
  readonly stored: { [K in keyof Stored]: Stored[K][number][] };
}

type Note = { [K in HistoryLine['k']]: Omit<Extract<HistoryLine, { k: K }>, 'ms' | 'who'> }[HistoryLine['k']];
export const [RIDER, DRIVER, OTHER] = ['run.ride-1', 'run.cab-1', 'run.cab-2'];
export const [TRIP, SECOND] = [
  '00000000-0000-7000-8000-000000000001',
  '00000000-0000-7000-8000-000000000002',
];
export const OFFER = '00000000-0000-7000-8000-0000000000f1';
export const BEGAN_MS = 1_800_000_000_000;

export const tripTold = (
  status: string,
  version: number,
  driverId: string | null,
  pin: string | null = null,
) => ({
  ...{ tripId: TRIP, status, version, driverId, riderId: RIDER, pin },
});

export const eventOf = (
  seq: number,
  kind: string,
  status: string,
  by: string,
  position: number,
): StoredEvent => ({
  tripId: TRIP,
  ...{ seq, kind, status, position, atMs: BEGAN_MS + seq * 1_000 },
  actor: by === RIDER ? 'rider' : 'driver',
  actorId: by,
});

/** One ride from the request to its end, as its rider, its driver and the database have it. */
export function oneRide(): ToldCity {
  const history: HistoryLine[] = [];
  let ms = BEGAN_MS;
  const note = (who: string, line: Note): void => {
    history.push({ ...line, ms: (ms += 100), who });
  };
  const open = (who: string): void => {
    note(who, { k: 'open', line: 1, to: 'ws://a', resume: null });
    const snapshot = { status: who === RIDER ? null : 'idle', offer: null, trip: null };
    note(who, {
      k: 'got',
      line: 1,
      m: { t: 'welcome', epoch: `e-${who}`, seq: 0, resumed: false, snapshot },
    });
  };
  const command = (who: string, id: string, t: string, trip: object | null, more: object = {}): void => {
    note(who, { k: 'sent', line: 1, to: 'ws://a', hash: `h-${id}`, m: { t, id, ...more } });
    note(who, { k: 'got', line: 1, m: { t: 'ack', id, ...(trip === null ? {} : { trip }) } });
  };
  const told = (who: string, seq: number, trip: object): void =>
    note(who, { k: 'got', line: 1, m: { t: 'trip', seq, trip } });

  open(RIDER);
  open(DRIVER);
  command(RIDER, 'r1', 'request', tripTold('searching', 1, null, '1234'));
  note(DRIVER, { k: 'got', line: 1, m: { t: 'offer', seq: 1, offer: { offerId: OFFER, tripId: TRIP } } });
  command(DRIVER, 'd1', 'accept', tripTold('to_pickup', 2, DRIVER), { offerId: OFFER });
  told(RIDER, 1, tripTold('to_pickup', 2, DRIVER, '1234'));
  command(DRIVER, 'd2', 'arrived', tripTold('at_pickup', 3, DRIVER), { tripId: TRIP });
  told(RIDER, 2, tripTold('at_pickup', 3, DRIVER, '1234'));
  command(DRIVER, 'd3', 'start', tripTold('on_trip', 4, DRIVER), { tripId: TRIP, pin: '1234' });
  command(DRIVER, 'd4', 'complete', tripTold('completed', 5, DRIVER), { tripId: TRIP });
  told(RIDER, 3, tripTold('on_trip', 4, DRIVER));
  told(RIDER, 4, tripTold('completed', 5, DRIVER));
  ms += 60_000;
  note('harness', { k: 'settled' });
  return { history, stored: storedRide() };
}

function storedRide(): ToldCity['stored'] {
  const events = [
    eventOf(1, 'requested', 'searching', RIDER, 1),
    eventOf(2, 'accepted', 'to_pickup', DRIVER, 3),
    eventOf(3, 'arrived', 'at_pickup', DRIVER, 5),
    eventOf(4, 'started', 'on_trip', DRIVER, 6),
    eventOf(5, 'completed', 'completed', DRIVER, 7),
  ];
  const answer = (accountId: string, key: string) => ({ accountId, key, ok: true, code: null, tripId: TRIP });
  return {
    trips: [{ tripId: TRIP, riderId: RIDER, driverId: DRIVER, status: 'completed', version: 5 }],
    events,
    offers: [
      {
        ...{ offerId: OFFER, tripId: TRIP, driverId: DRIVER, status: 'accepted' },
        ...{ offeredMs: BEGAN_MS + 1_500, openedPosition: 2, closedPosition: 4 },
      },
    ],
    answers: [answer(RIDER, 'r1'), ...['d1', 'd2', 'd3', 'd4'].map((key) => answer(DRIVER, key))],
  };
}

export function violationsIn({ history, stored }: ToldCity): Violation[] {
  return [...checkTrips(stored), ...checkCommands(history, stored).violations, ...checkTold(history, stored)];
}

/** The rules that are found broken once `spoil` has been at an honest city. */
export function brokenBy(spoil: (city: ToldCity) => void): Set<Rule> {
  const city = oneRide();
  spoil(city);
  return new Set(violationsIn(city).map(({ rule }) => rule));
}

export type Got = Extract<HistoryLine, { k: 'got' }>;
/** The nth message of that type to that client. */
export function message({ history }: ToldCity, who: string, t: string, nth = 0): Record<string, unknown> {
  const found = history.filter((line): line is Got => line.k === 'got' && line.who === who && line.m.t === t);
  return found[nth]!.m;
}

/** The answer to that command. */
export const ack = (city: ToldCity, who: string, id: string): Record<string, unknown> =>
  city.history.find((line): line is Got => line.k === 'got' && line.who === who && line.m['id'] === id)!.m;

export function drop({ history }: ToldCity, unwanted: (line: HistoryLine) => boolean): void {
  const kept = history.filter((line) => !unwanted(line));
  history.splice(0, history.length, ...kept);
}

/** Puts lines in just before everything had settled. */
export function late({ history }: ToldCity, ...lines: HistoryLine[]): void {
  history.splice(-1, 0, ...lines);
}

export const got = (who: string, m: { t: string; [field: string]: unknown }): HistoryLine => ({
  ...{ ms: BEGAN_MS + 30_000, who, k: 'got', line: 1, m },
});
export const change = (target: object, changes: object): void => void Object.assign(target, changes);
