import type { Clock, Timer } from '../../lib/clock.ts';
import { unreachable } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import type { DriverMessage, OfferView, Snapshot, TripView } from '../../protocol/messages.ts';
import { logNormal, logNormalMean } from './chance.ts';
import type { DriverMotion } from './driver-motion.ts';
import type { DriverHabits } from './habits.ts';
import type { Answer, Phone } from './phone.ts';

/** What is said between people at the kerb, without any app. */
export interface Kerb {
  /** The PIN as the trip's rider tells it; null while nobody is there, or the rider's app does not show it yet. */
  pinOf(tripId: string): string | null;
}

/** Whom a driver's app tells what it has seen: counts and times for a summary. */
export interface DriverWatch {
  onDuty(driverId: string): void;
  offered(driverId: string, offer: OfferView): void;
  /** The driver's `arrived` has been acknowledged. */
  arrived(tripId: string): void;
  /** Fixes handed to the line. */
  sentFixes(count: number): void;
  /** The day is over before its time: the server refused `online`, or closed and said not to come back. */
  stopped(driverId: string, why: string): void;
}

export interface DriverWorkOptions {
  readonly driverId: string;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly habits: DriverHabits;
  readonly motion: DriverMotion;
  readonly phone: Phone<DriverMessage>;
  readonly kerb: Kerb;
  readonly watch: DriverWatch;
  /** Standing time of a trip, seconds: see CitySpeed. */
  readonly kerbS: number;
  /** So long a driver waits for a rider who does not come. */
  readonly noShowMs: number;
  /** Nothing to do any more. */
  readonly freed: () => void;
}

type Phase =
  | { readonly kind: 'idle' }
  | { readonly kind: 'offered'; readonly offer: OfferView; isAnswered: boolean }
  | { readonly kind: 'to_pickup' | 'at_pickup' | 'on_trip'; readonly trip: TripView };

/** An offer's end is told by the server; if it is not heard of for so long after, the app asks. */
const OFFER_GRACE_MS = 20_000;

/**
 * A driver at work: answers offers, drives to the pickup and the dropoff, presses the buttons. The server's trip is the truth:
 * whatever it says the driver does, from whatever he was doing.
 */
export class DriverWork {
  private readonly options: DriverWorkOptions;
  private phase: Phase = { kind: 'idle' };
  /** The next thing the driver means to do. */
  private plan: Timer | null = null;

  constructor(options: DriverWorkOptions) {
    this.options = options;
  }

  get isIdle(): boolean {
    return this.phase.kind === 'idle';
  }

  get isDriving(): boolean {
    return this.phase.kind !== 'idle' && this.phase.kind !== 'offered';
  }

  /** Drops all plans: the app is closed. */
  stop(): void {
    this.enter({ kind: 'idle' });
  }

  offered(offer: OfferView): void {
    const { clock, prng, habits, watch, driverId } = this.options;
    if (this.phase.kind !== 'idle' || offer.expiresMs <= clock.nowMs()) return;
    watch.offered(driverId, offer);
    this.enter({ kind: 'offered', offer, isAnswered: false });
    const mood = prng.float();
    const answerMs = logNormal(prng, habits.answerMs, habits.answerSpread);
    if (mood < habits.ignores) {
      this.after(offer.expiresMs - clock.nowMs() + OFFER_GRACE_MS, () => this.sync());
    } else
      this.after(answerMs, () => this.answer(mood < habits.ignores + habits.declines ? 'decline' : 'accept'));
  }

  offerClosed(offerId: string): void {
    // Once answered, the answer's own answer says how it went.
    if (this.phase.kind === 'offered' && this.phase.offer.offerId === offerId && !this.phase.isAnswered)
      this.free();
  }

  /** The trip as the server has it now; `anew` after a refusal: what it asks for is begun once more. */
  tripIs(trip: TripView, anew = false): void {
    const own = this.ownTrip;
    if (own?.tripId === trip.tripId && trip.version < own.version) return;
    if (trip.driverId !== this.options.driverId || trip.endedMs !== null) {
      if (own?.tripId === trip.tripId) this.free();
      return;
    }
    const { status } = trip;
    if (status !== 'to_pickup' && status !== 'at_pickup' && status !== 'on_trip') return;
    if (own?.tripId === trip.tripId && this.phase.kind === status && !anew) return;
    this.enter({ kind: status, trip });
    switch (status) {
      case 'to_pickup':
        return this.driveToPickup(trip);
      case 'at_pickup':
        return this.waitForRider(trip);
      case 'on_trip':
        return this.driveToDropoff(trip);
      default:
        unreachable(status);
    }
  }

