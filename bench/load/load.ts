import { createPrng, type Prng } from '../../src/lib/prng.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { unixMs } from './engine-speech.ts';
import type { LoadFigures, LoadPlan } from './load-messages.ts';
import type { LoadedDriver, Speech } from './speech.ts';

/** The open loop looks at the time so often: as fine as timers go, for pings that come in heaps are cheaper than a city's are. */
const STEP_MS = 1;
const CONNECTING_MAX = 32;
/** Sockets are flooded in so many groups, each with at most one write of each of its sockets unread. */
const GROUPS = 8;
/** An address has some 28,000 ports, and each is out of use for a minute after its socket was closed. */
const SOCKETS_PER_ADDRESS = 1_000;
/** Counters are asked so many times at once: each answer lets the next writes out. */
const ASKED_MAX = 16;
const WRITES_PER_QUESTION = 64;

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
  private lateMsMax = 0;

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
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < sockets) {
        const n = next++;
        const localAddress = `127.1.0.${1 + Math.floor(n / SOCKETS_PER_ADDRESS)}`;
        const prng = (): Prng => createPrng(BigInt(this.plan.seed) * 1_000_003n + BigInt(n));
        this.drivers.push(await this.speech.join({ port, n, shape, prng, localAddress }));
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_MAX }, worker));
  }

  get figures(): LoadFigures {
    const { user, system } = process.cpuUsage();
    const sentBefore = this.drivers.length * this.speech.fixesToJoin(this.plan.shape);
    return { sent: this.sent, sentBefore, cpuUs: user + system, lateMsMax: this.lateMsMax };
  }

  halt(): void {
    this.isHalted = true;
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
    const beganMs = unixMs();
    let written = 0;
    const timer = clock.every(STEP_MS, () => {
      if (this.isHalted) return timer.cancel();
      const nowMs = unixMs();
      const due = Math.floor(((nowMs - beganMs) * writesPerS) / 1_000);
      this.lateMsMax = Math.max(this.lateMsMax, ((due - written) * 1_000) / writesPerS);
      for (; written < due; written++) this.write(drivers[written % drivers.length]!, nowMs);
    });
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
