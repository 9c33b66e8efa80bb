import type { HistoryLine } from './history.ts';
import { Courses, ENDS, type Stored, type StoredOffer } from './stored-city.ts';
import type { Rule, Violation } from './verdict.ts';

interface TripTold {
  readonly tripId: string;
  readonly version: number;
  readonly status: string;
  readonly driverId: string | null;
  readonly riderId: string;
  readonly pin: string | null;
}

interface OfferTold {
  readonly offerId: string;
  readonly tripId: string;
}

interface SnapshotTold {
  readonly trip: TripTold | null;
  readonly offer: OfferTold | null;
}

/** One client as its history goes on. */
interface Client {
  line: number;
  openedMs: number;
  resume: { readonly epoch: string; readonly seq: number } | null;
  epoch: string | null;
  /** Number of the last message, null before the welcome. */
  seq: number | null;
  /** Versions told of each trip when the present connection began, and by now. */
  knownAtOpen: ReadonlyMap<string, number>;
  readonly known: Map<string, number>;
  /** Versions of each trip in messages of the present epoch. */
  versions: Map<string, number>;
  /** What it believes. */
  trip: TripTold | null;
  offer: OfferTold | null;
  /** Offers by the command that answers them. */
  readonly answering: Map<string, string>;
}

/** A change may be decided, and have its time, so long before it is in the database: a link was frozen or slow. */
const COMMIT_MS_MAX = 15_000;

/** What clients were told, by itself and against the database: R6. */
export function checkTold(history: readonly HistoryLine[], stored: Stored): Violation[] {
  const check = new ToldCheck(stored);
  for (const line of history) check.line(line);
  return check.found;
}

class ToldCheck {
  readonly found: Violation[] = [];
  private readonly courses: Courses;
  private readonly offers: ReadonlyMap<string, StoredOffer>;
  private readonly clients = new Map<string, Client>();
  private who = '';
  private ms = 0;

  constructor(stored: Stored) {
    this.courses = new Courses(stored);
    this.offers = new Map(stored.offers.map((offer) => [offer.offerId, offer]));
  }

  line(line: HistoryLine): void {
    if (line.k === 'settled') return this.settled();
    this.who = line.who;
    this.ms = line.ms;
    const client = this.client(line.who);
    switch (line.k) {
      case 'open':
        client.line = line.line;
        client.openedMs = line.ms;
        client.resume = line.resume;
        client.seq = null;
        client.knownAtOpen = new Map(client.known);
        return;
      case 'sent':
        if (line.m.t === 'accept' || line.m.t === 'decline')
          client.answering.set(String(line.m['id']), String(line.m['offerId']));
        return;
      case 'got':
        return this.got(client, line.m);
      case 'closed':
      case 'hangup':
        client.seq = null;
        return;
      case 'failed':
        return;
    }
  }

  private client(who: string): Client {
    const known = this.clients.get(who);
    if (known !== undefined) return known;
    const fresh: Client = {
      ...{ line: 0, openedMs: 0, resume: null, epoch: null, seq: null, trip: null, offer: null },
      ...{ knownAtOpen: new Map(), known: new Map(), versions: new Map(), answering: new Map() },
    };
    this.clients.set(who, fresh);
    return fresh;
  }

  private report(rule: Rule, detail: string, about: string | null): void {
    this.found.push({ rule, detail: `${this.who} ${detail}`, who: this.who, about });
  }

  private got(client: Client, message: Extract<HistoryLine, { k: 'got' }>['m']): void {
    const { t } = message;
    const offer = (message['offer'] ?? null) as OfferTold | null;
    const trip = (message['trip'] ?? null) as TripTold | null;
    if (t === 'welcome') return this.welcomed(client, message);
    if (typeof message['seq'] === 'number') this.numbered(client, message['seq'], t);
    if (t === 'offer' && offer !== null) this.offered(client, offer);
    if (t === 'offer_closed') this.offerClosed(client, String(message['offerId']));
    if (t === 'trip' && trip !== null) this.announced(client, trip);
    if (t === 'ack' || (t === 'error' && message['retryable'] !== true))
      this.answered(client, String(message['id']));
    if (t === 'ack' && trip !== null) this.tripIs(client, trip);
    if (t === 'ack' && message['snapshot'] !== undefined)
      this.snapshotIs(client, message['snapshot'] as SnapshotTold);
  }

  private welcomed(client: Client, message: Readonly<Record<string, unknown>>): void {
    const [epoch, seq, isResumed] = [message['epoch'], message['seq'], message['resumed']];
    const { resume } = client;
    if (isResumed === true) {
      if (resume === null || resume.epoch !== epoch || resume.seq !== seq)
        this.report(
          'out_of_order',
          `was to go on from ${resume?.epoch}/${resume?.seq} and was welcomed at ${String(epoch)}/${String(seq)}`,
          String(epoch),
        );
    } else {
      const snapshot = message['snapshot'] as SnapshotTold | null;
      if (snapshot === null)
        this.report('out_of_order', 'was welcomed with nothing to go on from', String(epoch));
      else this.freshSnapshot(client, snapshot);
    }
    if (client.epoch !== epoch) client.versions = new Map();
    client.epoch = String(epoch);
    client.seq = Number(seq);
  }

  private numbered(client: Client, seq: number, t: string): void {
    if (client.seq === null) this.report('out_of_order', `was told ${t} ${seq} before a welcome`, null);
    else if (seq !== client.seq + 1)
      this.report('out_of_order', `was told ${t} ${seq} after number ${client.seq}`, client.epoch);
    client.seq = seq;
  }

