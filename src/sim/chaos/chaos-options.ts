import { parseArgs } from 'node:util';

export interface ChaosOptions {
  /** Length of the fault phase, ms. */
  readonly forMs: number;
  readonly replicas: number;
  readonly seed: number;
  readonly drivers: number;
  readonly ridesPerS: number;
  /** See ChaosCitySpec. */
  readonly zoneRings: number;
  readonly jsonFile: string | null;
  /** Where histories and logs are kept; null: in a temporary folder, removed after a clean run. */
  readonly dir: string | null;
}

export const CHAOS_USAGE = `Usage: npm run chaos -- [option...]
  --for TIME        faults happen for so long: 30s, 2m, 1h (default 2m)
  --replicas N      servers, 1 to 8 (default 3)
  --seed N          of the faults and of all else left to chance (default 1)
  --drivers N       default 150
  --rides-per-s X   default 1.2
  --zone-rings N    rings of zones around the city's middle, 1 to 3 (default 2: 19 zones)
  --dir DIR         keeps the clients' histories and the servers' logs there
  --json FILE       the figures as JSON`;

/** What is wrong with the command line, in one sentence. */
export class ChaosUsageError extends Error {}

const text = { type: 'string' } as const;
const OPTIONS = {
  for: text,
  replicas: text,
  seed: text,
  drivers: text,
  'rides-per-s': text,
  'zone-rings': text,
  dir: text,
  json: text,
  help: { type: 'boolean' },
} as const;

/** The options on a command line, or null when it asks for help. Throws ChaosUsageError. */
export function parseChaosOptions(args: readonly string[]): ChaosOptions | null {
  let values;
  try {
    ({ values } = parseArgs({ args: [...args], options: OPTIONS }));
  } catch (cause) {
    throw new ChaosUsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  if (values.help === true) return null;
  return {
    forMs: durationMs(values.for ?? '2m'),
    replicas: number('replicas', values.replicas ?? '3', { min: 1, max: 8, isWhole: true }),
    seed: number('seed', values.seed ?? '1', { min: 0, max: Number.MAX_SAFE_INTEGER, isWhole: true }),
    drivers: number('drivers', values.drivers ?? '150', { min: 1, max: 5_000, isWhole: true }),
    ridesPerS: number('rides-per-s', values['rides-per-s'] ?? '1.2', { min: 0.01, max: 100, isWhole: false }),
    zoneRings: number('zone-rings', values['zone-rings'] ?? '2', { min: 1, max: 3, isWhole: true }),
    jsonFile: values.json ?? null,
    dir: values.dir ?? null,
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

function durationMs(given: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([smh])$/.exec(given) ?? [];
  if (amount === undefined || unit === undefined || Number(amount) === 0)
    throw new ChaosUsageError(`--for is a time like 30s, 2m or 1h, and not "${given}".`);
  return Number(amount) * UNIT_MS[unit]!;
}

function number(name: string, given: string, range: { min: number; max: number; isWhole: boolean }): number {
  const { min, max, isWhole } = range;
  const value = Number(given);
  const isGood =
    given.trim() !== '' && value >= min && value <= max && (!isWhole || Number.isSafeInteger(value));
  if (!isGood)
    throw new ChaosUsageError(
      `--${name} is a ${isWhole ? 'whole ' : ''}number from ${min} to ${max}, and not "${given}".`,
    );
  return value;
}
