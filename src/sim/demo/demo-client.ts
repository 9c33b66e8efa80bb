import { issueToken } from '../../gateway/auth.ts';
import { assert, unreachable } from '../../lib/assert.ts';
import { type Clock, createWallClock } from '../../lib/clock.ts';
import { createPrng } from '../../lib/prng.ts';
import type { DriverMessage, RiderMessage } from '../../protocol/messages.ts';
import { HABITS, phoneHabitsAt } from '../apps/habits.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import { marketOfCity } from './city-market.ts';
import { CityRun } from './city-run.ts';
import type { ClientReport, ClientStats, FromClient, ToClient } from './client-messages.ts';
import { type DemoCity, openDemoCity } from './demo-city.ts';
import type { DemoOptions } from './demo-options.ts';
import { HeapClock } from './heap-clock.ts';
import { Measure } from './latency.ts';
import { PingBudget } from './ping-budget.ts';
import { PingPacker } from './ping-packer.ts';
import { SocketLine, type SocketLineContext } from './socket-line.ts';
import { TokenLine } from './token-line.ts';

const STATS_MS = 500;
/** Timers are looked at so often: 5 ms are 0.15 s of the city at the highest usual speed. */
const TIMER_STEP_MS = 5;
/** What two cores carry besides the server, PostgreSQL and Redis: see docs of PingBudget. */
const PINGS_PER_S = 6_000;
/** Three quarters of the server's default `staleMs`. */
const IDLE_PERIOD_MS_MAX = 45_000;
const WRAP_UP_MS_MAX = 8_000;
const TOKEN_TTL_S = 24 * 3_600;
const TROUBLES_MAX = 20;

interface Loaded extends DemoCity {
  readonly options: DemoOptions;
  readonly noShowMs: number;
}

/** The apps' side of the demo: what it does on each message of the parent's. */
export class DemoClient {
  private readonly wall: Clock;
  private readonly tell: (message: FromClient) => void;
  private loaded: Loaded | null = null;
  private run: CityRun | null = null;
  private clock: HeapClock | null = null;
  private budget: PingBudget | null = null;
  private readonly lateMs = new Measure();
  private latestLateMs = 0;
  private troubleCount = 0;
  private readonly troubles: string[] = [];

  constructor(wall: Clock, tell: (message: FromClient) => void) {
    this.wall = wall;
    this.tell = tell;
  }

  /** Rejects with one sentence when it cannot be done. */
  async take(message: ToClient): Promise<void> {
    switch (message.kind) {
      case 'load':
        return this.load(message);
      case 'go':
        return this.go(message);
      case 'stop_asking':
        return this.run?.stopAsking();
      case 'wrap_up':
        return this.wrapUp();
      default:
        return unreachable(message);
    }
  }

  private load({ options, dataDir, mode }: Extract<ToClient, { kind: 'load' }>): void {
    const opened = openDemoCity(options, dataDir ?? undefined);
    const market = marketOfCity(opened.city, mode);
    this.loaded = { ...opened, options, noShowMs: market.noShowMs };
    const { city, beginsMs } = opened;
    const { utcOffsetMs, drivers, rides } = city;
    const rideCount = rides.filter((ride) => ride.requestedMs >= beginsMs).length;
    this.tell({
      kind: 'city',
      card: { market, beginsMs, utcOffsetMs, driverCount: drivers.length, rideCount },
    });
  }

  private async go(message: Extract<ToClient, { kind: 'go' }>): Promise<void> {
    assert(this.loaded !== null, 'load comes before go');
    const { speed } = message.clock;
    const base = createWallClock(message.clock);
    this.clock = new HeapClock(base, TIMER_STEP_MS * speed, (lateMs) => this.noteLate(lateMs / speed));
    const habits = { ...HABITS, phone: phoneHabitsAt(HABITS.phone, speed) };
    const budget = new PingBudget({
      habits: habits.driver,
      speed,
      perWallS: PINGS_PER_S,
      idlePeriodMsMax: IDLE_PERIOD_MS_MAX,
    });
    this.budget = budget;
    budget.update({ idle: this.loaded.city.drivers.length, moving: 0 }, 0);
    const run = new CityRun({
      ...this.loaded,
      clock: this.clock,
      wall: this.wall,
      prng: createPrng(this.loaded.options.seed),
      habits,
      runTag: message.runTag,
      pingStretch: () => budget.stretch,
      openLine: this.lines(message),
      onTrouble: (what) => this.noteTrouble(what),
    });
    this.run = run;
    await run.comeOnline();
    const askedAll = run.begin();
    this.tell({ kind: 'online', fixesSent: run.fixesSent });
    this.wall.every(STATS_MS, () => this.report(run, budget));
    await askedAll;
    this.tell({ kind: 'asked_all' });
  }

  /** A token takes a signature, which takes a moment: each account's is made when it first connects. */
  private lines(go: Extract<ToClient, { kind: 'go' }>) {
    const secret = Buffer.from(go.secret, 'utf8');
    const context: SocketLineContext = {
      serverUrl: go.serverUrl,
      packer: new PingPacker(),
      onTrouble: (what) => this.noteTrouble(what),
    };
    return (
      role: 'driver' | 'rider',
      subject: string,
      events: LineEvents,
    ): Line<DriverMessage | RiderMessage> => {
      const token = () =>
        issueToken({ secret, role, subject, ttlS: TOKEN_TTL_S, wallNowMs: this.wall.nowMs() });
      return new TokenLine(token, (text) => new SocketLine(context, text, events));
    };
  }

  private report(run: CityRun, budget: PingBudget): void {
    budget.update(run.fleet, this.latestLateMs);
    this.latestLateMs = 0;
    this.tell({ kind: 'stats', stats: this.stats(run) });
  }

  private stats(run: CityRun): ClientStats {
    const { book } = run;
    return {
      cityMs: run.cityTime.at(this.clock?.nowMs() ?? 0),
      rides: book.counts,
      openRides: book.openCount,
      drivers: run.fleet,
      fixesSent: run.fixesSent,
      offerLatency: book.offerLatency,
      trouble: this.troubleCount,
    };
  }

  private async wrapUp(): Promise<void> {
    const { run, clock } = this;
    if (run === null || clock === null) return this.tell({ kind: 'closed' });
    this.tell({ kind: 'report', report: this.fullReport(run) });
    run.wrapUp();
    const untilMs = this.wall.nowMs() + WRAP_UP_MS_MAX;
    await new Promise<void>((resolve) => {
      const watch = this.wall.every(20, () => {
        if (!run.isWrappedUp && this.wall.nowMs() < untilMs) return;
        watch.cancel();
        resolve();
      });
    });
    run.close();
    clock.stop();
    this.tell({ kind: 'closed' });
  }

  private fullReport(run: CityRun): ClientReport {
    return {
      ...this.stats(run),
      pickupWaitsS: run.book.pickupWaitsS(),
      refusedByCode: run.book.refusedByCode,
      phones: run.counts,
      timersLateMs: this.lateMs.percentiles(),
      pingStretch: this.budget?.stretch ?? 1,
      troubles: this.troubles,
    };
  }

  private noteLate(wallMs: number): void {
    this.lateMs.add(wallMs);
    this.latestLateMs = Math.max(this.latestLateMs, wallMs);
  }

  private noteTrouble(what: string): void {
    this.troubleCount += 1;
    if (this.troubles.length < TROUBLES_MAX) this.troubles.push(what);
  }
}
