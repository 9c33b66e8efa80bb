import type { Clock, Timer } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import type { CityDriver, CityRide } from '../city/city.ts';
import { CityTime } from '../apps/city-time.ts';
import { DriverApp, type DriverSurroundings } from '../apps/driver-app.ts';
import type { DriverWatch } from '../apps/driver-work.ts';
import type { Habits } from '../apps/habits.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import { createPhoneCounts } from '../apps/phone.ts';
import { RiderApp } from '../apps/rider-app.ts';
import type { DriverMessage, OfferView, RiderMessage } from '../../protocol/messages.ts';
import type { DemoCity } from './demo-city.ts';
import { RideBook } from './ride-book.ts';

export interface CityRunOptions extends DemoCity {
  readonly clock: Clock;
  readonly wall: Clock;
  readonly prng: Prng;
  readonly habits: Habits;
  readonly runTag: string;
  readonly noShowMs: number;
  readonly pingStretch: () => number;
  /** Base URLs of servers that do equally well; none: the lines know their way. */
  readonly servers?: readonly string[];
  /** Opens lines; the account's token is the caller's business. */
  readonly openLine: (
    role: 'driver' | 'rider',
    accountId: string,
    events: LineEvents,
  ) => Line<DriverMessage | RiderMessage>;
  /** Something that should not be, in words. */
  readonly onTrouble: (what: string) => void;
}

/** Drivers who come online at once at most: a server accepts only so many connections in a moment. */
const CONNECTING_MAX = 48;

/** A whole city's apps: comes online, begins, asks, falls silent, closes. */
export class CityRun implements DriverWatch {
  readonly book: RideBook;
  readonly counts = { driver: createPhoneCounts(), rider: createPhoneCounts() };
  readonly cityTime: CityTime;
  fixesSent = 0;
  private readonly options: CityRunOptions;
  private readonly drivers: DriverApp[];
  private readonly riders: Iterator<CityRide>;
  private readonly riderPrng: Prng;
  private readonly connecting = new Set<string>();
  private waiting: DriverApp[] = [];
  private onOnline: (() => void) | null = null;
  private onAskedAll: (() => void) | null = null;
  private next: Timer | null = null;
  /** Riders who will ask in a moment. */
  private readonly upcoming = new Map<RiderApp, Timer>();

  constructor(options: CityRunOptions) {
    const { clock, wall, city, beginsMs, prng } = options;
    this.options = options;
    this.book = new RideBook(clock, wall);
    this.cityTime = new CityTime(beginsMs);
    const around = this.driverSurroundings();
    const driversPrng = prng.fork();
    this.riderPrng = prng.fork();
    this.drivers = city.drivers.map((driver) => this.driverApp(driver, driversPrng.fork(), around));
    this.riders = city.rides.filter((ride) => ride.requestedMs >= beginsMs).values();
  }

  /** Drivers on duty: without and with a trip. */
  get fleet(): { idle: number; moving: number } {
    let [idle, moving] = [0, 0];
    for (const driver of this.drivers) {
      if (driver.isDriving) moving += 1;
      else if (driver.isOnDuty) idle += 1;
    }
    return { idle, moving };
  }

  /** Brings those online who are on their shift when the city begins; resolves when all are. */
  comeOnline(): Promise<void> {
    this.waiting = this.drivers.filter((driver) => driver.isOnShift).reverse();
    return new Promise((resolve) => {
      this.onOnline = resolve;
      this.connectMore();
    });
  }

  /** The city's time runs; resolves when its last rider has asked (or `stopAsking` came first). */
  begin(): Promise<void> {
    this.cityTime.begin(this.options.clock.nowMs());
    for (const driver of this.drivers)
      if (!driver.isOnDuty) this.options.clock.after(0, () => driver.start());
    return new Promise((resolve) => {
      this.onAskedAll = resolve;
      this.awaitRide(this.riders.next());
    });
  }

  /** No more requests. */
  stopAsking(): void {
    this.next?.cancel();
    for (const [rider, timer] of this.upcoming) {
      timer.cancel();
      rider.close();
    }
    this.upcoming.clear();
    this.onAskedAll?.();
    this.onAskedAll = null;
  }

