import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startBenchStores } from '../suite/engine-server.ts';
import { atMost, type Figures, medianOf } from '../suite/figures.ts';
import { pin } from '../suite/pinning.ts';
import type { Goal, Row, RowRun } from '../suite/row.ts';
import type { IndexReport } from './index-report.ts';
import { GrownTripStore } from './trip-store-growth.ts';
import { WholePath } from './whole-path.ts';

const start = promisify(execFile);
/** As built: below dist everything is JavaScript at its own place. */
const INDEX_SCRIPT = fileURLToPath(new URL('./index-process.js', import.meta.url));
const INDEX_MS_MAX = 120_000;

/** Drivers and finished trips to measure with; the goals compare `small` with the greatest. */
const SIZES = {
  full: {
    index: [1_000, 10_000, 100_000, 1_000_000],
    wholePath: [10_000, 1_000_000],
    trips: [0, 100_000, 1_000_000],
  },
  quick: { index: [], wholePath: [10_000, 100_000], trips: [0, 10_000] },
};
const SMALL = 10_000;
const CPU = ['CPU per ping, 1 frame a read', 'CPU per ping, 16 frames a read'] as const;
const TRANSITION = 'PostgreSQL CPU per durable transition';
const READS = 'trip by id';

const SUBJECT = 'hexdispatch';
const ofDrivers = (drivers: number): string => `${drivers.toLocaleString('en')} drivers`;
const ofTrips = (trips: number): string => `${trips.toLocaleString('en')} trips`;

/**
 * How costs grow with size. A ping in the index alone and over its whole path, a search, memory, from 1,000 to 1,000,000 drivers; transitions and reads of the trip store,
 * from an empty one to a million finished trips. Each size has its own process or database; sizes take turns.
 */
export const growthRow: Row = {
  name: 'growth',
  title: 'Cost as the city grows: pings, searches and memory by drivers, the trip store by trips',
  async measure(run) {
    await measureIndex(run);
    await measureWholePath(run);
    await measureTripStore(run);
  },
  goals,
};

const sizesOf = (run: RowRun) => SIZES[run.isQuick ? 'quick' : 'full'];
/** The large sizes take long to fill: fewer repeats than a row that starts anew. */
const repeatsOf = (run: RowRun): number => Math.min(run.repeats, run.isQuick ? 1 : 3);

async function measureIndex(run: RowRun): Promise<void> {
  if (run.isQuick) return run.skip('the index alone', 'not part of a quick run');
  for (let repeat = 1; repeat <= repeatsOf(run); repeat++)
    for (const drivers of sizesOf(run).index) {
      const { pingNs, bytesPerDriver, nearbyP50Us, nearbyP99Us } = await indexReport(
        drivers,
        run.seed + repeat,
      );
      const sample = { subject: SUBJECT, on: ofDrivers(drivers), repeat };
      run.record({ ...sample, metric: 'CPU per ping, index alone', unit: 'ns', value: pingNs });
      run.record({
        ...sample,
        metric: 'memory per driver, index alone',
        unit: 'bytes',
        value: bytesPerDriver,
      });
      run.record({ ...sample, metric: 'nearby in-process, p50', unit: 'µs', value: nearbyP50Us });
      run.record({ ...sample, metric: 'nearby in-process, p99', unit: 'µs', value: nearbyP99Us });
      run.say(
        `${sample.on}: ${pingNs.toFixed(0)} ns a ping in the index, nearby ${nearbyP50Us.toFixed(1)} µs`,
      );
    }
}

async function indexReport(drivers: number, seed: number): Promise<IndexReport> {
  const args = ['--expose-gc', '--enable-source-maps', INDEX_SCRIPT, String(drivers), String(seed)];
  const running = start(process.execPath, args, { timeout: INDEX_MS_MAX });
  const { child } = running;
  try {
    // No pid: it could not be started, and `running` says why.
    const [{ stdout }] = await Promise.all([
      running,
      child.pid === undefined ? undefined : pin(child.pid, 'server'),
    ]);
    return JSON.parse(stdout) as IndexReport;
  } finally {
    child.kill();
  }
}

