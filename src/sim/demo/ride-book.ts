import type { RejectionCode } from '../../domain/rejection.ts';
import { isFinal, type TripStatus } from '../../domain/trip.ts';
import type { Clock } from '../../lib/clock.ts';
import type { TripView } from '../../protocol/messages.ts';
import type { Kerb } from '../apps/driver-work.ts';
import type { RiderApp, RiderWatch } from '../apps/rider-app.ts';
import { Measure, type Percentiles } from './latency.ts';

/** One ride from the request on, as its apps saw it. */
interface RideEntry {
  readonly rider: RiderApp;
  readonly askedMs: number;
  readonly askedWallMs: number;
  /** Null until acknowledged, and for what was refused. */
  status: TripStatus | null;
  tripId: string | null;
  isMatched: boolean;
  isOffered: boolean;
  arrivedMs: number | null;
}

/** Where the rides stand. */
export interface RideCounts {
  /** Sent; each is one of the following, or not yet acknowledged. */
  readonly requests: number;
  readonly refused: number;
  readonly searching: number;
  readonly toPickup: number;
  readonly atPickup: number;
  readonly onTrip: number;
  readonly completed: number;
  readonly cancelled: number;
  readonly expired: number;
  /** Ended while the app had no session: how is not known here. */
  readonly lost: number;
  /** Accepted by a driver at least once, however it ended. */
  readonly matched: number;
  readonly offers: number;
}

/** Offers whose ride is not acknowledged yet; an app would have to be silent for long to fill it, then the oldest goes. */
const EARLY_OFFERS_MAX = 10_000;

type Tally = { -readonly [K in keyof RideCounts]: number };
const FIELD: Record<TripStatus, keyof RideCounts> = {
  searching: 'searching',
  to_pickup: 'toPickup',
  at_pickup: 'atPickup',
  on_trip: 'onTrip',
  completed: 'completed',
  cancelled: 'cancelled',
  expired: 'expired',
};

/** All rides of a run: counted, timed, and the kerb at which riders tell their PIN. */
export class RideBook implements RiderWatch, Kerb {
  private readonly clock: Clock;
  private readonly wall: Clock;
  private readonly entries = new Map<RiderApp, RideEntry>();
  private readonly byTrip = new Map<string, RideEntry>();
  private readonly earlyOffers = new Map<string, number>();
  /** Of the rides that are closed, seconds of the city. */
  private readonly waitsS: number[] = [];
  private readonly offerWallMs = new Measure();
  private readonly refusals = new Map<RejectionCode, number>();
  private readonly tally: Tally = {
    requests: 0,
    refused: 0,
    searching: 0,
    toPickup: 0,
    atPickup: 0,
    onTrip: 0,
    completed: 0,
    cancelled: 0,
    expired: 0,
    lost: 0,
    matched: 0,
    offers: 0,
  };

  constructor(clock: Clock, wall: Clock) {
    this.clock = clock;
    this.wall = wall;
  }

  get counts(): RideCounts {
    return { ...this.tally };
  }

  /** Rides that have not ended. */
  get openCount(): number {
    const { requests, refused, completed, cancelled, expired, lost } = this.tally;
    return requests - refused - completed - cancelled - expired - lost;
  }

  /** From each request to its (last) driver's arrival, seconds of the city, in no order. */
  pickupWaitsS(): number[] {
    const open = [...this.entries.values()].flatMap((entry) => waitS(entry) ?? []);
    return [...this.waitsS, ...open];
  }

  /** From a request's sending to the first offer on a driver's screen, wall ms: all of them, also those who had to wait. */
  get offerLatency(): Percentiles {
    return this.offerWallMs.percentiles();
  }

  get refusedByCode(): Record<string, number> {
    return Object.fromEntries(this.refusals);
  }

  /** Riders whose app is open. */
  riders(): RiderApp[] {
    return [...this.entries.keys()];
  }

