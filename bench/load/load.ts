import { createPrng, type Prng } from '../../src/lib/prng.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { unixMs } from './engine-speech.ts';
import { inParallel } from './in-parallel.ts';
import type { LoadFigures, LoadPlan } from './load-messages.ts';
import { OpenLoop } from './open-loop.ts';
import type { LoadedDriver, Speech } from './speech.ts';

const CONNECTING_MAX = 128;
/** Sockets are flooded in so many groups, each with at most one write of each of its sockets unread. */
const GROUPS = 8;
/** Counters are asked so many times at once: each answer lets the next writes out. */
const ASKED_MAX = 16;
const WRITES_PER_QUESTION = 64;

/** By then the kernel has acknowledged every first fix by its timer, and takes the sockets for streams from then on (speech.ts). */
const ACKNOWLEDGED_MS = 250;

/** Drivers with a socket each, and what makes them send. */
export class Load {
  private readonly plan: LoadPlan;
  private readonly speech: Speech;
  private readonly clock: Clock;
  private readonly fixesPerWrite: number;
  private readonly onBreak: (error: Error) => void;
  private drivers: LoadedDriver[] = [];
  private isHalted = false;
  private sent = 0;
  private loop: OpenLoop | null = null;

  /** `onBreak`: something the figures would not survive. */
  constructor(plan: LoadPlan, speech: Speech, clock: Clock, onBreak: (error: Error) => void) {
    this.plan = plan;
    this.speech = speech;
    this.clock = clock;
    this.onBreak = onBreak;
    this.fixesPerWrite = plan.shape.framesPerWrite * plan.shape.fixesPerFrame;
  }

  async connect(): Promise<void> {
    const { port, sockets, shape } = this.plan;
    await inParallel(sockets, CONNECTING_MAX, async (n) => {
      const prng = (): Prng => createPrng(BigInt(this.plan.seed) * 1_000_003n + BigInt(n));
      this.drivers.push(await this.speech.join({ port, n, shape, prng }));
    });
    await new Promise<void>((resolve) => void this.clock.after(ACKNOWLEDGED_MS, resolve));
  }

  get figures(): LoadFigures {
    const { user, system } = process.cpuUsage();
    const sentBefore = this.drivers.length * this.speech.fixesToJoin(this.plan.shape);
    return { sent: this.sent, sentBefore, cpuUs: user + system, lateMsMax: this.loop?.lateMsMax ?? 0 };
  }

  halt(): void {
    this.isHalted = true;
    this.loop?.stop();
  }

  flood(): void {
    this.begin();
    const { openCounter } = this.speech;
    const loops =
      openCounter === null
        ? this.groups().map((group) => this.floodGroup(group))
        : [this.floodByCount(openCounter)];
    for (const loop of loops) loop.catch(this.onBreak);
  }

  stream(writesPerS: number): void {
    this.begin();
    const { clock, drivers } = this;
    this.loop = new OpenLoop(clock, writesPerS, (n, nowMs) =>
      this.write(drivers[n % drivers.length]!, nowMs),
    );
  }

  /** What was due while they connected is not sent. */
  private begin(): void {
    const nowMs = unixMs();
    for (const driver of this.drivers) driver.next(nowMs);
  }

  private write(driver: LoadedDriver, nowMs: number): void {
    driver.socket.write(driver.next(nowMs));
    this.sent += this.fixesPerWrite;
  }

  private groups(): LoadedDriver[][] {
    const size = Math.ceil(this.drivers.length / GROUPS);
    return Array.from({ length: GROUPS }, (_, i) => this.drivers.slice(i * size, (i + 1) * size)).filter(
      (group) => group.length > 0,
    );
  }

  private async floodGroup(group: readonly LoadedDriver[]): Promise<void> {
    while (!this.isHalted) {
      const nowMs = unixMs();
      for (const driver of group) this.write(driver, nowMs);
      await group.at(-1)!.socket.barrier();
    }
  }

  /** At most one write of each socket is not yet stored. */
  private async floodByCount(openCounter: NonNullable<Speech['openCounter']>): Promise<void> {
    const count = await openCounter(this.plan.port);
    const { drivers, fixesPerWrite } = this;
    const before = await count();
    let stored = 0;
    let at = 0;
    const asker = async (): Promise<void> => {
      while (!this.isHalted) {
        const nowMs = unixMs();
        for (let n = 0; n < WRITES_PER_QUESTION && this.sent - stored < drivers.length * fixesPerWrite; n++)
          this.write(drivers[at++ % drivers.length]!, nowMs);
        stored = (await count()) - before;
      }
    };
    await Promise.all(Array.from({ length: ASKED_MAX }, asker));
  }
}
