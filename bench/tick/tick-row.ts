import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { isPinning } from '../suite/pinning.ts';
import { atMost, type Figures, quantileOf } from '../suite/figures.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';
import type { TickCase, TickReport } from './tick-case.ts';

const PROCESS = fileURLToPath(new URL('tick-process.js', import.meta.url));
const SUBJECT = 'hexdispatch';
const METRIC = {
  p999: 'tick turn p99.9',
  longest: 'longest tick turn',
  cpuP999: 'tick turn p99.9, CPU time',
  cpu: 'CPU per tick with its offers',
  elapsed: 'tick to last offer told',
} as const;
/** The issue's. */
const TURN_MS_MAX = 50;
const PROCESS_MS_MAX = 170_000;
const OUTPUT_BYTES_MAX = 64 * 2 ** 20;
const REPEATS_MAX = 2;

type City = Pick<TickCase, 'on' | 'riders' | 'freeDrivers' | 'drivers'>;

const BATCHES: readonly City[] = [
  { on: 'plenty: 200 riders, 3,000 free drivers', riders: 200, freeDrivers: 3_000, drivers: 10_000 },
  { on: 'plenty: 3,000 riders, 10,000 free drivers', riders: 3_000, freeDrivers: 10_000, drivers: 10_000 },
  { on: 'scarce: 3,000 riders, 200 free drivers', riders: 3_000, freeDrivers: 200, drivers: 10_000 },
  { on: 'scarce: 6,000 riders, 3,000 free drivers', riders: 6_000, freeDrivers: 3_000, drivers: 10_000 },
  { on: 'balanced: 3,000 riders, 3,000 free drivers', riders: 3_000, freeDrivers: 3_000, drivers: 10_000 },
  { on: 'balanced: 6,000 riders, 6,000 free drivers', riders: 6_000, freeDrivers: 6_000, drivers: 10_000 },
];
/** The same riders in ever fuller cities, a third of the drivers free. */
const GROWTH: readonly City[] = [1_000, 10_000, 100_000, 1_000_000].map((drivers) => ({
  on: `growth: 200 riders, ${drivers.toLocaleString('en')} drivers`,
  riders: 200,
  freeDrivers: Math.ceil(drivers / 3),
  drivers,
}));
const QUICK: readonly City[] = [BATCHES[0]!, BATCHES[3]!];

const citiesOf = ({ isQuick }: RowRun): readonly City[] => (isQuick ? QUICK : [...BATCHES, ...GROWTH]);
const roundsOf = ({ riders }: City, isQuick: boolean): number => {
  const offersWanted = isQuick ? 3_000 : 12_000;
  return Math.max(isQuick ? 1 : 2, Math.min(20, Math.ceil(offersWanted / riders)));
};

/** How long a tick holds up the loop, and what it costs. */
export const tickRow: Row = {
  name: 'tick',
  title: 'turns of the loop while a tick and its offers are worked on, pings coming in between',

  async measure(run) {
    const cities = citiesOf(run);
    const repeats = run.isQuick ? 1 : Math.min(run.repeats, REPEATS_MAX);
    for (let repeat = 1; repeat <= repeats; repeat++) {
      for (let i = 0; i < cities.length; i++)
        await measureCity(run, repeat, cities[(i + repeat - 1) % cities.length]!);
    }
  },

  goals: (figures) => [...BATCHES, ...GROWTH].flatMap((city) => goalOf(figures, city)),
};

async function measureCity(run: RowRun, repeat: number, city: City): Promise<void> {
  run.say(`tick: ${city.on}`);
  const { turns, rounds } = await ticksOf({
    ...city,
    ...{ rounds: roundsOf(city, run.isQuick), seed: run.seed + repeat },
  });
  const record = (metric: string, unit: string, value: number): void =>
    run.record({ subject: SUBJECT, on: city.on, metric, unit, value, repeat });
  const wallMs = turns.map((turn) => turn.wallMs);
  const cpuMs = turns.map((turn) => turn.cpuMs);
  record(METRIC.p999, 'ms', quantileOf(wallMs, 0.999));
  record(METRIC.longest, 'ms', Math.max(...wallMs));
  record(METRIC.cpuP999, 'ms', quantileOf(cpuMs, 0.999));
  record(
    METRIC.cpu,
    'ms',
    quantileOf(
      rounds.map((round) => round.cpuMs),
      0.5,
    ),
  );
  record(
    METRIC.elapsed,
    'ms',
    quantileOf(
      rounds.map((round) => round.elapsedMs),
      0.5,
    ),
  );
}

/** Rejects when its process finds a rider lost or a driver offered twice, and when it takes too long. */
async function ticksOf(tickCase: TickCase): Promise<TickReport> {
  const node = [process.execPath, PROCESS, JSON.stringify(tickCase)];
  // Held to its CPU from the start: `pin` would come after the first ticks.
  const [command, ...args] = isPinning ? ['taskset', '--cpu-list', '0', ...node] : node;
  const { stdout } = await promisify(execFile)(command!, args, {
    timeout: PROCESS_MS_MAX,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return JSON.parse(stdout) as TickReport;
}

/** One a case that was measured; none at all is the suite's to notice. */
function goalOf(figures: Figures, { on }: City): Goal[] {
  const measured = figures.median(SUBJECT, on, METRIC.p999);
  return measured === null ? [] : [atMost(`${METRIC.p999}, ${on}`, TURN_MS_MAX, measured, 'ms')];
}
