import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import { uniform } from '../apps/chance.ts';

/** What happens to one replica. `kill` is kill -9, `stop` SIGSTOP and later SIGCONT, `drain` an orderly restart. */
type ReplicaFaultKind =
  | 'kill'
  | 'stop'
  | 'drain'
  | 'redis_cut'
  | 'redis_frozen'
  | 'redis_slow'
  | 'postgres_cut'
  | 'postgres_frozen'
  | 'postgres_slow'
  | 'stores_cut'
  | 'clients_cut'
  | 'clients_slow';
/** What happens to a store, and so to all replicas. */
const STORE_FAULTS = ['redis_flush', 'redis_restart', 'postgres_restart', 'postgres_crash'] as const;

type StoreFaultKind = (typeof STORE_FAULTS)[number];
export type FaultKind = ReplicaFaultKind | StoreFaultKind;

interface Moment {
  /** From the start of the fault phase. */
  readonly atMs: number;
  /**
   * How long the link is bad or the process stopped, or how long a process that has ended stays away before it is started
   * again; 0 for the faults of a store, which take what they take.
   */
  readonly forMs: number;
}

export interface ReplicaFault extends Moment {
  readonly kind: ReplicaFaultKind;
  readonly replica: number;
}

interface StoreFault extends Moment {
  readonly kind: StoreFaultKind;
  readonly replica: null;
}

export type Fault = ReplicaFault | StoreFault;

export interface ScheduleOptions {
  readonly prng: Prng;
  readonly replicas: number;
  /** Length of the fault phase; every fault is over by then, but for what a start or a recovery takes. */
  readonly forMs: number;
}

/** So that 10 minutes have 40 kills or more. */
const KILL_EVERY_MS: readonly [number, number] = [9_000, 15_000];
const FIRST_KILL_MS: readonly [number, number] = [2_000, 4_000];
const OTHERS_EVERY_MS: readonly [number, number] = [3_000, 7_000];
/** What a process needs to serve again, or a store to recover, on a busy machine: nothing else happens to it meanwhile. */
const START_MS = 4_000;

interface Choice {
  readonly weight: number;
  readonly forMs: readonly [number, number];
}

/** Shorter than a lease and longer: both must do no harm. */
const CHOICES: Readonly<Record<Exclude<FaultKind, 'kill'>, Choice>> = {
  stop: { weight: 4, forMs: [1_000, 15_000] },
  drain: { weight: 2, forMs: [200, 2_000] },
  redis_cut: { weight: 2, forMs: [500, 9_000] },
  redis_frozen: { weight: 2, forMs: [500, 9_000] },
  redis_slow: { weight: 2, forMs: [2_000, 8_000] },
  postgres_cut: { weight: 2, forMs: [500, 6_000] },
  postgres_frozen: { weight: 1, forMs: [500, 6_000] },
  postgres_slow: { weight: 2, forMs: [2_000, 8_000] },
  stores_cut: { weight: 2, forMs: [1_000, 8_000] },
  clients_cut: { weight: 2, forMs: [200, 4_000] },
  clients_slow: { weight: 2, forMs: [2_000, 8_000] },
  redis_flush: { weight: 2, forMs: [0, 0] },
  redis_restart: { weight: 1, forMs: [0, 0] },
  postgres_restart: { weight: 1, forMs: [0, 0] },
  postgres_crash: { weight: 1, forMs: [0, 0] },
};
/** What does not fit just now gives way to something that does. */
const CHOICES_MAX = 4;
const KILL_DOWN_MS: readonly [number, number] = [1_000, 8_000];

/**
 * The faults of a run, by time; the same for the same seed and options. At least one replica of several is always without a
 * fault of its own, a store suffers one fault at a time, and two things happen at once often enough.
 */
export function planFaults(options: ScheduleOptions): Fault[] {
  assert(options.replicas >= 1, 'somebody must serve');
  return new Planner(options).plan();
}

class Planner {
  private readonly options: ScheduleOptions;
  private readonly faults: Fault[] = [];
  private readonly busyUntilMs: number[];
  private storesBusyUntilMs = 0;

  constructor(options: ScheduleOptions) {
    this.options = options;
    this.busyUntilMs = Array.from({ length: options.replicas }, () => 0);
  }

  plan(): Fault[] {
    const { prng, forMs } = this.options;
    let killMs = uniform(prng, FIRST_KILL_MS);
    let otherMs = killMs + uniform(prng, OTHERS_EVERY_MS);
    while (Math.min(killMs, otherMs) < forMs) {
      if (killMs <= otherMs) {
        // Kills are what counts: one that would leave nobody waits a moment.
        if (this.add('kill', killMs)) killMs += uniform(prng, KILL_EVERY_MS);
        else killMs += 500;
      } else {
        for (let tries = 0; tries < CHOICES_MAX && !this.add(this.choose(), otherMs);) tries += 1;
        otherMs += uniform(prng, OTHERS_EVERY_MS);
      }
    }
    return this.faults;
  }

  private choose(): FaultKind {
    const entries = Object.entries(CHOICES) as [keyof typeof CHOICES, Choice][];
    let left = this.options.prng.float() * entries.reduce((sum, [, { weight }]) => sum + weight, 0);
    for (const [kind, { weight }] of entries) {
      left -= weight;
      if (left < 0) return kind;
    }
    return 'stop';
  }

  /** False when it would be too much at once. */
  private add(kind: FaultKind, atMs: number): boolean {
    const { prng, forMs: phaseMs } = this.options;
    const wantedMs = uniform(prng, kind === 'kill' ? KILL_DOWN_MS : CHOICES[kind].forMs);
    const forMs = Math.round(Math.min(wantedMs, phaseMs - atMs));
    const at = { atMs: Math.round(atMs), forMs };
    if (isStoreFault(kind)) {
      if (this.storesBusyUntilMs > atMs) return false;
      this.storesBusyUntilMs = atMs + START_MS;
      this.faults.push({ kind, replica: null, ...at });
      return true;
    }
    const free = this.busyUntilMs.flatMap((untilMs, replica) => (untilMs <= atMs ? [replica] : []));
    if (free.length === 0 || (free.length === 1 && this.options.replicas > 1)) return false;
    const replica = free[prng.int(free.length)]!;
    this.busyUntilMs[replica] = atMs + forMs + START_MS;
    this.faults.push({ kind, replica, ...at });
    return true;
  }
}

const isStoreFault = (kind: FaultKind): kind is StoreFaultKind =>
  (STORE_FAULTS as readonly string[]).includes(kind);