  /** All of it anew. */
  snapshotIs(snapshot: Snapshot, anew = false): void {
    if (snapshot.trip !== null) this.tripIs(snapshot.trip, anew);
    else if (this.isDriving) this.free();
    else if (
      this.phase.kind === 'offered' &&
      !this.phase.isAnswered &&
      snapshot.offer?.offerId !== this.phase.offer.offerId
    )
      this.free();
    if (snapshot.offer !== null) this.offered(snapshot.offer);
  }

  private get ownTrip(): TripView | null {
    return 'trip' in this.phase ? this.phase.trip : null;
  }

  private enter(phase: Phase): void {
    this.plan?.cancel();
    this.plan = null;
    this.phase = phase;
  }

  private after(delayMs: number, act: () => void): void {
    this.plan?.cancel();
    this.plan = this.options.clock.after(Math.max(0, delayMs), () => {
      this.plan = null;
      act();
    });
  }

  private free(): void {
    const wasDriving = this.isDriving;
    this.enter({ kind: 'idle' });
    if (wasDriving) this.options.motion.release(this.options.clock.nowMs());
    this.options.freed();
  }

  /** Asks the server how things stand. */
  sync(): void {
    this.options.phone.command({ t: 'snapshot' }, (answer) => {
      if (answer.ok && answer.ack.snapshot !== undefined)
        this.snapshotIs(answer.ack.snapshot, this.plan === null);
    });
  }

  private answer(t: 'accept' | 'decline'): void {
    const { phase } = this;
    if (phase.kind !== 'offered') return;
    phase.isAnswered = true;
    this.options.phone.command({ t, offerId: phase.offer.offerId }, (answer) => {
      if (answer.ok && answer.ack.trip !== undefined && t === 'accept') this.tripIs(answer.ack.trip);
      // Declined, too late, or taken back again: whatever the trip did not change.
      if (this.phase === phase) this.free();
    });
  }

  private driveToPickup(trip: TripView): void {
    const { prng, habits, motion, clock } = this.options;
    const driveMs = motion.drive(trip.pickup, clock.nowMs());
    if (prng.chance(habits.givesUp)) {
      this.after(driveMs * prng.float(), () =>
        this.press({ t: 'cancel', tripId: trip.tripId, reason: 'car trouble' }),
      );
    } else this.after(driveMs, () => this.arrive(trip.tripId));
  }

  private arrive(tripId: string): void {
    this.press({ t: 'arrived', tripId }, () => this.options.watch.arrived(tripId));
  }

  private waitForRider(trip: TripView): void {
    const { prng, habits, clock, kerbS } = this.options;
    const sinceMs = clock.nowMs();
    const boardingMs = logNormalMean(prng, kerbS * 1000 * habits.boardingShare, habits.kerbSpread);
    const comesDownMs = logNormal(prng, habits.comesDownMs, habits.comesDownSpread);
    const mistypes = prng.chance(habits.mistypesPin);
    this.after(comesDownMs + boardingMs, () => this.askPin(trip.tripId, sinceMs, mistypes));
  }

  private askPin(tripId: string, sinceMs: number, mistypes: boolean): void {
    const { kerb, clock, habits, noShowMs } = this.options;
    const pin = kerb.pinOf(tripId);
    const again = (): void => this.after(habits.pinAgainMs, () => this.askPin(tripId, sinceMs, false));
    if (pin === null) {
      if (clock.nowMs() - sinceMs > noShowMs) return this.press({ t: 'no_show', tripId });
      return again();
    }
    const typed = mistypes ? wrongPin(pin) : pin;
    this.press({ t: 'start', tripId, pin: typed }, null, (code) => {
      if (code === 'wrong_pin' && this.ownTrip?.tripId === tripId) again();
      else this.sync();
    });
  }

  private driveToDropoff(trip: TripView): void {
    const { prng, habits, motion, clock, kerbS } = this.options;
    const leavingMs = logNormalMean(prng, kerbS * 1000 * habits.leavingShare, habits.kerbSpread);
    const driveMs = motion.drive(trip.dropoff, clock.nowMs());
    this.after(driveMs + leavingMs, () => this.press({ t: 'complete', tripId: trip.tripId }));
  }

  /** A button of the trip; what the answer says of the trip counts, and after a refusal the app looks anew. */
  private press(
    body: Parameters<Phone<DriverMessage>['command']>[0],
    done: (() => void) | null = null,
    refused: (code: (Answer & { ok: false })['code']) => void = () => this.sync(),
  ): void {
    this.options.phone.command(body, (answer) => {
      if (!answer.ok) return refused(answer.code);
      done?.();
      if (answer.ack.trip !== undefined) this.tripIs(answer.ack.trip);
    });
  }
}

/** Off by one in the last digit. */
function wrongPin(pin: string): string {
  return pin.slice(0, 3) + String((Number(pin[3]) + 1) % 10);
}
