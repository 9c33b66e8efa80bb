import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { pin } from '../suite/pinning.ts';

/** What a filled index told of itself. */
export interface IndexMemory {
  readonly drivers: number;
  /** Drivers with a place. */
  readonly placed: number;
  /** Typed arrays and ids. */
  readonly bytes: number;
}

/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./index-memory-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;

/** The memory of an index with so many drivers, in a process of its own. Rejects when not all found a place in it. */
export async function measureIndex(drivers: number, clock: Clock): Promise<IndexMemory> {
  const child = new Child({
    ...{ name: 'the index', args: ['--expose-gc', SCRIPT, String(drivers)], env: process.env, clock },
  });
  try {
    await pin(child.pid!, 'any');
    const memory = await child.firstLine((line) => JSON.parse(line) as IndexMemory);
    if (memory.drivers !== drivers || memory.placed !== drivers)
      throw new Error(
        `${memory.drivers} of ${drivers} drivers are in the index, ${memory.placed} with a place`,
      );
    return memory;
  } finally {
    await child.stop(STOP_MS_MAX);
  }
}
