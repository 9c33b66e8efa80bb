import { expect, test } from 'vitest';
import { inParallel } from '../../../bench/load/in-parallel.ts';
import { OpenLoop, shortfallOf } from '../../../bench/load/open-loop.ts';
import { createWallClock } from '../../../src/lib/clock.ts';

test('an open loop writes in order what is due, and nothing once it is stopped', async () => {
  const numbers: number[] = [];
  const enough = new Promise<OpenLoop>((resolve) => {
    const loop: OpenLoop = new OpenLoop(createWallClock(), 50_000, (n) => {
      numbers.push(n);
      if (numbers.length === 200) resolve(loop);
    });
  });
  const loop = await enough;
  loop.stop();
  const written = numbers.length;
  // A timer made after the loop's own fires after it.
  await new Promise<void>((resolve) => void createWallClock().after(5, resolve));
  expect(numbers).toEqual(Array.from({ length: written }, (_, n) => n));
  expect(loop.lateMsMax).toBeGreaterThan(0);
});

test('a load that stays behind its plan says so, one that all but keeps it does not', () => {
  expect(shortfallOf(33_600, 50_000)).toBe('the load could send only 33,600 of 50,000 pings/s');
  expect(shortfallOf(49_000, 50_000)).toBeNull();
});

test('work in parallel is called with each number once, never more at once than allowed', async () => {
  const called: number[] = [];
  let busy = 0;
  let busiest = 0;
  await inParallel(20, 3, async (n) => {
    called.push(n);
    busiest = Math.max(busiest, ++busy);
    await Promise.resolve();
    busy--;
  });
  expect(called).toEqual(Array.from({ length: 20 }, (_, n) => n));
  expect(busiest).toBe(3);
  await expect(inParallel(2, 2, () => Promise.reject(new Error('refused')))).rejects.toThrow('refused');
});
