import { assert } from '../lib/assert.ts';
import type { DriverId, MarketId, RiderId, TripId } from '../domain/ids.ts';
import type { Offer, OfferStatus } from '../domain/offer.ts';
import { accepted, rejected, type Rejection, type Result } from '../domain/rejection.ts';
import { hasDriver, TRIP_TRANSITIONS, type Actor, type Trip, type TripEventKind } from '../domain/trip.ts';
import type { TripEvent } from '../domain/trip.ts';
import type { AnsweredEvent, TripRecord } from './audit.ts';
import {
  commandAtMs,
  RETRYABLE_CODES,
  transitionStep,
  type AnswerCommand,
  type RequestCommand,
  type TransitionCommand,
} from './trip-command.ts';
import { TripTables } from './trip-tables-memory.ts';
import type {
  Decision,
  Duty,
  NewOffer,
  OfferClosing,
  OfferOpening,
  PathPoint,
  SearchingTrip,
  TripChange,
  TripCommand,
  TripStore,
} from './trip-store.ts';

/**
 * A rule broken on purpose, so that the simulation can prove that it would notice: `double_accept` = an acceptance does not
 * look whether its offer is still live nor its trip still searching (R1, R3, R4); `busy_driver` = a driver with an active trip
 * is offered, and may accept, another (R2); `two_offers` = a driver may have several live offers, as without the unique index
 * (R3); `offer_again` = a driver who declined is not excluded (R9); `no_version_check` = a change is made whatever has become of
 * the trip since it was decided on (R1, R4).
 */
export type TripStoreCanary =
  'double_accept' | 'busy_driver' | 'two_offers' | 'offer_again' | 'no_version_check';

interface StoredAnswer {
  readonly fingerprint: string;
  readonly answer: Result<TripChange>;
}

/**
 * The trip store in memory, for the simulation: the same answers as PostgreSQL's to the same commands in the same order. Every
 * method decides before it returns its promise; there is no timer and no randomness in it. Nothing is ever forgotten: it is
 * as large as its run is long.
 */
export class MemoryTripStore implements TripStore {
  readonly #tables = new TripTables();
  readonly #answers = new Map<string, StoredAnswer>();
  readonly #decisions = new Map<TripId, Decision[]>();
  readonly #paths = new Map<TripId, Map<number, PathPoint>>();
  readonly #duties = new Map<DriverId, Duty>();
  readonly #canary: TripStoreCanary | null;

  constructor(options: { canary?: TripStoreCanary } = {}) {
    this.#canary = options.canary ?? null;
  }

  async execute(command: TripCommand): Promise<Result<TripChange>> {
    if (command.key === null) return this.#run(command);
    const { accountId, key, fingerprint } = command.key;
    const id = JSON.stringify([accountId, key]);
    const stored = this.#answers.get(id);
    if (stored !== undefined) {
      if (stored.fingerprint !== fingerprint) return rejected('key_reused');
      return stored.answer.ok ? accepted({ ...stored.answer.value, replayed: true }) : stored.answer;
    }
    const answer = this.#run(command);
    if (answer.ok || !RETRYABLE_CODES.includes(answer.code)) this.#answers.set(id, { fingerprint, answer });
    return answer;
  }

