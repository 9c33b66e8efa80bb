import { Worker } from 'node:worker_threads';
import type { Canary } from './canary.ts';
import { runWorld, type WorldOutcome } from './run-world.ts';
import { SEED_WORKER, type SeedWorkerData } from './seed-worker.ts';

export interface SeedRun {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly canary: Canary | null;
  readonly replicas: number;
  /** Threads; 0 = in this one. Worlds share nothing, so their number changes no outcome. */
  readonly threads: number;
  /** Called once per seed, in the order in which they finish. False = no further seeds; those begun are still finished. */
  readonly finished: (outcome: WorldOutcome) => boolean;
}

/** Runs the worlds of consecutive seeds. Rejects when a thread breaks. */
export async function runSeeds(run: SeedRun): Promise<void> {
  let next = run.firstSeed;
  let goesOn = true;
  const draw = (): number | null => (goesOn && next < run.firstSeed + run.seeds ? next++ : null);
  const finished = (outcome: WorldOutcome): void => {
    if (!run.finished(outcome)) goesOn = false;
  };
  if (run.threads > 0) {
    const threads = Array.from({ length: run.threads }, () => runThread(run, draw, finished));
    await Promise.all(threads);
    return;
  }
  for (let seed = draw(); seed !== null; seed = draw())
    finished(await runWorld({ seed, canary: run.canary, replicas: run.replicas }));
}

function runThread(
  { canary, replicas }: SeedRun,
  draw: () => number | null,
  finished: (outcome: WorldOutcome) => void,
): Promise<void> {
  const data: SeedWorkerData = { purpose: 'simulation', canary, replicas };
  const worker = new Worker(SEED_WORKER, { workerData: data });
  return new Promise((resolve, reject) => {
    const handOut = (): void => {
      const seed = draw();
      if (seed === null) void worker.terminate().then(() => resolve(), reject);
      else worker.postMessage(seed);
    };
    worker.on('message', (outcome: WorldOutcome) => {
      finished(outcome);
      handOut();
    });
    worker.on('error', reject);
    handOut();
  });
}
