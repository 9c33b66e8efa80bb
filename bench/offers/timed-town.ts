import type { Place } from '../../src/domain/place.ts';
import { destination } from '../../src/domain/place.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';
import { inParallel } from '../load/in-parallel.ts';
import type { Crew, TimedDriver, TimedRider } from './crew.ts';
import type { AskingFigures, AskingPlan, OffersPlan } from './offers-messages.ts';

const STEP_MS = 1;
const CONNECTING_MAX = 32;
/** A request without an answer after so long has been forgotten. */
const ANSWER_MS_MAX = 10_000;

/** Drivers and riders in a process of their own, where nothing else delays the look at the stopwatch. */
export class TimedTown {
  private readonly plan: OffersPlan;
  private readonly crew: Crew;
  private readonly clock: Clock;
  private readonly prng: Prng;
  private readonly drivers: TimedDriver[] = [];
  private idle: TimedRider[] = [];
  private riding = 0;
  private fixesSent = 0;
  /** When each request without an offer was written, by its pickup, which no two share. */
  private readonly writtenMs = new Map<string, number>();
  private figures = emptyFigures();

  constructor(plan: OffersPlan, crew: Crew, clock: Clock) {
    this.plan = plan;
    this.crew = crew;
    this.clock = clock;
    this.prng = createPrng(BigInt(plan.seed));
  }

  async connect(): Promise<void> {
    const { drivers, riders } = this.plan;
    await inParallel(drivers, CONNECTING_MAX, async (n) => void this.drivers.push(await this.openDriver(n)));
    await inParallel(riders, CONNECTING_MAX, async (n) => void this.idle.push(await this.openRider(n)));
  }

  /** Every driver says where it is, then riders ask. Resolves when every request has been answered and every ride has ended, or is overdue. */
  async ask({ requestsPerS, requests }: AskingPlan): Promise<AskingFigures> {
    this.figures = emptyFigures();
    this.writtenMs.clear();
    this.pingAll();
    let dueMs = performance.now();
    let left = requests;
    await this.every(STEP_MS, () => {
      for (; left > 0 && dueMs <= performance.now(); left--) {
        this.request();
        // By chance (Poisson), as people come: an even beat would meet the server's tick always at the same phase.
        dueMs += (-Math.log(1 - this.prng.float()) * 1_000) / requestsPerS;
      }
      return left === 0;
    });
    const endMs = performance.now() + ANSWER_MS_MAX;
    await this.every(STEP_MS, () => this.riding === 0 || performance.now() > endMs);
    return { ...this.figures, fixesSent: this.fixesSent };
  }

  private request(): void {
    const rider = this.idle.shift();
    if (rider === undefined) return void (this.figures.unasked += 1);
    const pickup = this.somewhere();
    this.figures.asked += 1;
    this.riding += 1;
    this.writtenMs.set(keyOf(pickup), performance.now());
    rider.request(pickup);
  }

  private onOffer(pickup: Place): void {
    const writtenMs = this.writtenMs.get(keyOf(pickup));
    // Not the first offer of this request.
    if (writtenMs === undefined) return;
    this.writtenMs.delete(keyOf(pickup));
    this.figures.offered += 1;
    this.figures.latenciesMs.push(performance.now() - writtenMs);
  }

  private openDriver(n: number): Promise<TimedDriver> {
    const place = this.somewhere();
    const onOffer = (pickup: Place): void => this.onOffer(pickup);
    return this.crew.openDriver({ port: this.plan.port, n, place, onOffer });
  }

  private async openRider(n: number): Promise<TimedRider> {
    const free = (): void => {
      this.riding -= 1;
      this.idle.push(rider);
    };
    const rider = await this.crew.openRider({
      ...{ port: this.plan.port, n, onEnd: free },
      onRefused: (why) => {
        this.figures.refused[why] = (this.figures.refused[why] ?? 0) + 1;
        free();
      },
    });
    return rider;
  }

  private pingAll(): void {
    for (const driver of this.drivers) driver.ping();
    this.fixesSent += this.drivers.length;
  }

  private somewhere(): Place {
    const { center, halfSideM } = this.plan;
    const off = (): number => (this.prng.float() * 2 - 1) * halfSideM;
    const { lat, lng } = destination(destination(center, 0, off()), 90, off());
    // As precise as every peer tells it on.
    return { lat: Number(lat.toFixed(6)), lng: Number(lng.toFixed(6)) };
  }

  /** Resolves once `isDone` says so. */
  private every(periodMs: number, isDone: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.every(periodMs, () => {
        if (!isDone()) return;
        timer.cancel();
        resolve();
      });
    });
  }
}

const keyOf = ({ lat, lng }: Place): string => `${lat} ${lng}`;

const emptyFigures = () => ({
  latenciesMs: [] as number[],
  refused: {} as Record<string, number>,
  ...{ asked: 0, offered: 0, unasked: 0 },
});