  /** Riders want out of what is still open, drivers leave: for an end that leaves nothing behind in the server. */
  wrapUp(): void {
    for (const rider of this.book.riders()) rider.giveUp('the demo is over');
    for (const driver of this.drivers) driver.retire();
  }

  /** True once every trip has ended and every driver has left. */
  get isWrappedUp(): boolean {
    return this.book.openCount === 0 && this.drivers.every((driver) => !driver.isOnDuty && !driver.isDriving);
  }

  /** Closes every app, wherever things stand. */
  close(): void {
    this.stopAsking();
    for (const rider of this.book.riders()) rider.close();
    for (const driver of this.drivers) driver.stop();
  }

  onDuty(driverId: string): void {
    if (!this.connecting.delete(driverId)) return;
    this.connectMore();
  }

  offered(_driverId: string, offer: OfferView): void {
    this.book.offered(offer.tripId);
  }

  arrived(tripId: string): void {
    this.book.arrived(tripId);
  }

  sentFixes(count: number): void {
    this.fixesSent += count;
  }

  stopped(driverId: string, why: string): void {
    this.options.onTrouble(`driver ${driverId}: ${why}`);
    this.onDuty(driverId);
  }

  private connectMore(): void {
    while (this.connecting.size < CONNECTING_MAX) {
      const driver = this.waiting.pop();
      if (driver === undefined) break;
      this.connecting.add(driver.driverId);
      driver.start();
    }
    if (this.connecting.size > 0 || this.waiting.length > 0) return;
    this.onOnline?.();
    this.onOnline = null;
  }

  /** Opens all riders who are due, then waits for the next. */
  private awaitRide(next: IteratorResult<CityRide>): void {
    const { clock, habits } = this.options;
    const leadMs = habits.rider.quoteLeadMs;
    let ride = next;
    while (ride.done !== true) {
      const due = ride.value;
      const waitMs = this.cityTime.untilMs(due.requestedMs - leadMs, clock.nowMs());
      if (waitMs > 0) {
        const waiting = ride;
        this.next = clock.after(waitMs, () => this.awaitRide(waiting));
        return;
      }
      this.openRide(due);
      ride = this.riders.next();
    }
    if (this.upcoming.size === 0) return this.stopAsking();
    const done = ride;
    this.next = clock.after(1000, () => this.awaitRide(done));
  }

  private openRide(ride: CityRide): void {
    const { clock, habits, runTag, openLine, servers = [] } = this.options;
    const riderId = `${runTag}.${ride.rideId}`;
    const rider = new RiderApp(
      { ride, riderId, prng: this.riderPrng.fork(), line: (events) => openLine('rider', riderId, events) },
      { clock, habits, runTag, servers, watch: this.book, counts: this.counts.rider },
    );
    const untilMs = this.cityTime.untilMs(ride.requestedMs, clock.nowMs());
    if (rider.wantsQuote) rider.start(untilMs);
    const timer = clock.after(untilMs, () => {
      this.upcoming.delete(rider);
      // Who wants no quote opens the app when it is time to ask.
      if (!rider.wantsQuote) rider.start(0);
    });
    this.upcoming.set(rider, timer);
  }

  private driverSurroundings(): DriverSurroundings {
    const { clock, city, habits, runTag, noShowMs, pingStretch, servers = [] } = this.options;
    return {
      clock,
      cityTime: this.cityTime,
      speed: city.driveSpeed,
      utcOffsetMs: city.utcOffsetMs,
      // Where cabs have one recorded place each, driving back to it would be no record of anything.
      afterTrip: city.name === 'manhattan-2013' ? 'wait' : 'return',
      habits,
      pingStretch,
      noShowMs,
      kerb: this.book,
      watch: this,
      counts: this.counts.driver,
      runTag,
      servers,
    };
  }

  private driverApp(driver: CityDriver, prng: Prng, around: DriverSurroundings): DriverApp {
    const driverId = `${this.options.runTag}.${driver.driverId}`;
    const line = (events: LineEvents) => this.options.openLine('driver', driverId, events);
    return new DriverApp(
      { driver, driverId, vehicle: { vehicleClass: 'economy', seats: 4 }, prng, line },
      around,
    );
  }
}