  #run(command: TripCommand): Result<TripChange> {
    const atMs = commandAtMs(command);
    switch (command.kind) {
      case 'request':
        return this.#request(command);
      case 'accept':
      case 'decline':
        return this.#answerOffer(command);
      case 'transition':
        return this.#transition(command, atMs);
    }
  }

  #request({ trip: wanted }: RequestCommand): Result<TripChange> {
    if (this.#tables.activeOfRider(wanted.riderId) !== null) return rejected('rider_busy');
    assert(this.#tables.trip(wanted.tripId) === null, `trip ${wanted.tripId} exists`);
    const trip: Trip = {
      ...wanted,
      driverId: null,
      status: 'searching',
      version: 0,
      acceptedMs: null,
      arrivedMs: null,
      startedMs: null,
      endedMs: null,
      distanceM: null,
      fareMinor: null,
      fareLines: null,
      endedBy: null,
      endReason: null,
    };
    const { riderId, requestedMs } = wanted;
    return this.#change(trip, { kind: 'requested', actor: 'rider', actorId: riderId, atMs: requestedMs });
  }

  #answerOffer({ kind, offerId, driverId, atMs }: AnswerCommand): Result<TripChange> {
    const offer = this.#tables.offer(offerId);
    if (offer?.driverId !== driverId) return rejected('not_found');
    const trip = this.#tables.tripOf(offer);
    const careless = this.#canary === 'double_accept' && kind === 'accept';
    if (offer.status !== 'live' && !careless) return rejected('offer_gone', offer.status);
    if (kind === 'decline') {
      const declined = this.#tables.closeOffer(offer, 'declined', atMs);
      return accepted({ trip, event: null, closedOffers: [declined], replayed: false });
    }
    if (atMs > offer.expiresMs) return rejected('offer_gone', 'expired');
    const { from, to } = TRIP_TRANSITIONS.accepted;
    if (!from.includes(trip.status) && !careless) return rejected('offer_gone', trip.status);
    if (this.#isBusy(driverId)) return rejected('driver_busy');
    const first = this.#tables.closeOffer(offer, 'accepted', atMs);
    return this.#change(
      { ...trip, status: to, driverId, acceptedMs: atMs },
      { kind: 'accepted', actor: 'driver', actorId: driverId, atMs, detail: { offerId } },
      [first, ...this.#withdraw(trip.tripId, atMs)],
    );
  }

  #transition(command: TransitionCommand, atMs: number): Result<TripChange> {
    const { event: kind, actor, actorId } = command;
    const step = transitionStep(command);
    const trip = this.#tables.trip(command.tripId);
    if (trip === null || !owns(trip, actor, actorId)) return rejected('not_found');
    const refusal = refusalOf(command, trip, this.#canary === 'no_version_check');
    if (refusal !== null) return refusal;
    const { to, final } = step;
    const released = kind === 'released';
    // Nobody owes anything for a trip that no driver was bound to, whatever it looked like when the command was made.
    const isOwed = final && trip.driverId !== null && step.fareMinor !== null;
    const fare = isOwed ? { fareMinor: step.fareMinor } : {};
    const detail = { ...step.detail, ...fare, ...(released ? { driverId: trip.driverId } : {}) };
    const next: Trip = {
      ...trip,
      status: to,
      driverId: released ? null : trip.driverId,
      acceptedMs: released ? null : trip.acceptedMs,
      arrivedMs: released ? null : kind === 'arrived' ? atMs : trip.arrivedMs,
      startedMs: kind === 'started' ? atMs : trip.startedMs,
      endedMs: final ? atMs : null,
      endedBy: final ? actor : null,
      endReason: final ? step.endReason : null,
      distanceM: final ? (command.distanceM ?? null) : null,
      fareMinor: isOwed ? step.fareMinor : null,
      fareLines: isOwed ? (command.fareLines ?? null) : null,
    };
    const withdrawn = final || released ? this.#withdraw(trip.tripId, atMs) : [];
    return this.#change(next, { kind, actor, actorId, atMs, detail }, withdrawn);
  }

  /** Stores the trip one version on, with its event. */
  #change(
    next: Trip,
    what: {
      kind: TripEventKind;
      actor: Actor;
      actorId: string | null;
      atMs: number;
      detail?: TripEvent['detail'];
    },
    closedOffers: Offer[] = [],
  ): Result<TripChange> {
    const trip = { ...next, version: next.version + 1 };
    const { tripId, status, version: seq } = trip;
    const event: TripEvent = { tripId, seq, status, ...what, detail: what.detail ?? {} };
    this.#tables.put(trip, event);
    return accepted({ trip, event, closedOffers, replayed: false });
  }

  #withdraw(tripId: TripId, atMs: number): Offer[] {
    const live = this.#tables.offersOf(tripId).filter((offer) => offer.status === 'live');
    return live.map((offer) => this.#tables.closeOffer(offer, 'withdrawn', atMs));
  }

  #isBusy(driverId: DriverId): boolean {
    return this.#canary !== 'busy_driver' && this.#tables.activeOfDriver(driverId) !== null;
  }

  async openOffers(offers: readonly NewOffer[]): Promise<OfferOpening[]> {
    return offers.map((offer) => this.#openOffer(offer));
  }

  #openOffer(wanted: NewOffer): OfferOpening {
    const { offerId, tripId, driverId } = wanted;
    const same = this.#tables.offer(offerId);
    if (same !== null) return { opened: true, offer: same };
    const refuse = (why: Extract<OfferOpening, { opened: false }>['why']): OfferOpening => ({
      opened: false,
      offerId,
      why,
    });
    if (this.#tables.trip(tripId)?.status !== 'searching') return refuse('trip_not_searching');
    const hasOffer = this.#tables.liveOfferOf(driverId) !== null;
    if (hasOffer && this.#canary !== 'two_offers') return refuse('driver_has_offer');
    if (this.#isBusy(driverId)) return refuse('driver_busy');
    const excluded = this.#excludedFrom(tripId).includes(driverId);
    if (excluded && this.#canary !== 'offer_again') return refuse('driver_excluded');
    return { opened: true, offer: this.#tables.openOffer(wanted) };
  }

  async closeOffers(closings: readonly OfferClosing[]): Promise<Offer[]> {
    return closings.flatMap(({ offerId, status, atMs }) => {
      const offer = this.#tables.offer(offerId);
      if (offer === null) return [];
      return [offer.status === 'live' ? this.#tables.closeOffer(offer, status, atMs) : offer];
    });
  }

  #excludedFrom(tripId: TripId): DriverId[] {
    const excluding: readonly OfferStatus[] = ['declined', 'timed_out', 'accepted'];
    const answered = this.#tables.offersOf(tripId).filter((offer) => excluding.includes(offer.status));
    return [...new Set(answered.map((offer) => offer.driverId))].sort();
  }

  async trip(tripId: TripId): Promise<Trip | null> {
    return this.#tables.trip(tripId);
  }

  async activeTripOfRider(riderId: RiderId): Promise<Trip | null> {
    return this.#tables.activeOfRider(riderId);
  }

  async activeTripOfDriver(driverId: DriverId): Promise<Trip | null> {
    return this.#tables.activeOfDriver(driverId);
  }

  async liveOfferOfDriver(driverId: DriverId): Promise<Offer | null> {
    return this.#tables.liveOfferOf(driverId);
  }

  async searchingTrips(marketId: MarketId, limit: number): Promise<SearchingTrip[]> {
    const trips = this.#tables.active(marketId, (status) => status === 'searching').slice(0, limit);
    return trips.map((trip) => ({
      trip,
      excluded: this.#excludedFrom(trip.tripId),
      liveOffers: this.#tables.offersOf(trip.tripId).filter((offer) => offer.status === 'live'),
    }));
  }

  async tripsWithDriver(marketId: MarketId, limit: number): Promise<Trip[]> {
    return this.#tables.active(marketId, hasDriver).slice(0, limit);
  }

  async eventsOf(tripId: TripId): Promise<TripEvent[]> {
    return this.#tables.eventsOf(tripId);
  }

  async offersOf(tripId: TripId): Promise<Offer[]> {
    return this.#tables.offersOf(tripId);
  }

  async recordDecisions(decisions: readonly Decision[]): Promise<void> {
    for (const decision of decisions) {
      const kept = { ...decision, body: JSON.parse(JSON.stringify(decision.body)) as Decision['body'] };
      this.#decisions.set(decision.tripId, [...(this.#decisions.get(decision.tripId) ?? []), kept]);
    }
  }

  async decisionsOf(tripId: TripId): Promise<Decision[]> {
    return [...(this.#decisions.get(tripId) ?? [])];
  }

  async appendPath(points: readonly PathPoint[]): Promise<void> {
    for (const point of points) {
      if (this.#tables.trip(point.tripId) === null) continue;
      const path = this.#paths.get(point.tripId) ?? new Map<number, PathPoint>();
      if (!path.has(point.atMs)) path.set(point.atMs, point);
      this.#paths.set(point.tripId, path);
    }
  }

  async pathOf(tripId: TripId): Promise<PathPoint[]> {
    return [...(this.#paths.get(tripId)?.values() ?? [])].sort((a, b) => a.atMs - b.atMs);
  }

  async setDuty(duty: Duty): Promise<void> {
    const before = this.#duties.get(duty.driverId);
    if (before === undefined || before.sinceMs <= duty.sinceMs) this.#duties.set(duty.driverId, duty);
  }

  async dutyOf(driverId: DriverId): Promise<Duty | null> {
    return this.#duties.get(driverId) ?? null;
  }

  async driversOnDuty(marketId: MarketId, limit: number): Promise<Duty[]> {
    const onDuty = [...this.#duties.values()].filter((duty) => duty.onDuty && duty.marketId === marketId);
    return onDuty.sort((a, b) => a.sinceMs - b.sinceMs || (a.driverId < b.driverId ? -1 : 1)).slice(0, limit);
  }

  /** Every trip with all that belongs to it, for the audit. */
  *records(): Generator<TripRecord> {
    yield* this.#tables.records();
  }

  /** One trip's record, or null: for a check after each step of a simulation. */
  record(tripId: TripId): TripRecord | null {
    return this.#tables.record(tripId);
  }

  /** Events with the answers that claim them, for the audit: all requests and acceptances, and what else was answered. */
  answeredEvents(): AnsweredEvent[] {
    const claims = new Map<string, Result<TripChange>[]>();
    for (const { answer } of this.#answers.values()) {
      if (!answer.ok || answer.value.event === null) continue;
      const { tripId, seq } = answer.value.event;
      claims.set(`${tripId} ${seq}`, [...(claims.get(`${tripId} ${seq}`) ?? []), answer]);
    }
    const found: AnsweredEvent[] = [];
    for (const { events } of this.#tables.records()) {
      for (const event of events) {
        const answers = claims.get(`${event.tripId} ${event.seq}`) ?? [];
        const must = event.kind === 'requested' || event.kind === 'accepted';
        if (must || answers.length > 0) found.push({ tripId: event.tripId, seq: event.seq, event, answers });
      }
    }
    return found;
  }
}

/** A rider's or driver's command must be about a trip of theirs. */
function owns(trip: Trip, actor: Actor, actorId: string | null): boolean {
  if (actor === 'rider') return trip.riderId === actorId;
  return actor !== 'driver' || (actorId !== null && trip.driverId === actorId);
}

function refusalOf(command: TransitionCommand, trip: Trip, isCareless: boolean): Rejection | null {
  const step = transitionStep(command);
  if (!step.actors.includes(command.actor)) return rejected('forbidden');
  if (!step.from.includes(trip.status) && !isCareless) return rejected('wrong_state', trip.status);
  if (command.event === 'started' && step.pin !== trip.pin) return rejected('wrong_pin');
  const { arrivedBeforeMs } = command;
  const waiting = command.event === 'no_show' && arrivedBeforeMs !== undefined && trip.arrivedMs !== null;
  return waiting && trip.arrivedMs > arrivedBeforeMs ? rejected('too_early') : null;
}