async function measureWholePath(run: RowRun): Promise<void> {
  const servers = new Map<number, WholePath>();
  try {
    for (const drivers of sizesOf(run).wholePath) {
      run.say(`${ofDrivers(drivers)} go on duty`);
      servers.set(drivers, await WholePath.start(drivers, run.seed, run.clock));
    }
    // Whole seconds: so often, places are written to Redis.
    const times = run.isQuick ? { warmUpMs: 1_000, measureMs: 1_000 } : { warmUpMs: 2_000, measureMs: 4_000 };
    for (let repeat = 1; repeat <= repeatsOf(run); repeat++)
      for (const [metric, frames] of [
        [CPU[0], 1],
        [CPU[1], 16],
      ] as const)
        for (const [drivers, server] of inTurn([...servers], repeat)) {
          const usage = await server.trial(frames, times);
          const value = usage.serverUsPerPing + usage.redisUsPerPing;
          const sample = { subject: SUBJECT, on: ofDrivers(drivers), repeat, unit: 'µs' };
          if (usage.shortfall !== null) {
            run.skip(`${metric}, ${sample.on}`, usage.shortfall);
            continue;
          }
          run.record({ ...sample, metric, value });
          run.record({ ...sample, metric: `of it in Redis, ${frames} a read`, value: usage.redisUsPerPing });
          run.say(`${sample.on}: ${metric} ${value.toFixed(2)} µs`);
        }
  } finally {
    for (const server of servers.values()) await server.stop();
  }
}

async function measureTripStore(run: RowRun): Promise<void> {
  const stores = await startBenchStores('postgres');
  const grown = new Map<number, GrownTripStore>();
  try {
    for (const trips of sizesOf(run).trips) {
      run.say(`${ofTrips(trips)} are written`);
      grown.set(trips, await GrownTripStore.create(stores, trips, run.seed, run.clock));
    }
    if (!run.isQuick)
      run.skip('10,000,000 trips', '31 GB, and they take longer to write than all other rows to measure');
    for (let repeat = 1; repeat <= repeatsOf(run); repeat++)
      for (const [trips, store] of inTurn([...grown], repeat)) {
        const figures = await store.trial(run.isQuick ? 1_000 : 4_000);
        const sample = { subject: SUBJECT, on: ofTrips(trips), repeat, unit: 'µs' };
        run.record({ ...sample, metric: 'durable transitions', unit: '/s', value: figures.transitionsPerS });
        run.record({
          ...sample,
          metric: TRANSITION,
          value: figures.postgresUsPerTransition,
        });
        for (const [metric, value] of Object.entries(figures.readUs))
          run.record({ ...sample, metric, value });
        run.record({ ...sample, metric: 'sweep of 200 searching trips', value: figures.sweepUs });
        run.say(`${sample.on}: ${figures.transitionsPerS.toFixed(0)} transitions/s`);
      }
  } finally {
    for (const store of grown.values()) await store.stop();
    await stores.stop();
  }
}

/** Another one first in each repeat. */
function inTurn<T>(all: readonly T[], repeat: number): T[] {
  const first = (repeat - 1) % all.length;
  return [...all.slice(first), ...all.slice(0, first)];
}

function goals(figures: Figures): Goal[] {
  const greatest = (unit: string): string | undefined =>
    figures.samples
      .map(({ on }) => on)
      .filter((on) => on.endsWith(unit))
      .sort((a, b) => sizeOf(b) - sizeOf(a))[0];
  const [drivers, trips] = [greatest(' drivers'), greatest(' trips')];
  const byDrivers = (metric: string) => ratio(figures, metric, drivers, ofDrivers(SMALL));
  const byTrips = (metric: string) => ratio(figures, metric, trips, ofTrips(0));
  return [
    atMost('cost per ping with 1M drivers', 1.3, byDrivers(CPU[0]), '× with 10,000'),
    atMost('cost per ping with 1M drivers, 16 frames a read', 1.3, byDrivers(CPU[1]), '× with 10,000'),
    atMost(
      'CPU per durable transition with 1M finished trips',
      1.3,
      byTrips(TRANSITION),
      '× the empty store',
    ),
    atMost('a trip by its id with 1M finished trips', 1.3, byTrips(READS), '× the empty store'),
  ];
}

const sizeOf = (on: string): number => Number(on.replace(/\D/g, ''));

/** Median over the repeats of one size's value divided by the other's within the same repeat. */
function ratio(figures: Figures, metric: string, large: string | undefined, small: string): number | null {
  const of = (on: string | undefined) =>
    new Map(
      figures.samples
        .filter((sample) => sample.on === on && sample.metric === metric)
        .map(({ repeat, value }) => [repeat, value]),
    );
  const base = of(small);
  const ratios = [...of(large)].flatMap(([repeat, value]) =>
    base.has(repeat) ? [value / base.get(repeat)!] : [],
  );
  return ratios.length === 0 ? null : medianOf(ratios);
}
