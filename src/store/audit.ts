import type { DriverId } from '../domain/ids.ts';
import type { Offer } from '../domain/offer.ts';
import type { Result } from '../domain/rejection.ts';
import {
  isFinal,
  TRIP_STATUSES,
  TRIP_TRANSITIONS,
  type Trip,
  type TripEvent,
  type TripStatus,
} from '../domain/trip.ts';
import type { TripChange } from './trip-store.ts';

/** A rule of the design that the stored records break. */
export interface Violation {
  readonly rule: 'R1' | 'R2' | 'R3' | 'R4' | 'R5' | 'R6' | 'R9';
  readonly tripId?: string;
  readonly detail: string;
}

/** `position`: the store's own order over all trips; of two things that exclude each other the later has the higher one. */
export type PlacedEvent = TripEvent & { readonly position: number };
export type PlacedOffer = Offer & { readonly openedPosition: number; readonly closedPosition: number | null };

/** One trip with all that belongs to it: events by `seq`, offers in any order. */
export interface TripRecord {
  readonly trip: Trip;
  readonly events: readonly PlacedEvent[];
  readonly offers: readonly PlacedOffer[];
}

/** One event that a command with a key caused, or is said to have caused, with the answers that claim it. */
export interface AnsweredEvent {
  readonly tripId: string;
  readonly seq: number;
  readonly event: TripEvent | null;
  readonly answers: readonly Result<TripChange>[];
}

type Report = (rule: Violation['rule'], detail: string) => void;

/** Checks one trip by itself: R1, R4, and R3, R6 and R9 as far as they concern its own offers. */
export function auditTrip(record: TripRecord): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (rule, detail) => {
    violations.push({ rule, tripId: record.trip.tripId, detail });
  };
  checkEnd(record, report);
  checkChain(record.events, report);
  checkRow(record, report);
  checkAcceptedOffers(record, report);
  for (const offer of record.offers) checkOffer(record, offer, report);
  return violations;
}

function checkEnd({ trip, events }: TripRecord, report: Report): void {
  if (!TRIP_STATUSES.includes(trip.status)) report('R1', `unknown state ${trip.status}`);
  const ends = events.filter((event) => isFinal(event.status)).length;
  const expected = isFinal(trip.status) ? 1 : 0;
  if (ends !== expected) report('R1', `${trip.status} with ${ends} final events`);
  const end = events.findIndex((event) => isFinal(event.status));
  if (end >= 0 && end < events.length - 1) report('R1', `an event after the end (${events[end]?.kind})`);
}

/** R4: 1, 2, 3 … without gaps, in the order of positions, each a legal step by a legal actor from the one before. */
function checkChain(events: readonly PlacedEvent[], report: Report): void {
  let status: TripStatus | null = null;
  let position = 0;
  for (const [index, event] of events.entries()) {
    if (event.seq !== index + 1) report('R4', `event ${index + 1} has seq ${event.seq}`);
    if (event.position <= position) report('R4', `event ${event.seq} stands before the one it follows`);
    const problem = stepProblem(status, event);
    if (problem !== null) report('R4', `event ${event.seq}: ${problem}`);
    status = event.status;
    position = event.position;
  }
}

function stepProblem(from: TripStatus | null, event: TripEvent): string | null {
  if (event.kind === 'requested') {
    return from === null && event.status === 'searching' ? null : `requested from ${from ?? 'nothing'}`;
  }
  const step = TRIP_TRANSITIONS[event.kind];
  if (from === null || !step.from.includes(from)) return `${event.kind} from ${from ?? 'nothing'}`;
  if (step.to !== event.status) return `${event.kind} to ${event.status}`;
  return step.actors.includes(event.actor) ? null : `${event.kind} by ${event.actor}`;
}

/** R4: the trip's row is what its events add up to. */
function checkRow({ trip, events }: TripRecord, report: Report): void {
  if (trip.version !== events.length) report('R4', `version ${trip.version}, ${events.length} events`);
  const sum = sumOf(events);
  for (const [name, value] of Object.entries(sum)) {
    const stored = trip[name as keyof typeof sum];
    if (stored !== value) report('R4', `${name} is ${stored}, by its events ${value}`);
  }
}

type Sum = Pick<
  Trip,
  'driverId' | 'requestedMs' | 'acceptedMs' | 'arrivedMs' | 'startedMs' | 'endedMs' | 'endedBy'
> & { readonly status: TripStatus | null };

function sumOf(events: readonly PlacedEvent[]): Sum {
  let sum: Sum = {
    status: null,
    driverId: null,
    requestedMs: 0,
    acceptedMs: null,
    arrivedMs: null,
    startedMs: null,
    endedMs: null,
    endedBy: null,
  };
  for (const event of events) sum = { ...sum, ...effectOf(event), status: event.status };
  return sum;
}

function effectOf({ kind, atMs, actor, actorId }: TripEvent): Partial<Sum> {
  switch (kind) {
    case 'requested':
      return { requestedMs: atMs };
    case 'accepted':
      return { acceptedMs: atMs, driverId: actorId as DriverId };
    case 'arrived':
      return { arrivedMs: atMs };
    case 'started':
      return { startedMs: atMs };
    case 'released':
      return { driverId: null, acceptedMs: null, arrivedMs: null };
    case 'completed':
    case 'cancelled':
    case 'no_show':
    case 'expired':
      return { endedMs: atMs, endedBy: actor };
  }
}

