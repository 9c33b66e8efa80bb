import type { Clock } from './clock.ts';
import type { Log } from './log.ts';

/** A store that is out of reach fails hundreds of times a second; its log does not. */
const LINE_EVERY_MS = 1_000;

/**
 * Logs errors as warnings, one line a second at most; `unsaid` counts those between. Only message and code: clients hang the
 * command that failed on the error, and a login's has the password in it.
 */
export function createErrorLog(options: {
  readonly log: Log;
  readonly clock: Clock;
  readonly what: string;
}): (error: unknown) => void {
  const { log, clock, what } = options;
  let lastMs = -Infinity;
  let unsaid = 0;
  return (error) => {
    const nowMs = clock.nowMs();
    if (nowMs - lastMs < LINE_EVERY_MS) {
      unsaid++;
      return;
    }
    const { message, code } = (
      error instanceof Error ? error : new Error(String(error))
    ) as NodeJS.ErrnoException;
    log.warn({ error: message, ...(code === undefined ? {} : { code }), unsaid }, what);
    lastMs = nowMs;
    unsaid = 0;
  };
}
