import { parseArgs } from 'node:util';

const REPEATS = { full: 5, quick: 1, max: 100 };
const SEED_MAX = 2 ** 31 - 1;

/** What `npm run bench -- …` asks for. */
export interface SuiteOptions {
  /** Rows in the order in which they were asked for, each once; none is all. */
  readonly names: readonly string[];
  /** Where the JSON goes. */
  readonly json?: string;
  readonly isQuick: boolean;
  readonly repeats: number;
  readonly seed: number;
  readonly keepsHistory: boolean;
  /** A missed goal makes the exit code 1. */
  readonly isStrict: boolean;
  /** What to do instead of measuring. */
  readonly instead?: 'list' | 'help' | 'plots';
}

/** Told in one sentence and without a stack; the exit code is 2. */
export class UsageError extends Error {}

export const USAGE = `npm run bench [-- NAME ... OPTION ...]

Measures the rows NAME ... (all without one), one after the other; bench/README.md says how, and how to read what comes out.

  --quick        under 3 minutes for all rows: smaller sizes, fewer repeats, nothing is installed
  --repeats N    how often each subject is measured: 1 to ${REPEATS.max}, ${REPEATS.full} by default, ${REPEATS.quick} with --quick
  --seed N       of the generated load: 0 to ${SEED_MAX}, 1 by default
  --json FILE    writes everything that was measured, and the goals
  --no-history   does not add to bench/history.ndjson and does not draw bench/plots anew
  --no-install   leaves out the peers whose Debian packages are not installed yet
  --plots-only   draws bench/plots from the history and measures nothing
  --strict       exit code 1 when a goal is missed
  --list         names of the rows
  --help         this

Exit code: 0 when all rows were measured, 1 when one was not, 2 for a wrong option, 130 after Ctrl-C.`;

/** @throws {UsageError} for what is not an option, a value out of range, or a row that is not among `rowNames`. */
export function readSuiteOptions(args: readonly string[], rowNames: readonly string[]): SuiteOptions {
  const { values, positionals } = parse(args);
  const unknown = positionals.find((name) => !rowNames.includes(name));
  if (unknown !== undefined) throw new UsageError(`there is no row "${unknown}": ${rowNames.join(', ')}`);
  if (values.json === '') throw new UsageError('--json needs the name of a file');
  const isQuick = values.quick ?? false;
  const instead = values.help ? 'help' : values.list ? 'list' : values['plots-only'] ? 'plots' : undefined;
  return {
    ...{ names: [...new Set(positionals)], isQuick },
    ...(values.json === undefined ? {} : { json: values.json }),
    repeats: wholeNumber('--repeats', values.repeats, 1, REPEATS.max) ?? REPEATS[isQuick ? 'quick' : 'full'],
    seed: wholeNumber('--seed', values.seed, 0, SEED_MAX) ?? 1,
    keepsHistory: !(values['no-history'] ?? false),
    isStrict: values.strict ?? false,
    ...(instead === undefined ? {} : { instead }),
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        repeats: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'string' },
        'no-history': { type: 'boolean' },
        // Heard by the set-up, before this program runs.
        'no-install': { type: 'boolean' },
        'plots-only': { type: 'boolean' },
        strict: { type: 'boolean' },
        list: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    });
  } catch (cause) {
    // Node's messages go on with advice that is not ours.
    const message = (cause as Error).message.split(/[.\n]/)[0]!;
    throw new UsageError(`${message.charAt(0).toLowerCase()}${message.slice(1)} (--help lists the options)`, {
      cause,
    });
  }
}

function wholeNumber(option: string, text: string | undefined, least: number, most: number): number | null {
  if (text === undefined) return null;
  const value = /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option} is a whole number from ${least} to ${most}, not "${text}"`);
}
