import { isFinal, type TripStatus } from '../../domain/trip.ts';
import type { RejectionCode } from '../../domain/rejection.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import type { RiderMessage, Snapshot, TripView } from '../../protocol/messages.ts';
import type { CityRide } from '../city/city.ts';
import type { Habits } from './habits.ts';
import type { OpenLine } from './line.ts';
import { Phone, type PhoneCounts, type Told } from './phone.ts';

/** Whom a rider's app tells what it has seen. */
export interface RiderWatch {
  /** The request goes out for the first time. */
  asked(rider: RiderApp): void;
  /** It is acknowledged: stored, with a trip id. */
  acknowledged(rider: RiderApp, trip: TripView): void;
  /** It is refused: no trip. The rider is done. */
  refused(rider: RiderApp, code: RejectionCode): void;
  /** The trip has moved on. */
  changed(rider: RiderApp, trip: TripView): void;
  /** The trip has ended, but how the app was not told: only a server that lost the session leaves it so. */
  lostSight(rider: RiderApp, tripId: string): void;
  /** The app is closed. */
  closed(rider: RiderApp): void;
}

/** What all riders of a city share. */
export interface RiderSurroundings {
  readonly clock: Clock;
  readonly habits: Habits;
  readonly watch: RiderWatch;
  readonly counts: PhoneCounts;
  readonly runTag: string;
  /** Base URLs of the servers; none: the lines know their way. */
  readonly servers?: readonly string[];
}

export interface RiderAppOptions {
  readonly ride: CityRide;
  /** The account. */
  readonly riderId: string;
  readonly prng: Prng;
  readonly line: OpenLine<RiderMessage>;
}

/** A rider's phone for one ride: opened, a quote perhaps, the request, the wait, the trip, closed. Deterministic as DriverApp. */
export class RiderApp {
  readonly ride: CityRide;
  readonly riderId: string;
  /** Decided at home: quoting, and not turning up. */
  readonly wantsQuote: boolean;
  private readonly staysAway: boolean;
  private readonly prng: Prng;
  private readonly around: RiderSurroundings;
  private readonly phone: Phone<RiderMessage>;
  private trip: TripView | null = null;
  hasAsked = false;
  /** The next thing the rider means to do: ask, lose patience, put the phone away. */
  private plan: Timer | null = null;
  private loser: Timer | null = null;

  constructor(options: RiderAppOptions, around: RiderSurroundings) {
    const { habits } = around;
    this.ride = options.ride;
    this.riderId = options.riderId;
    this.prng = options.prng;
    this.around = around;
    this.wantsQuote = this.prng.chance(habits.rider.quotes);
    this.staysAway = this.prng.chance(habits.rider.staysAway);
    this.phone = new Phone({
      clock: around.clock,
      prng: this.prng.fork(),
      habits: habits.phone,
      line: options.line,
      servers: around.servers ?? [],
      idPrefix: `${around.runTag}.${this.riderId}`.slice(-48),
      owner: this,
      counts: around.counts,
    });
  }

  /** Opens the app; asks for the ride `inMs` from now. */
  start(inMs: number): void {
    this.phone.switchOn();
    this.planOutage();
    const { ride } = this;
    if (this.wantsQuote) this.phone.command({ t: 'quote', ...rideFields(ride) }, () => undefined);
    this.after(inMs, () => this.ask());
  }

  /** What the rider tells a driver who asks for this trip: null when not there or not knowing it yet. */
  tellPin(): string | null {
    return this.staysAway ? null : (this.trip?.pin ?? null);
  }

  /** Wants out of whatever is still open. */
  giveUp(reason: string): void {
    if (!this.hasAsked) return this.close();
    if (this.trip !== null && !isFinal(this.trip.status)) this.cancel(reason);
  }

  /** Closes the app, wherever things stand. */
  close(): void {
    if (!this.phone.isOn) return;
    this.plan?.cancel();
    this.loser?.cancel();
    this.phone.switchOff();
    this.around.watch.closed(this);
  }

  welcomed(snapshot: Snapshot | null): void {
    if (snapshot?.trip) this.tripIs(snapshot.trip);
    // The trip ended while nobody was listening, and what has ended is in no snapshot.
    else if (snapshot !== null && this.trip !== null && !isFinal(this.trip.status)) {
      this.around.watch.lostSight(this, this.trip.tripId);
      this.close();
    }
  }

  told(message: Told): void {
    if (message.t === 'trip') this.tripIs(message.trip);
  }

  stopped(): void {
    this.plan?.cancel();
    this.loser?.cancel();
    this.around.watch.closed(this);
  }

  private ask(): void {
    const { watch } = this.around;
    this.hasAsked = true;
    watch.asked(this);
    this.phone.command({ t: 'request', ...rideFields(this.ride) }, (answer) => {
      if (answer.ok && answer.ack.trip !== undefined) {
        const first = this.trip === null;
        watch.acknowledged(this, answer.ack.trip);
        if (first) this.tripIs(answer.ack.trip);
      } else {
        watch.refused(this, answer.ok ? 'not_found' : answer.code);
        this.close();
      }
    });
  }

  private tripIs(trip: TripView): void {
    const known = this.trip;
    // One ride, one trip: another one is a past run's.
    if (!this.hasAsked || (known !== null && (known.tripId !== trip.tripId || trip.version <= known.version)))
      return;
    this.trip = trip;
    this.around.watch.changed(this, trip);
    if (known?.status !== trip.status) this.plan?.cancel();
    if (known?.status !== trip.status) this.planFor(trip.status);
  }

  private planFor(status: TripStatus): void {
    const { rider } = this.around.habits;
    if (isFinal(status)) return this.after(rider.lingersMs, () => this.close());
    if (status === 'searching') return this.planSearching();
    if (status === 'to_pickup' && this.prng.chance(rider.cancelsMatched))
      this.after(this.prng.float() * rider.matchedPatienceMs, () => this.cancel('changed my mind'));
  }

  private planSearching(): void {
    const { rider } = this.around.habits;
    const isImpatient = this.prng.chance(rider.cancelsSearching);
    const patienceMs = isImpatient ? this.prng.exponential(rider.searchingPatienceMs) : rider.patienceMs;
    this.after(Math.min(patienceMs, rider.patienceMs), () => this.cancel('took too long'));
  }

  private cancel(reason: string): void {
    const { trip } = this;
    if (trip === null) return;
    this.phone.command({ t: 'cancel', tripId: trip.tripId, reason }, (answer) => {
      if (answer.ok && answer.ack.trip !== undefined) this.tripIs(answer.ack.trip);
      // It was refused because something else has happened, which the server tells by itself.
    });
  }

  private after(delayMs: number, act: () => void): void {
    this.plan?.cancel();
    this.plan = this.around.clock.after(delayMs, act);
  }

  private planOutage(): void {
    const { clock, habits } = this.around;
    this.loser = clock.after(this.prng.exponential(habits.rider.lostEveryMs), () => {
      this.phone.lose(this.prng.exponential(habits.rider.outageMs));
      this.planOutage();
    });
  }
}

const rideFields = (ride: CityRide) => ({
  pickup: ride.pickup,
  dropoff: ride.dropoff,
  vehicleClass: 'economy' as const,
  seats: ride.seats,
});
