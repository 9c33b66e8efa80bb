import type { Vehicle } from '../../domain/vehicle.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import { type DriverMessage, type Fix, PINGS_MAX, type Snapshot } from '../../protocol/messages.ts';
import type { CityDriver } from '../city/city.ts';
import type { CitySpeed } from '../city/city-speed.ts';
import { uniform } from './chance.ts';
import type { CityTime } from './city-time.ts';
import { type AfterTrip, DriverMotion } from './driver-motion.ts';
import { type DriverWatch, DriverWork, type Kerb } from './driver-work.ts';
import { gpsFix } from './gps-fix.ts';
import type { Habits } from './habits.ts';
import type { OpenLine } from './line.ts';
import { Phone, type PhoneCounts, type Told } from './phone.ts';

/** What all drivers of a city share. */
export interface DriverSurroundings {
  readonly clock: Clock;
  readonly cityTime: CityTime;
  readonly speed: CitySpeed;
  readonly utcOffsetMs: number;
  readonly afterTrip: AfterTrip;
  readonly habits: Habits;
  /** Ping periods are stretched by it, 1 or more: a demo's machine carries only so many. Asked at each ping. */
  readonly pingStretch: () => number;
  readonly noShowMs: number;
  readonly kerb: Kerb;
  readonly watch: DriverWatch;
  readonly counts: PhoneCounts;
  /** New for each run: part of every command's id. */
  readonly runTag: string;
  /** Base URLs of the servers; none: the lines know their way. */
  readonly servers?: readonly string[];
}

export interface DriverAppOptions {
  readonly driver: CityDriver;
  /** The account; the city's own id is not used. */
  readonly driverId: string;
  readonly vehicle: Vehicle;
  readonly prng: Prng;
  readonly line: OpenLine<DriverMessage>;
}

const LOOK_AGAIN_MS_MAX = 15 * 60_000;

/** `off`: no app open; `going`/`leaving`: the command is under way. */
type Duty = 'off' | 'going' | 'on' | 'leaving';

/**
 * A driver's phone, from the first shift to the last: on duty while the record has the cab about, pinging, losing the line now and
 * then. Deterministic: the same clock, numbers and messages give the same behaviour. What it does with offers and trips is
 * DriverWork's.
 */
export class DriverApp {
  readonly driverId: string;
  private readonly options: DriverAppOptions;
  private readonly around: DriverSurroundings;
  private readonly phone: Phone<DriverMessage>;
  private readonly motion: DriverMotion;
  private readonly work: DriverWork;
  private readonly gpsPrng: Prng;
  private duty: Duty = 'off';
  private isRetired = false;
  private pinger: Timer | null = null;
  private loser: Timer | null = null;
  private shift: Timer | null = null;
  /** Fixes of an outage, oldest first, at most PINGS_MAX: then the oldest go. */
  private unsent: Fix[] = [];

  constructor(options: DriverAppOptions, around: DriverSurroundings) {
    const { driver, driverId, prng } = options;
    this.driverId = driverId;
    this.options = options;
    this.around = around;
    this.gpsPrng = prng.fork();
    this.phone = new Phone({
      clock: around.clock,
      prng: prng.fork(),
      habits: around.habits.phone,
      line: options.line,
      servers: around.servers ?? [],
      idPrefix: `${around.runTag}.${driverId}`.slice(-48),
      owner: this,
      counts: around.counts,
    });
    this.motion = new DriverMotion({
      ...around,
      trace: driver.trace,
      driveSpread: around.habits.driver.driveSpread,
      prng: prng.fork(),
    });
    this.work = new DriverWork({
      ...around,
      driverId,
      prng: prng.fork(),
      habits: around.habits.driver,
      motion: this.motion,
      phone: this.phone,
      kerbS: around.speed.kerbS,
      freed: () => this.freed(),
    });
  }

  /** True with an acknowledged `online`, until `offline` is sent. */
  get isOnDuty(): boolean {
    return this.duty === 'on';
  }

  get isDriving(): boolean {
    return this.work.isDriving;
  }

  /** The record has the cab about at this moment. */
  get isOnShift(): boolean {
    const nowMs = this.around.clock.nowMs();
    const cityMs = this.around.cityTime.at(nowMs);
    return cityMs < this.options.driver.endsMs && this.motion.recordedAt(nowMs) !== null;
  }

  /** Takes up the day: on duty now if the record says so, else when it next does. */
  start(): void {
    this.shift?.cancel();
    if (this.duty !== 'off' || this.isRetired) return;
    if (this.isOnShift) this.goOnDuty();
    else this.awaitShift();
  }