  asked(rider: RiderApp): void {
    this.tally.requests += 1;
    this.entries.set(rider, {
      rider,
      askedMs: this.clock.nowMs(),
      askedWallMs: this.wall.nowMs(),
      status: null,
      tripId: null,
      isMatched: false,
      isOffered: false,
      arrivedMs: null,
    });
  }

  acknowledged(rider: RiderApp, trip: TripView): void {
    const entry = this.entries.get(rider);
    if (entry !== undefined) this.learn(entry, trip.tripId);
  }

  refused(rider: RiderApp, code: RejectionCode): void {
    if (!this.entries.has(rider)) return;
    this.tally.refused += 1;
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  changed(rider: RiderApp, trip: TripView): void {
    const entry = this.entries.get(rider);
    if (entry === undefined) return;
    this.learn(entry, trip.tripId);
    this.move(entry, trip.status);
    if (isFinal(trip.status)) this.byTrip.delete(trip.tripId);
    if (trip.acceptedMs === null || entry.isMatched) return;
    entry.isMatched = true;
    this.tally.matched += 1;
  }

  lostSight(rider: RiderApp): void {
    const entry = this.entries.get(rider);
    if (entry === undefined || (entry.status !== null && isFinal(entry.status))) return;
    if (entry.status !== null) this.tally[FIELD[entry.status]] -= 1;
    entry.status = null;
    this.tally.lost += 1;
  }

  closed(rider: RiderApp): void {
    const entry = this.entries.get(rider);
    if (entry === undefined) return;
    const waitedS = waitS(entry);
    if (waitedS !== null) this.waitsS.push(waitedS);
    this.entries.delete(rider);
    if (entry.tripId !== null) this.byTrip.delete(entry.tripId);
  }

  pinOf(tripId: string): string | null {
    return this.byTrip.get(tripId)?.rider.tellPin() ?? null;
  }

  /** An offer of this trip is on a driver's screen. */
  offered(tripId: string): void {
    this.tally.offers += 1;
    const nowMs = this.wall.nowMs();
    const entry = this.byTrip.get(tripId);
    // An offer may be faster than the acknowledgement of its request, which goes another way.
    if (entry === undefined) this.offeredEarly(tripId, nowMs);
    else this.timeOffer(entry, nowMs);
  }

  /** The driver is at the kerb. A driver who comes after another gave up counts instead of him. */
  arrived(tripId: string): void {
    const entry = this.byTrip.get(tripId);
    if (entry !== undefined) entry.arrivedMs = this.clock.nowMs();
  }

  private learn(entry: RideEntry, tripId: string): void {
    if (entry.tripId !== null) return;
    entry.tripId = tripId;
    this.byTrip.set(tripId, entry);
    const offeredMs = this.earlyOffers.get(tripId);
    if (offeredMs === undefined) return;
    this.earlyOffers.delete(tripId);
    this.timeOffer(entry, offeredMs);
  }

  private move(entry: RideEntry, status: TripStatus): void {
    if (entry.status !== null) this.tally[FIELD[entry.status]] -= 1;
    entry.status = status;
    this.tally[FIELD[status]] += 1;
  }

  private timeOffer(entry: RideEntry, offeredWallMs: number): void {
    if (entry.isOffered) return;
    entry.isOffered = true;
    this.offerWallMs.add(offeredWallMs - entry.askedWallMs);
  }

  private offeredEarly(tripId: string, nowMs: number): void {
    if (this.earlyOffers.has(tripId)) return;
    if (this.earlyOffers.size >= EARLY_OFFERS_MAX) {
      const oldest = this.earlyOffers.keys().next();
      if (!oldest.done) this.earlyOffers.delete(oldest.value);
    }
    this.earlyOffers.set(tripId, nowMs);
  }
}

const waitS = ({ arrivedMs, askedMs }: RideEntry): number | null =>
  arrivedMs === null ? null : (arrivedMs - askedMs) / 1000;
