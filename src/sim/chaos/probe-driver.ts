import type { Place } from '../../domain/place.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import type { DriverMessage, Snapshot } from '../../protocol/messages.ts';
import type { PhoneHabits } from '../apps/habits.ts';
import type { OpenLine } from '../apps/line.ts';
import { Phone, type PhoneCounts, type Told } from '../apps/phone.ts';

export interface ProbeDriverOptions {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly habits: PhoneHabits;
  readonly line: OpenLine<DriverMessage>;
  /** The one server it connects to. */
  readonly servers: readonly string[];
  readonly idPrefix: string;
  readonly place: Place;
  readonly counts: PhoneCounts;
  /** An offer of this trip is on the screen. */
  readonly offered: (tripId: string) => void;
  /** Once, when the first `online` is acknowledged. */
  readonly onDuty: () => void;
}

const PING_MS = 3_000;

/**
 * A driver who stands in the middle of a zone, is free, and takes no trip: an offer on this screen shows that the zone is
 * being served.
 */
export class ProbeDriver {
  private readonly options: ProbeDriverOptions;
  private readonly phone: Phone<DriverMessage>;
  private pinger: Timer | null = null;
  private isGoingOnline = false;
  private readonly declined = new Set<string>();

  constructor(options: ProbeDriverOptions) {
    this.options = options;
    this.phone = new Phone({ ...options, owner: this });
  }

  start(): void {
    this.phone.switchOn();
    this.goOnline();
  }

  stop(): void {
    this.pinger?.cancel();
    this.phone.switchOff();
  }

  welcomed(snapshot: Snapshot | null): void {
    if (snapshot === null) return;
    if (snapshot.status === 'offline') this.goOnline();
    if (snapshot.offer !== null) this.answer(snapshot.offer.offerId, snapshot.offer.tripId);
  }

  told(message: Told): void {
    if (message.t === 'offer') this.answer(message.offer.offerId, message.offer.tripId);
    if (message.t === 'duty' && message.status === 'offline') this.goOnline();
  }

  /** Told not to come back: nobody else uses this account, so the server is wrong, and the history shows it. */
  stopped(): void {
    this.pinger?.cancel();
  }

  private goOnline(): void {
    if (this.isGoingOnline) return;
    this.isGoingOnline = true;
    this.phone.command({ t: 'online', vehicleClass: 'xl', seats: 6 }, () => {
      this.isGoingOnline = false;
      if (this.pinger !== null) return;
      this.ping();
      this.options.onDuty();
    });
  }

  private ping(): void {
    const { clock, place, prng } = this.options;
    this.pinger = clock.after(PING_MS * (0.8 + 0.4 * prng.float()), () => this.ping());
    this.phone.push({ t: 'ping', p: [clock.nowMs(), place.lat, place.lng, 5, 0, 0] });
  }

  private answer(offerId: string, tripId: string): void {
    this.options.offered(tripId);
    if (this.declined.has(offerId)) return;
    this.declined.add(offerId);
    this.phone.command({ t: 'decline', offerId }, () => this.declined.delete(offerId));
  }
}
