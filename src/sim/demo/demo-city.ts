import type { City } from '../city/city.ts';
import { generateCity } from '../city/generated.ts';
import { CITY_RECORDS, loadCity, loadTraceFiles } from '../city/replay.ts';
import type { DemoOptions } from './demo-options.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Without --for the generated city goes on so long. */
const EVENING_MS = 6 * HOUR_MS;
/** Records are read from a little earlier on, so that cabs between two fixes are about at once: see CAB_GAP_MS_MAX. */
const LEAD_MS = 15 * 60_000;
/** Stretch of the record beyond the last request: trips end, cabs go on. */
const TAIL_MS = HOUR_MS;
const FILES_UTC_OFFSET_MS = 0;

/** A city, and the moment in it (its own time) at which riders begin to ask. */
export interface DemoCity {
  readonly city: City;
  readonly beginsMs: number;
}

/** Makes or loads the city that the options name. Error in one sentence when its record is not at hand. */
export function openDemoCity(options: DemoOptions, dataDir: string | undefined): DemoCity {
  const { city: choice, fromMinute, seed } = options;
  const fleet = options.fleet ?? undefined;
  const askMs = options.forMs === null ? EVENING_MS : options.forMs * options.speed;
  switch (choice.kind) {
    case 'generated': {
      const startHour = fromMinute === null ? undefined : fromMinute / 60;
      const durationMs = Math.min(DAY_MS, Math.max(askMs, 60_000));
      const city = generateCity({ seed, durationMs, startHour, fleet });
      return { city, beginsMs: city.startMs };
    }
    case 'recorded': {
      const record = CITY_RECORDS[choice.name];
      const offsetMs = loadOffset(choice.name);
      const beginsMs = fromMinute === null ? record.busyMs : momentOf(fromMinute, record, offsetMs);
      const window = { fromMs: beginsMs - LEAD_MS, toMs: windowEnd(options, beginsMs) };
      return { city: loadCity(choice.name, { dataDir, fleet, seed, ...window }), beginsMs };
    }
    case 'files': {
      const { tracesFile, tripsFile } = choice;
      const city = loadTraceFiles({ tracesFile, tripsFile, fleet, seed });
      const beginsMs =
        fromMinute === null ? busiestHour(city) : momentOf(fromMinute, city, FILES_UTC_OFFSET_MS);
      return { city, beginsMs };
    }
  }
}

function windowEnd({ forMs, speed }: DemoOptions, beginsMs: number): number | undefined {
  return forMs === null ? undefined : beginsMs + forMs * speed + TAIL_MS;
}

const UTC_OFFSETS_MS = {
  'sf-2008': -7 * HOUR_MS,
  'manhattan-2013': -5 * HOUR_MS,
  'beijing-2008': 8 * HOUR_MS,
  'porto-2013': HOUR_MS,
} as const;
const loadOffset = (name: keyof typeof UTC_OFFSETS_MS): number => UTC_OFFSETS_MS[name];

/** The first time of that day's minute in a record; Error when the record does not reach it. */
function momentOf(
  minute: number,
  record: { readonly startMs: number; readonly endMs: number },
  utcOffsetMs: number,
): number {
  const midnightMs = Math.floor((record.startMs + utcOffsetMs) / DAY_MS) * DAY_MS - utcOffsetMs;
  const momentMs = midnightMs + minute * 60_000;
  const nextMs = momentMs < record.startMs ? momentMs + DAY_MS : momentMs;
  if (nextMs < record.endMs) return nextMs;
  const clockTime = (timeMs: number): string => new Date(timeMs + utcOffsetMs).toISOString().slice(11, 16);
  throw new Error(
    `The record spans ${clockTime(record.startMs)} to ${clockTime(record.endMs)} local time: --from lies outside.`,
  );
}

/** Start of the hour with the most rides, on the hour. */
function busiestHour({ rides, startMs }: City): number {
  const counts = new Map<number, number>();
  for (const { requestedMs } of rides) {
    const hour = Math.floor(requestedMs / HOUR_MS);
    counts.set(hour, (counts.get(hour) ?? 0) + 1);
  }
  const [busiest] = [...counts].sort(([a, many], [b, more]) => more - many || a - b);
  return busiest === undefined ? startMs : Math.max(startMs, busiest[0] * HOUR_MS);
}
