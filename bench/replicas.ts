import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { createWallClock } from '../src/lib/clock.ts';
import type { Routing } from './replicas/fleet-messages.ts';
import { runTrial, type Trial } from './replicas/trial.ts';

/**
 * What it costs that there are several replicas: CPU per ping of one server and of three with the same load, side by side.
 *
 *   npm run build && node dist/bench/replicas.js [--quick] [--drivers 12000] [--ping-ms 1000] [--rounds 3] [--json FILE]
 *
 * Each round runs one server with all drivers, one with a third of them, three with each driver connected to the owner of his zone (as GET /v1/connect says), and three
 * with every driver at any of them, one after the other in a turning order; figures are medians over the rounds. A trial has new
 * stores and new server processes (`dist/main.js server` as anybody starts it). 12,000 idle drivers, spread evenly over San Francisco's
 * area, drive 8 m/s and send one fix a second, one a frame, in an open loop from a process of its own. CPU is user and system
 * time of all the servers' threads as the operating system has counted it (/proc/PID/stat, Linux), Redis' apart; pings are those that
 * the servers themselves have counted as taken, and a trial fails unless every ping that was sent is among them.
 *
 * Two ratios are told. `perServer`: three against one server that is loaded as each of the three is, what it costs that they talk
 * to each other: replicas are added when one is full. `sameTotal`: three against one with all the drivers; that one has a third of
 * the timers, beats and ticks, and takes three times as many frames at each turn of its loop, which makes a ping cheaper (18 µs
 * at 12,000 a second, 24 µs at 4,000 on the machine where this was written). What goes on without pings is also shown by itself, as
 * CPU per second of servers without a client. Random routing is
 * the worst case: two thirds of all drivers are with another replica than their zone's owner.
 *
 * On a busy machine the ratio comes out too high: three processes are put off and find cold caches more often than one, and where a
 * server is put off so long that it sheds pings the trial fails. Run it on a quiet one.
 */
const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    drivers: { type: 'string', default: '12000' },
    'ping-ms': { type: 'string', default: '1000' },
    rounds: { type: 'string' },
    json: { type: 'string' },
  },
});
const TARGET_RATIO = 1.25;
const CASES = ['one', 'third', 'threeSticky', 'threeRandom'] as const;
type Case = (typeof CASES)[number];
const SET_UPS: Readonly<Record<Case, { replicas: number; routing: Routing; share: number; title: string }>> =
  {
    one: { replicas: 1, routing: 'sticky', share: 1, title: '1 replica' },
    third: { replicas: 1, routing: 'sticky', share: 1 / 3, title: '1, a third' },
    threeSticky: { replicas: 3, routing: 'sticky', share: 1, title: '3, at the owner' },
    threeRandom: { replicas: 3, routing: 'random', share: 1, title: '3, at any' },
  };

const clock = createWallClock();
const settings = {
  rounds: Number(given.rounds ?? (given.quick ? 1 : 3)),
  drivers: Number(given.drivers),
  pingMs: Number(given['ping-ms']),
  ...(given.quick
    ? { idleMs: 5_000, warmUpMs: 8_000, measureMs: 10_000 }
    : { idleMs: 10_000, warmUpMs: 15_000, measureMs: 20_000 }),
};

interface Figures {
  readonly cpuUsPerPing: number;
  readonly redisUsPerPing: number;
  readonly idleCpuMsPerS: number;
  readonly idleRedisMsPerS: number;
  readonly pingsPerS: number;
  /** Messages that the servers published, and what went to and from Redis in all. */
  readonly framesPerS: number;
  readonly redisBytesPerPing: number;
  readonly busiestServerCores: number;
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};
const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));

function figuresOf({ idle, load }: Trial): Figures {
  const pings = sum(load.pings);
  return {
    cpuUsPerPing: sum(load.serverUs) / pings,
    redisUsPerPing: load.redisUs / pings,
    idleCpuMsPerS: sum(idle.serverUs) / 1_000 / idle.wallS,
    idleRedisMsPerS: idle.redisUs / 1_000 / idle.wallS,
    pingsPerS: pings / load.wallS,
    framesPerS: load.published / load.wallS,
    redisBytesPerPing: (load.redisBytesIn + load.redisBytesOut) / pings,
    busiestServerCores: Math.max(...load.serverUs) / 1e6 / load.wallS,
  };
}

