import { cpuMs, stopwatchMs } from '../../src/lib/clock.ts';
import { medianOf } from './figures.ts';
import { endedCpuUs, machineCpuUs } from './process-usage.ts';

const ROUNDS = 5;
/** A few milliseconds a round. */
const STEPS = 4_000_000;

/** How quick the machine is at one moment: the same whole-number work each time. A wall time above the CPU time is waiting for a CPU. */
export interface Pace {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/** What the machine did beside a row, and how quick it was before and after it. */
export interface MachineLoad {
  readonly wallS: number;
  /** CPU time of programs that are not ours, as a share of one CPU. */
  readonly foreignCpus: number;
  /** CPU time that the hypervisor gave to others, as a share of one CPU. */
  readonly stolenCpus: number;
  readonly before: Pace;
  readonly after: Pace;
}

/** Times the fixed work: the median of a few rounds, after one that warms up. Blocks for some 30 ms. */
export function readPace(): Pace {
  const rounds: Pace[] = [];
  work();
  for (let i = 0; i < ROUNDS; i++) {
    const [cpu, wall] = [cpuMs(), stopwatchMs()];
    work();
    rounds.push({ cpuMs: cpuMs() - cpu, wallMs: stopwatchMs() - wall });
  }
  const median = (of: keyof Pace): number => medianOf(rounds.map((round) => round[of]));
  return { cpuMs: median('cpuMs'), wallMs: median('wallMs') };
}

/** Marsaglia's xorshift32: each step needs the one before, so the compiler cannot leave any out. */
function work(): number {
  let x = 1;
  for (let i = 0; i < STEPS; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
  }
  return x;
}

/** Starts watching; the function answered tells what happened since. All that was started in between has to have ended by then. */
export async function watchMachine(): Promise<() => Promise<MachineLoad>> {
  const before = readPace();
  const [startMs, from, oursFromUs] = [stopwatchMs(), await machineCpuUs(), await endedCpuUs()];
  return async () => {
    const [wallUs, to, oursToUs] = [
      (stopwatchMs() - startMs) * 1e3,
      await machineCpuUs(),
      await endedCpuUs(),
    ];
    const foreignUs = to.busyUs - from.busyUs - (oursToUs - oursFromUs);
    return {
      wallS: wallUs / 1e6,
      // The counts are to 10 ms: a quiet machine may come out a little below nothing.
      foreignCpus: Math.max(0, foreignUs / wallUs),
      stolenCpus: (to.stolenUs - from.stolenUs) / wallUs,
      ...{ before, after: readPace() },
    };
  };
}
