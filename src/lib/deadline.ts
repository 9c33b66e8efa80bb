import type { Clock } from './clock.ts';

/**
 * Settles as `work` does, or resolves to `instead()` when that takes longer than `delayMs`. The work itself goes on: what becomes of it
 * then is told to nobody here.
 */
export function withDeadline<T>(
  clock: Clock,
  delayMs: number,
  work: Promise<T>,
  instead: () => T,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(delayMs, () => resolve(instead()));
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: Error) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
