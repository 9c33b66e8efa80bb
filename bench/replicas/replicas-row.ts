import { atMost } from '../suite/figures.ts';
import type { Row, RowRun, Subject } from '../suite/row.ts';
import type { Routing } from './fleet-messages.ts';
import { type LoadPart, runTrial, type Trial } from './trial.ts';

/** Of the issue that brought replicas: CPU of three for a ping, against that of one. */
const RATIO_MAX = 1.25;
/** Trials are long, so more rounds than this are not made whatever was asked for. */
const ROUNDS_MAX = 2;
const CPU = 'server CPU per ping';
const ONE = '1 replica';
const EACH = 'the same load on each server';
const IN_ALL = 'the same load in all';

interface SetUp {
  readonly replicas: number;
  readonly routing: Routing;
  readonly isQuick: boolean;
}

const ALONE: SetUp = { replicas: 1, routing: 'sticky', isQuick: true };
const SET_UPS: readonly SetUp[] = [
  ALONE,
  { replicas: 2, routing: 'sticky', isQuick: false },
  { replicas: 2, routing: 'random', isQuick: false },
  { replicas: 3, routing: 'sticky', isQuick: true },
  { replicas: 3, routing: 'random', isQuick: false },
];
const MOST_REPLICAS = 3;

/**
 * What it costs that there are several replicas: CPU per ping of one server, and of two and three with the same load on each, as the operating system has
 * counted it (all threads, Redis' apart), for pings that the servers themselves have counted as taken. A trial has new stores and new server processes
 * (`hexdispatch server` as anybody starts it), which run on any CPU. Idle drivers, spread evenly over San Francisco's area, drive 8 m/s and send one fix a
 * second, one a frame, in an open loop from a process of its own; a trial fails unless every ping that was sent was taken.
 *
 * With `sticky` routing each driver is connected to the owner of his zone (as `GET /v1/connect` says), with `random` to any: the worst case, for two thirds of all drivers are
 * then with another replica than their zone's owner.
 *
 * Two comparisons. "The same load on each server": what it costs that they talk to each other, for replicas are added when one is full. "The same load in all": three
 * against one that carries the load of all three, measured later in the one server's trial; that one has a third of the timers, beats and
 * ticks, and takes three times as many frames at each turn of its loop, which makes a ping cheaper. What goes on without pings is also shown by itself.
 *
 * On a busy machine the ratios come out too high: three processes are put off and find cold caches more often than one, and where a server is put
 * off so long that it sheds pings the trial fails.
 */
export const replicasRow: Row = {
  name: 'replicas',
  title: '1, 2 and 3 replicas: CPU per ping, and how much of the traffic stays local',
  async measure(run) {
    const setUps = SET_UPS.filter(({ isQuick }) => isQuick || !run.isQuick);
    const rounds = run.isQuick ? 1 : Math.min(run.repeats, ROUNDS_MAX);
    for (let round = 1; round <= rounds; round++)
      for (let turn = 0; turn < setUps.length; turn++)
        await measureSetUp(run, setUps[(turn + round - 1) % setUps.length]!, round);
  },
  goals: (figures) => [
    atMost(
      'CPU per ping of 3 replicas against 1 with the same load on each server',
      RATIO_MAX,
      figures.ratio('3 replicas, sticky', ONE, EACH, CPU),
      '×',
    ),
  ],
};

async function measureSetUp(run: RowRun, { replicas, routing }: SetUp, repeat: number): Promise<void> {
  const perServer = run.isQuick ? 700 : 2_500;
  // Without clients there is nothing to route.
  const isIdleTold = !run.isQuick && routing === 'sticky';
  const durations = run.isQuick
    ? { idleMs: 0, warmUpMs: 1_500, measureMs: 2_000 }
    : { idleMs: isIdleTold ? 2_000 : 0, warmUpMs: 3_000, measureMs: 6_000 };
  const loads = replicas === 1 ? [1, MOST_REPLICAS] : [replicas];
  const fleets = (run.isQuick ? loads.slice(0, 1) : loads).map((times) => times * perServer);
  const subject = replicas === 1 ? ONE : `${replicas} replicas, ${routing}`;
  const trial = await runTrial({
    ...{ replicas, routing, fleets, ...durations },
    ...{ seed: run.seed + repeat, clock: run.clock },
  });
  const record = (on: string, metric: string, unit: string, value: number): void =>
    run.record({ subject, on, metric, unit, value, repeat });
  if (isIdleTold) recordIdle(trial, record);
  for (const part of trial.loads) {
    const times = part.drivers / perServer;
    if (times === replicas) recordLoad(EACH, part, record);
    // The same trial has its place in both comparisons.
    if (times === MOST_REPLICAS && !run.isQuick) record(IN_ALL, CPU, 'µs', cpuUsPerPing(part));
    run.say(sentence(subject, part));
  }
}

type RecordFigure = (on: string, metric: string, unit: string, value: number) => void;

function recordIdle({ idle }: Trial, record: RecordFigure): void {
  record('no client', 'server CPU per second', 'ms', sum(idle.serverUs) / 1_000 / idle.wallS);
  record('no client', 'Redis CPU per second', 'ms', idle.redisUs / 1_000 / idle.wallS);
}

function recordLoad(on: string, part: LoadPart, record: RecordFigure): void {
  const { usage, fleet } = part;
  record(on, CPU, 'µs', cpuUsPerPing(part));
  record(on, 'Redis CPU per ping', 'µs', usage.redisUs / usage.pings);
  record(on, 'bytes to and from Redis per ping', 'bytes', usage.redisBytes / usage.pings);
  record(on, 'messages between replicas per second', '/s', usage.published / usage.wallS);
  record(on, 'drivers with the owner of their zone', '%', fleet.atOwnerShare * 100);
  record(on, 'pings per second', '/s', usage.pings / usage.wallS);
}

const sum = (values: readonly number[]): number => values.reduce((all, one) => all + one, 0);
const cpuUsPerPing = ({ usage }: LoadPart): number => sum(usage.serverUs) / usage.pings;

function sentence(subject: Subject, part: LoadPart): string {
  const { usage, fleet, driversByServer } = part;
  return (
    `${subject}, drivers ${driversByServer.join(' + ')}: ${cpuUsPerPing(part).toFixed(1)} µs a ping, ` +
    `${(usage.pings / usage.wallS).toFixed(0)} pings/s, ${(fleet.atOwnerShare * 100).toFixed(0)} % at the owner, ` +
    `${(usage.published / usage.wallS).toFixed(0)} messages/s, latest ping ${fleet.lateMsMax.toFixed(0)} ms late`
  );
}