/** R3: accepted offers and `accepted` events are one to one. */
function checkAcceptedOffers({ events, offers }: TripRecord, report: Report): void {
  const unclaimed = new Map(
    offers.filter((o) => o.status === 'accepted').map((o) => [o.offerId as string, o]),
  );
  for (const event of events.filter((one) => one.kind === 'accepted')) {
    const offerId = String(event.detail.offerId);
    const offer = unclaimed.get(offerId);
    unclaimed.delete(offerId);
    if (offer === undefined)
      report('R3', `event ${event.seq} accepts ${offerId}, which is no accepted offer`);
    else if (offer.driverId !== event.actorId)
      report('R3', `event ${event.seq} accepts another driver's offer`);
  }
  for (const offerId of unclaimed.keys())
    report('R6', `offer ${offerId} is accepted, the trip does not know`);
}

function checkOffer({ trip, events, offers }: TripRecord, offer: PlacedOffer, report: Report): void {
  const { offerId, openedPosition, closedPosition } = offer;
  const live = offer.status === 'live';
  if (live !== (offer.answeredMs === null) || live !== (closedPosition === null)) {
    report('R3', `offer ${offerId} is ${offer.status}, answered ${offer.answeredMs}`);
  }
  if (live && trip.status !== 'searching') report('R3', `offer ${offerId} is live, the trip ${trip.status}`);
  if (closedPosition !== null && closedPosition <= openedPosition) {
    report('R3', `offer ${offerId} was closed before it was opened`);
  }
  const before = events.findLast((event) => event.position < openedPosition);
  if (before === undefined) report('R6', `offer ${offerId} was made before its trip was stored`);
  else if (before.status !== 'searching') report('R9', `offer ${offerId} was made while ${before.status}`);
  const earlier = offers.find(
    (other) =>
      other.driverId === offer.driverId &&
      other.openedPosition < openedPosition &&
      ['declined', 'timed_out', 'accepted'].includes(other.status),
  );
  if (earlier !== undefined) {
    report('R9', `offer ${offerId} to ${offer.driverId}, who had ${earlier.status} ${earlier.offerId}`);
  }
}

/** R5: a request or an acceptance has one answer, and an answer tells what the event is. */
export function auditAnswers({ tripId, seq, event, answers }: AnsweredEvent): Violation[] {
  const violation = (detail: string): Violation[] => [
    { rule: 'R5', tripId, detail: `event ${seq}: ${detail}` },
  ];
  if (event === null) return violation('answered, but not stored');
  if (answers.length !== 1) return violation(`${event.kind} has ${answers.length} answers`);
  const answer = answers[0];
  if (!answer?.ok) return violation(`${event.kind} was answered with a no`);
  const { trip, event: told } = answer.value;
  const agrees =
    told?.kind === event.kind &&
    told.status === event.status &&
    told.atMs === event.atMs &&
    trip.status === event.status &&
    trip.version === seq;
  return agrees ? [] : violation(`is ${event.kind}, the answer tells of ${told?.kind ?? 'nothing'}`);
}

/** The moment when an account takes hold of a trip or an offer, or lets go of it. */
export interface Hold {
  readonly account: string;
  readonly tripId: string;
  /** What is held: a trip's or an offer's id. */
  readonly held: string;
  readonly takes: boolean;
}

/**
 * R2 and R3 over time: an account holds at most one thing at once. Feed it the moments ordered by account, then position; it
 * keeps only the current account's.
 */
export class HoldAudit {
  readonly #rule: 'R2' | 'R3';
  #account: string | null = null;
  #held = new Set<string>();

  constructor(rule: 'R2' | 'R3') {
    this.#rule = rule;
  }

  next({ account, tripId, held, takes }: Hold): Violation[] {
    if (account !== this.#account) this.#held = new Set();
    this.#account = account;
    if (!takes) {
      this.#held.delete(held);
      return [];
    }
    const others = [...this.#held].filter((other) => other !== held);
    this.#held.add(held);
    if (others.length === 0) return [];
    return [
      { rule: this.#rule, tripId, detail: `${account} takes ${held} while holding ${others.join(', ')}` },
    ];
  }
}

/** Kinds of events that bind a driver to a trip or set one free. */
export const DRIVER_HOLD_KINDS = ['accepted', 'released', 'completed', 'cancelled', 'no_show'] as const;

/** What an audit found. `violations` holds the first VIOLATIONS_MAX. */
export interface AuditReport {
  readonly clean: boolean;
  readonly violations: readonly Violation[];
  /** How much was looked at: a clean audit of nothing proves nothing. */
  readonly checked: { readonly trips: number; readonly events: number; readonly offers: number };
}

/** Violations kept of one audit; the rest is dropped, since the first ones tell enough. */
const VIOLATIONS_MAX = 1_000;

/** Collects an audit's findings. */
export class Findings {
  #violations: Violation[] = [];
  #checked = { trips: 0, events: 0, offers: 0 };

  trip(record: TripRecord): void {
    this.#checked.trips++;
    this.#checked.events += record.events.length;
    this.#checked.offers += record.offers.length;
    this.add(auditTrip(record));
  }

  add(found: readonly Violation[]): void {
    this.#violations.push(...found.slice(0, VIOLATIONS_MAX - this.#violations.length));
  }

  report(): AuditReport {
    return { clean: this.#violations.length === 0, violations: this.#violations, checked: this.#checked };
  }
}