async function runAll(): Promise<Record<Case, Trial[]>> {
  const trials: Record<Case, Trial[]> = { one: [], third: [], threeSticky: [], threeRandom: [] };
  for (let round = 0; round < settings.rounds; round++) {
    // Whatever else the machine is doing meets each case at another moment of the round.
    const order = CASES.map((_, i) => CASES[(i + round) % CASES.length]!);
    for (const name of order) {
      const { replicas, routing, share } = SET_UPS[name];
      const drivers = Math.round(settings.drivers * share);
      const options = { ...settings, drivers, replicas, routing, seed: round + 1, clock };
      const trial = await runTrial(options);
      trials[name].push(trial);
      const { cpuUsPerPing, redisUsPerPing, pingsPerS, idleCpuMsPerS } = figuresOf(trial);
      console.error(
        `round ${round + 1}, ${SET_UPS[name].title}: ${cpuUsPerPing.toFixed(1)} µs a ping, Redis ${redisUsPerPing.toFixed(1)} µs, ` +
          `${pingsPerS.toFixed(0)} pings/s, idle ${idleCpuMsPerS.toFixed(1)} ms/s, drivers ${trial.driversByServer.join(' + ')}, ` +
          `latest ping ${trial.lateMsMax.toFixed(0)} ms late`,
      );
    }
  }
  return trials;
}

function mediansOf(trials: readonly Trial[]): Figures {
  const all = trials.map(figuresOf);
  const names = Object.keys(all[0]!) as (keyof Figures)[];
  return Object.fromEntries(
    names.map((name) => [name, median(all.map((one) => one[name]))]),
  ) as unknown as Figures;
}

const trials = await runAll();
const figures = Object.fromEntries(CASES.map((name) => [name, mediansOf(trials[name])])) as Record<
  Case,
  Figures
>;
const each = (read: (one: Figures) => number, digits = 2): Record<Case, number> =>
  Object.fromEntries(CASES.map((name) => [name, rounded(read(figures[name]), digits)])) as Record<
    Case,
    number
  >;
/** Of each round by itself, then the median: what slows the machine down for minutes slows both. */
const ratioOf = (name: Case, to: Case): number =>
  rounded(
    median(
      trials[name].map((trial, i) => figuresOf(trial).cpuUsPerPing / figuresOf(trials[to][i]!).cpuUsPerPing),
    ),
    3,
  );
const ratiosTo = (to: Case): { threeSticky: number; threeRandom: number } => ({
  threeSticky: ratioOf('threeSticky', to),
  threeRandom: ratioOf('threeRandom', to),
});
/** The load's share alone: what goes on without clients is taken off on both sides. */
const aboveIdle = (one: Figures): number => one.cpuUsPerPing - (one.idleCpuMsPerS * 1_000) / one.pingsPerS;
const report = {
  machine: { cores: cpus().length, model: cpus()[0]?.model, node: process.version },
  settings,
  cpuUsPerPing: each((one) => one.cpuUsPerPing),
  ratios: { perServer: ratiosTo('third'), sameTotal: ratiosTo('one') },
  targetRatio: TARGET_RATIO,
  cpuUsPerPingAboveIdle: each(aboveIdle),
  idleCpuMsPerS: each((one) => one.idleCpuMsPerS),
  redisUsPerPing: each((one) => one.redisUsPerPing),
  idleRedisMsPerS: each((one) => one.idleRedisMsPerS),
  redisBytesPerPing: each((one) => one.redisBytesPerPing, 0),
  framesPerS: each((one) => one.framesPerS, 0),
  pingsPerS: each((one) => one.pingsPerS, 0),
  busiestServerCores: each((one) => one.busiestServerCores),
  pings: {
    sent: sum(CASES.flatMap((name) => trials[name].map(({ sent }) => sent))),
    taken: sum(CASES.flatMap((name) => trials[name].map(({ taken }) => taken))),
    lost: sum(CASES.flatMap((name) => trials[name].map(({ load }) => load.pingsLost))),
  },
  trials,
};

const rows: [string, Partial<Record<Case, number>>][] = [
  ['CPU of the servers, µs a ping', report.cpuUsPerPing],
  ['  without what they use idle', report.cpuUsPerPingAboveIdle],
  ['  ratio to 1 as loaded as each', { third: 1, ...report.ratios.perServer }],
  ['  ratio to 1 with all drivers', { one: 1, ...report.ratios.sameTotal }],
  ['idle (no client), CPU ms a second', report.idleCpuMsPerS],
  ['CPU of Redis, µs a ping', report.redisUsPerPing],
  ['to and from Redis, bytes a ping', report.redisBytesPerPing],
  ['messages between replicas a second', report.framesPerS],
  ['pings a second', report.pingsPerS],
  ['busiest server, cores', report.busiestServerCores],
];
console.log(`${''.padEnd(36)}${CASES.map((name) => SET_UPS[name].title.padStart(17)).join('')}`);
for (const [title, by] of rows)
  console.log(`${title.padEnd(36)}${CASES.map((name) => String(by[name] ?? '').padStart(17)).join('')}`);
const { sent, taken, lost } = report.pings;
console.log(`pings sent ${sent}, taken ${taken}, lost ${lost}; target: ratio at most ${TARGET_RATIO}`);
if (given.json !== undefined) writeFileSync(given.json, `${JSON.stringify(report, null, 2)}\n`);
