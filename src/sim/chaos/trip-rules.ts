import {
  type Course,
  Courses,
  ENDS,
  type Stored,
  type StoredEvent,
  type StoredOffer,
} from './stored-city.ts';
import type { Rule, Violation } from './verdict.ts';

/** What may follow a state: event, next state, who may do it. The checker's own table, from design.md and protocol.md. */
const MAY_FOLLOW: Readonly<Record<string, readonly (readonly [kind: string, to: string, actors: string])[]>> =
  {
    nothing: [['requested', 'searching', 'rider']],
    searching: [
      ['accepted', 'to_pickup', 'driver operator'],
      ['cancelled', 'cancelled', 'rider operator'],
      ['expired', 'expired', 'system'],
    ],
    to_pickup: [
      ['arrived', 'at_pickup', 'driver'],
      ['released', 'searching', 'driver operator'],
      ['cancelled', 'cancelled', 'rider operator'],
    ],
    at_pickup: [
      ['started', 'on_trip', 'driver'],
      ['released', 'searching', 'driver operator'],
      ['no_show', 'cancelled', 'driver'],
      ['cancelled', 'cancelled', 'rider operator'],
    ],
    on_trip: [
      ['completed', 'completed', 'driver operator'],
      ['cancelled', 'cancelled', 'rider driver operator'],
    ],
  };

/** Everything that can be told from the database alone. */
export function checkTrips(stored: Stored): Violation[] {
  const courses = new Courses(stored);
  return [
    ...[...courses.all()].flatMap(([tripId, course]) => checkCourse(tripId, course)),
    ...checkHolds(stored, courses),
    ...checkOffers(stored.offers, courses),
  ];
}

function checkCourse(tripId: string, { trip, events, drivers }: Course): Violation[] {
  const found: Violation[] = [];
  const report = (rule: Rule, detail: string): void => {
    found.push({ rule, detail: `trip ${tripId}: ${detail}`, who: null, about: tripId });
  };
  let [state, position] = ['nothing', 0];
  events.forEach((event, index) => {
    if (event.seq !== index + 1)
      report('impossible_transition', `event ${index + 1} has number ${event.seq}`);
    if (event.position <= position)
      report('impossible_transition', `event ${event.seq} stands before its cause`);
    if (!mayFollow(state, event))
      report(
        'impossible_transition',
        `${event.kind} by ${event.actor} leads from ${state} to ${event.status} (event ${event.seq})`,
      );
    [state, position] = [event.status, event.position];
  });
  if (trip === null) report('impossible_transition', 'events without a trip');
  else if (
    trip.status !== state ||
    trip.version !== events.length ||
    trip.driverId !== (drivers.at(-1) ?? null)
  )
    report(
      'impossible_transition',
      `is ${trip.status} with ${trip.driverId} at version ${trip.version}, its ${events.length} events say ${state} with ${drivers.at(-1)}`,
    );
  if (trip !== null && !ENDS.includes(trip.status)) report('lost', `has not ended: ${trip.status}`);
  return found;
}

const mayFollow = (state: string, { kind, status, actor }: StoredEvent): boolean =>
  (MAY_FOLLOW[state] ?? []).some(
    ([event, to, actors]) => event === kind && to === status && actors.split(' ').includes(actor),
  );

/** An account takes hold of a trip or an offer, or lets go. */
interface Hold {
  readonly position: number;
  readonly account: string;
  readonly what: 'trip' | 'offer';
  readonly id: string;
  readonly takes: boolean;
}

/** Nobody holds two trips or two offers at once, and no driver is made an offer while on a trip. */
function checkHolds({ offers }: Stored, courses: Courses): Violation[] {
  const holds = [
    ...[...courses.all()].flatMap(([tripId, course]) => holdsOf(tripId, course)),
    ...offers.flatMap(offerHolds),
  ];
  // What is let go at a position is free for what takes it at a later one.
  holds.sort((a, b) => a.position - b.position);
  const held = new Map<string, Set<string>>();
  const found: Violation[] = [];
  const heldBy = (account: string, what: Hold['what']): Set<string> => {
    const key = `${what} ${account}`;
    const known = held.get(key);
    if (known !== undefined) return known;
    const fresh = new Set<string>();
    held.set(key, fresh);
    return fresh;
  };
  for (const { account, what, id, takes } of holds) {
    const own = heldBy(account, what);
    if (!takes) {
      own.delete(id);
      continue;
    }
    const report = (rule: Rule, detail: string): void => {
      found.push({ rule, detail, who: account, about: id });
    };
    for (const other of own) report('double_assigned', `${account} has ${what} ${id} while having ${other}`);
    if (what === 'offer' && heldBy(account, 'trip').size > 0)
      report('impossible_offer', `${account} was made offer ${id} while on a trip`);
    own.add(id);
  }
  return found;
}

function holdsOf(tripId: string, { trip, events, drivers }: Course): Hold[] {
  return events.flatMap(({ kind, status, position }, index) => {
    const hold = (account: string | null | undefined, takes: boolean): Hold[] =>
      account === null || account === undefined
        ? []
        : [{ position, account, what: 'trip', id: tripId, takes }];
    if (kind === 'requested') return hold(trip?.riderId, true);
    if (kind === 'accepted') return hold(drivers[index], true);
    const driver = drivers[index - 1];
    if (kind === 'released') return hold(driver, false);
    return ENDS.includes(status) ? [...hold(driver, false), ...hold(trip?.riderId, false)] : [];
  });
}

function offerHolds({ offerId, driverId, openedPosition, closedPosition }: StoredOffer): Hold[] {
  const hold = { account: driverId, what: 'offer', id: offerId } as const;
  const opened = { ...hold, position: openedPosition, takes: true };
  return closedPosition === null ? [opened] : [opened, { ...hold, position: closedPosition, takes: false }];
}

/** Offers are made of trips that search, once to each driver who said no, and none is left. */
function checkOffers(offers: readonly StoredOffer[], courses: Courses): Violation[] {
  const found: Violation[] = [];
  const refused = new Set<string>();
  for (const offer of [...offers].sort((a, b) => a.openedPosition - b.openedPosition)) {
    const { offerId, tripId, driverId, status, openedPosition } = offer;
    const report = (detail: string): void => {
      found.push({
        rule: 'impossible_offer',
        detail: `offer ${offerId} ${detail}`,
        who: driverId,
        about: tripId,
      });
    };
    const { events } = courses.of(tripId);
    const before = events.findLast(({ position }) => position < openedPosition);
    if (before?.status !== 'searching')
      report(`was made while its trip was ${before?.status ?? 'not there'}`);
    if (status === 'live') report('is still open');
    const pair = `${tripId} ${driverId}`;
    if (refused.has(pair)) report(`was made to ${driverId}, who had said no to that trip or given it up`);
    if (status !== 'withdrawn' && status !== 'live') refused.add(pair);
    const isAccepted = events.some(({ kind, actorId, position }) => {
      return kind === 'accepted' && actorId === driverId && position > openedPosition;
    });
    if (status === 'accepted' && !isAccepted) report('was accepted, its trip does not know');
  }
  return found;
}
