import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { isCanary } from './canary.ts';
import { runWorld } from './run-world.ts';

/** What a worker thread of the simulation is given; it gets seeds as messages and answers each with its outcome. */
export interface SeedWorkerData {
  readonly purpose: 'simulation';
  readonly canary: string | null;
  readonly replicas: number;
}

/** This file, as the program of a worker thread. */
export const SEED_WORKER = new URL(import.meta.url);

const isSeedWorker = (data: unknown): data is SeedWorkerData =>
  typeof data === 'object' && data !== null && (data as SeedWorkerData).purpose === 'simulation';

if (!isMainThread && isSeedWorker(workerData)) {
  const { canary: name, replicas } = workerData;
  const canary = name !== null && isCanary(name) ? name : null;
  parentPort?.on('message', (seed: number) => {
    void runWorld({ seed, canary, replicas }).then((outcome) => parentPort?.postMessage(outcome));
  });
}
