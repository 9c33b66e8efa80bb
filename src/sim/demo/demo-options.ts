import { parseArgs } from 'node:util';
import { MATCH_MODES, type MatchMode } from '../../domain/market.ts';
import { CITY_NAMES, type CityName } from '../city/replay.ts';

/** Which city: generated, recorded, or from two files. */
export type CityChoice =
  | { readonly kind: 'generated' }
  | { readonly kind: 'recorded'; readonly name: CityName }
  | { readonly kind: 'files'; readonly tracesFile: string; readonly tripsFile: string };

export interface DemoOptions {
  /** Wall time that riders ask for rides, ms; null: until Ctrl-C, or until the city's record ends. */
  readonly forMs: number | null;
  /** City seconds per second. */
  readonly speed: number;
  readonly seed: number;
  readonly city: CityChoice;
  /** Minutes after local midnight at which to begin; null: the city's busy hour. */
  readonly fromMinute: number | null;
  readonly fleet: number | null;
  /** One run each, one after the other. */
  readonly modes: readonly MatchMode[];
  readonly jsonFile: string | null;
  readonly port: number;
  /** Wall time for open trips to end, after the last request, ms. */
  readonly drainMs: number;
}

export const DEMO_USAGE = `Usage: npm run demo -- [option...]
  --for TIME         riders ask for so long, wall time: 30s, 2m, 1h (default: until Ctrl-C)
  --speed N          city seconds per second, 1 to 120 (default 20)
  --seed N           of everything left to chance (default 1)
  --city NAME        a seeded San Francisco evening (default), or a record in the folder HEXDISPATCH_DATA:
                     ${CITY_NAMES.join(', ')}
  --traces FILE --trips FILE   any city's records in the columns of San Francisco's
  --from HH:MM       local time at which the city begins (default: its busy hour)
  --fleet N          number of drivers (default: as recorded)
  --mode MODE[,MODE] ${MATCH_MODES.join(', ')} (default batch); several: one run each, side by side
  --drain TIME       wall time for open trips to end after the last request (default 20s)
  --port N           the server's port (default: a free one)
  --json FILE        the summary as JSON`;

/** What is wrong with the command line, in one sentence. */
export class UsageError extends Error {}

const OPTIONS = {
  for: { type: 'string' },
  speed: { type: 'string' },
  seed: { type: 'string' },
  city: { type: 'string' },
  traces: { type: 'string' },
  trips: { type: 'string' },
  from: { type: 'string' },
  fleet: { type: 'string' },
  mode: { type: 'string' },
  drain: { type: 'string' },
  port: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean' },
} as const;

type Values = { -readonly [K in Exclude<keyof typeof OPTIONS, 'help'>]?: string };

/** The options on a command line, or null when it asks for help. Throws UsageError. */
export function parseDemoOptions(args: readonly string[]): DemoOptions | null {
  const values = valuesOf(args);
  if (values === null) return null;
  return {
    forMs: values.for === undefined ? null : durationMs('--for', values.for),
    speed: number('--speed', values.speed ?? '20', { min: 1, max: 120 }),
    seed: whole('--seed', values.seed ?? '1', 0, Number.MAX_SAFE_INTEGER),
    city: cityOf(values),
    fromMinute: values.from === undefined ? null : minuteOf(values.from),
    fleet: values.fleet === undefined ? null : whole('--fleet', values.fleet, 1, 100_000),
    modes: modesOf(values.mode ?? 'batch'),
    jsonFile: values.json ?? null,
    port: whole('--port', values.port ?? '0', 0, 65_535),
    drainMs: durationMs('--drain', values.drain ?? '20s'),
  };
}

function valuesOf(args: readonly string[]): Values | null {
  // `--for` alone says what leaving it out says: until Ctrl-C.
  const given = args.filter((arg, at) => arg !== '--for' || !(args[at + 1] ?? '--').startsWith('--'));
  let parsed;
  try {
    parsed = parseArgs({ args: given, options: OPTIONS, strict: true, allowPositionals: true, tokens: true });
  } catch (cause) {
    throw new UsageError(sentenceOf(cause), { cause });
  }
  const [stray] = parsed.positionals;
  if (stray !== undefined) throw new UsageError(`"${stray}" belongs to no option.`);
  const names = parsed.tokens.flatMap((token) => (token.kind === 'option' ? [token.name] : []));
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new UsageError(`--${twice} is given twice.`);
  const { help, ...values } = parsed.values;
  return help === true ? null : values;
}

/** Node's own messages go on with advice that does not fit here. */
function sentenceOf(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return `${text.split('. ')[0]?.split('\n')[0]?.replace(/\.$/, '') ?? text}.`;
}

function number(name: string, text: string, range: { min: number; max: number }): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= range.min && value <= range.max) return value;
  throw new UsageError(`${name} is a number from ${range.min} to ${range.max}, not "${text}".`);
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = number(name, text, { min, max });
  if (Number.isInteger(value)) return value;
  throw new UsageError(`${name} is a whole number, not "${text}".`);
}

const UNIT_MS = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 } as const;

function durationMs(name: string, text: string): number {
  const match = /^([0-9]+(?:\.[0-9]+)?)(s|m|h|)$/.exec(text);
  const ms = match === null ? 0 : Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
  if (ms >= 1000 && ms <= 24 * 3_600_000) return ms;
  throw new UsageError(`${name} is a time from 1s to 24h, like 30s or 2m, not "${text}".`);
}

function minuteOf(text: string): number {
  const match = /^([01]?[0-9]|2[0-3]):([0-5][0-9])$/.exec(text);
  if (match === null) throw new UsageError(`--from is a time of day like 18:30, not "${text}".`);
  return Number(match[1]) * 60 + Number(match[2]);
}

function modesOf(text: string): MatchMode[] {
  const modes = text.split(',').map((name) => {
    const mode = MATCH_MODES.find((known) => known === name.trim());
    if (mode !== undefined) return mode;
    throw new UsageError(`--mode knows ${MATCH_MODES.join(', ')}, not "${name}".`);
  });
  if (new Set(modes).size !== modes.length) throw new UsageError('--mode names a mode twice.');
  return modes;
}

function cityOf({ city, traces, trips }: Values): CityChoice {
  if (traces !== undefined || trips !== undefined) {
    if (city !== undefined) throw new UsageError('--city and --traces/--trips exclude each other.');
    if (traces === undefined || trips === undefined)
      throw new UsageError('--traces and --trips belong together.');
    return { kind: 'files', tracesFile: traces, tripsFile: trips };
  }
  if (city === undefined) return { kind: 'generated' };
  const name = CITY_NAMES.find((known) => known === city);
  if (name === undefined) throw new UsageError(`--city knows ${CITY_NAMES.join(', ')}, not "${city}".`);
  return { kind: 'recorded', name };
}