  /** No more trips: leaves once the present one is over. */
  retire(): void {
    this.isRetired = true;
    this.shift?.cancel();
    if (this.work.isIdle && this.duty === 'on') this.leave();
  }

  /** Closes the app, wherever things stand. */
  stop(): void {
    this.isRetired = true;
    this.shift?.cancel();
    this.close();
  }

  welcomed(snapshot: Snapshot | null): void {
    if (snapshot !== null) {
      this.work.snapshotIs(snapshot);
      if (this.duty === 'on' && snapshot.status === 'offline') this.goOnline();
    }
    if (this.duty === 'on') this.sendUnsent();
  }

  told(message: Told): void {
    switch (message.t) {
      case 'offer':
        // Whoever is leaving does not look any more.
        if (this.duty === 'on') this.work.offered(message.offer);
        return;
      case 'offer_closed':
        return this.work.offerClosed(message.offerId);
      case 'trip':
        return this.work.tripIs(message.trip);
      case 'duty':
        if (message.status === 'offline' && this.duty === 'on') this.goOnline();
        return;
      case 'driver_at':
        return;
    }
  }

  stopped(code: number): void {
    this.stop();
    this.around.watch.stopped(this.driverId, `closed with ${code}`);
  }

  /** With an offer or a trip a moment without a line may cost something. */
  mayMove(): boolean {
    return this.duty === 'on' && this.work.isIdle;
  }

  private goOnDuty(): void {
    this.motion.rejoin();
    this.phone.switchOn();
    this.planOutage();
    this.goOnline();
  }

  private goOnline(): void {
    this.duty = 'going';
    this.phone.command({ t: 'online', ...this.options.vehicle }, (answer) => {
      if (this.duty !== 'going') return;
      if (!answer.ok) {
        this.stop();
        return this.around.watch.stopped(this.driverId, `online was refused: ${answer.code}`);
      }
      this.duty = 'on';
      this.around.watch.onDuty(this.driverId);
      this.pinger?.cancel();
      this.ping();
    });
  }

  private leave(): void {
    this.duty = 'leaving';
    this.phone.command({ t: 'offline' }, (answer) => {
      if (answer.ok) return this.left();
      // An offer was accepted, or an operator gave a trip, at the same moment.
      this.duty = 'on';
      this.work.sync();
    });
  }

  private left(): void {
    this.close();
    if (!this.isRetired) this.awaitShift();
  }

  private close(): void {
    this.duty = 'off';
    this.pinger?.cancel();
    this.loser?.cancel();
    this.work.stop();
    this.phone.switchOff();
    this.unsent = [];
  }

  private awaitShift(): void {
    const { clock, cityTime } = this.around;
    const { timesMs } = this.options.driver.trace;
    const cityMs = cityTime.at(clock.nowMs());
    const next = timesMs.find((timeMs) => timeMs > cityMs);
    if (next === undefined || next >= this.options.driver.endsMs) return;
    // While the city stands nobody can say when: look again.
    const delayMs = Math.min(LOOK_AGAIN_MS_MAX, cityTime.untilMs(next, clock.nowMs()));
    this.shift = clock.after(delayMs + 1, () => this.start());
  }

  private freed(): void {
    if (this.duty === 'on' && this.isRetired) this.leave();
  }

  private ping(): void {
    const { clock, habits, pingStretch } = this.around;
    if (this.duty === 'on' && this.work.isIdle && !this.isOnShift) this.leave();
    const range = this.work.isDriving ? habits.driver.movingPingMs : habits.driver.idlePingMs;
    this.pinger = clock.after(uniform(this.gpsPrng, range) * pingStretch(), () => this.ping());
    const nowMs = clock.nowMs();
    const place = this.motion.at(nowMs);
    const fix = gpsFix(this.motion, place, nowMs, habits.driver, this.gpsPrng);
    if (this.unsent.length === 0 && this.phone.push({ t: 'ping', p: fix })) {
      this.around.watch.sentFixes(1);
      return;
    }
    this.unsent.push(fix);
    if (this.unsent.length > PINGS_MAX) this.unsent.shift();
    this.sendUnsent();
  }

  private sendUnsent(): void {
    const { unsent } = this;
    if (unsent.length === 0 || !this.phone.push({ t: 'pings', p: unsent })) return;
    this.around.watch.sentFixes(unsent.length);
    this.unsent = [];
  }

  private planOutage(): void {
    const { clock, habits } = this.around;
    const { lostEveryMs, outageMs } = habits.driver;
    this.loser?.cancel();
    this.loser = clock.after(this.options.prng.exponential(lostEveryMs), () => {
      this.phone.lose(this.options.prng.exponential(outageMs));
      this.planOutage();
    });
  }
}
