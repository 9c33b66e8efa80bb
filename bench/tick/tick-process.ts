/** Ticks of one case, in a process of its own: `node tick-process.js '{"on":…}'` prints a TickReport. */
import assert from 'node:assert/strict';
import { type Clock, createWallClock, type Timer } from '../../src/lib/clock.ts';
import type { TickCase, TickReport } from './tick-case.ts';
import { MARKET, TickCity } from './tick-city.ts';
import { TurnWatch } from './turn-watch.ts';

const PINGS_PER_S = 10_000;
const PING_EVERY_MS = 10;
/** Until the code is compiled and the collector has found its sizes. */
const WARM_UP_ROUNDS = 2;

/** The machine's clock, which is put on where offers shall time out. */
class PutOnClock implements Clock {
  private readonly wall = createWallClock();
  private aheadMs = 0;

  nowMs(): number {
    return this.wall.nowMs() + this.aheadMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    return this.wall.after(delayMs, fire);
  }

  every(periodMs: number, fire: () => void): Timer {
    return this.wall.every(periodMs, fire);
  }

  putOn(byMs: number): void {
    this.aheadMs += byMs;
  }
}

async function main(): Promise<void> {
  const tickCase = JSON.parse(process.argv[2]!) as TickCase;
  const clock = new PutOnClock();
  let ended = (): void => undefined;
  const city = new TickCity(tickCase, clock, () => ended());
  await city.fill(tickCase);
  // Nobody is held back for the batch to grow any more.
  clock.putOn(MARKET.match.windowMsMax);
  /** One tick, up to where its offers are stored and told. */
  const tick = async (): Promise<void> => {
    const isOver = new Promise<void>((resolve) => (ended = resolve));
    city.dispatcher.start();
    // In the turn in which it ends, so that no other begins.
    await isOver.then(() => city.dispatcher.stop());
  };
  const watch = new TurnWatch();
  const report: TickReport = { turns: [], rounds: [] };
  for (let round = 0; round < WARM_UP_ROUNDS + tickCase.rounds; round++) {
    city.pingAll();
    const pinging = clock.every(PING_EVERY_MS, () => city.ping((PINGS_PER_S * PING_EVERY_MS) / 1_000));
    const startedMs = performance.now();
    watch.start();
    await tick();
    const turns = watch.stop();
    const cpuMs = turns.reduce((sum, turn) => sum + turn.cpuMs, 0);
    const elapsedMs = performance.now() - startedMs;
    const offers = check(city, tickCase);
    // The next tick ends them all, and finds their riders waiting: the other thing that comes in thousands.
    clock.putOn(MARKET.match.offerTtlMs);
    city.pingAll();
    watch.start();
    await tick();
    turns.push(...watch.stop());
    pinging.cancel();
    await city.takeBack();
    if (round < WARM_UP_ROUNDS) continue;
    report.turns.push(...turns);
    report.rounds.push({ elapsedMs, cpuMs, offers });
  }
  process.stdout.write(`${JSON.stringify(report satisfies TickReport)}\n`);
}

/** Nobody is lost, nobody offered two; answers how many offers were made. */
function check(city: TickCity, { riders, freeDrivers }: TickCase): number {
  const { requests, offers } = city.dispatcher.state;
  const told = city.told.splice(0);
  assert.equal(requests.size, riders, 'every rider still waits or is offered a driver');
  assert.equal(new Set(told).size, told.length, 'a driver is offered one ride');
  assert.equal(offers.size, told.length, 'every offer was told');
  // All but a few in a corner find somebody: exactness itself is what the tests prove.
  assert.ok(told.length >= 0.95 * Math.min(riders, freeDrivers), `only ${told.length} offers`);
  return told.length;
}

await main();