  private announced(client: Client, trip: TripTold): void {
    const before = client.versions.get(trip.tripId) ?? 0;
    if (trip.version < before)
      this.report(
        'out_of_order',
        `was told version ${trip.version} of ${trip.tripId} after ${before}`,
        trip.tripId,
      );
    client.versions.set(trip.tripId, Math.max(before, trip.version));
    this.tripIs(client, trip);
  }

  /** Whatever says how a trip stands. */
  private tripIs(client: Client, trip: TripTold): void {
    this.mustHaveBeen(trip);
    client.known.set(trip.tripId, Math.max(trip.version, client.known.get(trip.tripId) ?? 0));
    const isOlder = client.trip?.tripId === trip.tripId && client.trip.version > trip.version;
    // An answer about another trip may be the late answer to a repeated command.
    const isOther = client.trip !== null && client.trip.tripId !== trip.tripId && ENDS.includes(trip.status);
    if (isOlder || isOther) return;
    // A driver who has given a trip up is told of it once more, and has it no longer.
    client.trip = trip.riderId === this.who || trip.driverId === this.who ? trip : null;
  }

  private mustHaveBeen(told: TripTold): void {
    const { tripId, version, status } = told;
    const { trip, events, drivers } = this.courses.of(tripId);
    const event = events[version - 1];
    if (trip === null || event === undefined)
      return this.report(
        'never_was',
        `was told of version ${version} of ${tripId}, which was never stored`,
        tripId,
      );
    if (event.status !== status)
      this.report(
        'never_was',
        `was told that ${tripId} is ${status} at version ${version}: ${event.status}`,
        tripId,
      );
    const driver = drivers[version - 1] ?? null;
    if (told.driverId !== driver || told.riderId !== trip.riderId)
      this.report('never_was', `was told of ${tripId} with ${told.driverId}/${told.riderId}`, tripId);
    const isParty = [trip.riderId, driver, drivers[version - 2]].includes(this.who);
    if (!isParty) this.report('never_was', `was told of ${tripId}, which is not its own`, tripId);
    if (told.pin !== null && this.who !== trip.riderId)
      this.report('never_was', `was told the rider’s PIN of ${tripId}`, tripId);
  }

  private offered(client: Client, { offerId, tripId }: OfferTold): void {
    const offer = this.offers.get(offerId);
    if (offer?.driverId !== this.who || offer.tripId !== tripId)
      this.report('never_was', `was told of offer ${offerId}, which is not in the database as told`, offerId);
    client.offer = { offerId, tripId };
  }

  private offerClosed(client: Client, offerId: string): void {
    const offer = this.offers.get(offerId);
    if (offer?.driverId !== this.who || (offer.status !== 'timed_out' && offer.status !== 'withdrawn'))
      this.report(
        'never_was',
        `was told that ${offerId} is gone: it is ${offer?.status ?? 'not stored'}`,
        offerId,
      );
    if (client.offer?.offerId === offerId) client.offer = null;
  }

  private answered(client: Client, id: string): void {
    const offerId = client.answering.get(id);
    client.answering.delete(id);
    if (offerId !== undefined && client.offer?.offerId === offerId) client.offer = null;
  }

  private snapshotIs(client: Client, { trip, offer }: SnapshotTold): void {
    client.trip = null;
    client.offer = null;
    if (trip !== null) this.tripIs(client, trip);
    if (offer !== null) this.offered(client, offer);
  }

  /** A snapshot that was loaded for this connection knows all that its client knew before it. */
  private freshSnapshot(client: Client, snapshot: SnapshotTold): void {
    const { trip } = snapshot;
    const known = trip === null ? 0 : (client.knownAtOpen.get(trip.tripId) ?? 0);
    if (trip !== null && trip.version < known)
      this.report(
        'stale_snapshot',
        `got version ${trip.version} of ${trip.tripId} in a snapshot, having known ${known} before`,
        trip.tripId,
      );
    for (const tripId of client.knownAtOpen.keys())
      if (tripId !== trip?.tripId && this.hasAllTheWhile(tripId, client.openedMs))
        this.report('stale_snapshot', `got a snapshot without ${tripId}, which it has`, tripId);
    this.snapshotIs(client, snapshot);
  }

  /** The trip is the client's own from before `openedMs` until after now. */
  private hasAllTheWhile(tripId: string, openedMs: number): boolean {
    const { trip, events, drivers } = this.courses.of(tripId);
    const after = events.findIndex(({ atMs }) => atMs > openedMs - COMMIT_MS_MAX);
    const at = (after < 0 ? events.length : after) - 1;
    const event = events[at];
    if (event === undefined || ENDS.includes(event.status)) return false;
    const next = events.slice(at + 1);
    // What has happened since then, or is about to, may take it away.
    if (next.some(({ atMs, status }) => atMs <= this.ms && (ENDS.includes(status) || status === 'searching')))
      return false;
    return trip?.riderId === this.who || drivers[at] === this.who;
  }

  /** All is over: whoever is connected must know. */
  private settled(): void {
    for (const [who, client] of this.clients) {
      this.who = who;
      if (client.seq === null) continue;
      const { trip, offer } = client;
      if (trip !== null && !ENDS.includes(trip.status))
        this.report('stale_picture', `still believes in ${trip.tripId}, ${trip.status}`, trip.tripId);
      if (offer !== null)
        this.report('stale_picture', `still believes in offer ${offer.offerId}`, offer.offerId);
    }
  }
}
