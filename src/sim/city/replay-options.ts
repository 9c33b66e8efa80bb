import type { TimeWindow } from './trace-files.ts';

/** What part of a record to replay. */
export interface ReplayOptions extends TimeWindow {
  /** The folder of the records (HEXDISPATCH_DATA). */
  readonly dataDir: string | undefined;
  /** A seeded choice of so many drivers; all by default. Error when the record has fewer. */
  readonly fleet?: number | undefined;
  /** For whatever the record leaves to chance; default 1. */
  readonly seed?: number | bigint | undefined;
}

/** The part of a record's span that lies in the window; Error when they do not meet. */
export function spanOf(
  record: { readonly startMs: number; readonly endMs: number },
  window: TimeWindow,
): { startMs: number; endMs: number } {
  const startMs = Math.max(record.startMs, window.fromMs ?? -Infinity);
  const endMs = Math.min(record.endMs, window.toMs ?? Infinity);
  if (startMs < endMs) return { startMs, endMs };
  const iso = (timeMs: number): string => new Date(timeMs).toISOString();
  throw new Error(
    `Nothing was recorded then: the record spans ${iso(record.startMs)} to ${iso(record.endMs)}.`,
  );
}
