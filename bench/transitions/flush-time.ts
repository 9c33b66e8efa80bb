import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { medianOf } from '../suite/figures.ts';

/** PostgreSQL's page of log: what a small commit writes. */
const PAGE = 8_192;
const WRITES = 200;

/**
 * How long the disk below `dir` takes to make one written page durable, µs: median of pwrite and fdatasync over a file that has its size already,
 * as PostgreSQL's log has. What groups gain depends on it.
 */
export async function flushTimeUs(dir: string): Promise<number> {
  const name = path.join(dir, 'flush-time');
  const file = await open(name, 'w');
  try {
    const page = Buffer.alloc(PAGE, 1);
    for (let at = 0; at < WRITES; at++) await file.write(page, 0, PAGE, at * PAGE);
    await file.sync();
    const timesUs: number[] = [];
    for (let at = 0; at < WRITES; at++) {
      const sinceMs = performance.now();
      await file.write(page, 0, PAGE, at * PAGE);
      await file.datasync();
      timesUs.push((performance.now() - sinceMs) * 1_000);
    }
    return medianOf(timesUs);
  } finally {
    await file.close();
    await rm(name);
  }
}
