import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { createWallClock } from '../../lib/clock.ts';
import { commitOf } from '../commit.ts';
import { CANARIES, isCanary, needsReplicas, type Canary } from './canary.ts';
import type { WorldOutcome } from './run-world.ts';
import { runSeeds } from './seed-pool.ts';
import { addOutcome, createTotals, totalsText, type SimTotals } from './totals.ts';

const USAGE = `npm run sim -- [--seeds N] [--seed S] [--replicas N] [--canary NAME] [--threads T] [--json FILE]
  --seeds N      worlds to run, from seed S on (default 20; 1 when only --seed is given)
  --seed S       the first seed (default 1)
  --replicas N   servers in each world (default 1); with more a world is shorter and more goes wrong in it
  --canary NAME  put a bug in, to see it caught:
${Object.entries(CANARIES)
  .map(([name, what]) => `                 ${name.padEnd(24)}${what}`)
  .join('\n')}
  --threads T    worlds at a time (default: 2, or as many as there are cores)
  --json FILE    the totals and every world's figures`;

const PROGRESS_EVERY = 25;

interface SimOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly replicas: number;
  readonly canary: Canary | null;
  readonly threads: number;
  readonly json: string | null;
}

/** Where lines go: standard output, unless a test listens. */
type Print = (line: string) => void;

/**
 * `npm run sim`: runs worlds by seed and checks the rules of design.md in each. Answers the exit code: 0 = all clean, 1 = a rule
 * was broken (then the seed, the commit and what led to it are printed), 2 = the arguments make no sense.
 */
export async function runSim(args: readonly string[], print: Print = printOut): Promise<number> {
  if (args.includes('--help')) {
    print(USAGE);
    return 0;
  }
  const options = readOptions(args, print);
  if (options === null) return 2;
  const { firstSeed, seeds, replicas, canary } = options;
  const commit = commitOf();
  print(
    `sim: seeds ${firstSeed} to ${firstSeed + seeds - 1}, commit ${commit}${replicas === 1 ? '' : `, ${replicas} replicas`}${canary === null ? '' : `, canary ${canary}`}`,
  );
  const stopwatch = createWallClock();
  const startedMs = stopwatch.nowMs();
  const totals = createTotals();
  const outcomes: WorldOutcome[] = [];
  await runSeeds({
    ...options,
    finished(outcome) {
      addOutcome(totals, outcome);
      outcomes.push(outcome);
      if (totals.worlds % PROGRESS_EVERY === 0)
        print(`${totals.worlds}/${seeds} worlds, ${totals.events} events`);
      if (outcome.violations.length > 0) reportViolations(outcome, { commit, replicas, canary, print });
      return outcome.violations.length === 0;
    },
  });
  const tookS = (stopwatch.nowMs() - startedMs) / 1000;
  print(`${totalsText(totals)}, ${tookS.toFixed(1)} s`);
  if (options.json !== null) writeJson(options.json, { commit, options, tookS, totals, outcomes });
  print(totals.violations === 0 ? 'clean' : `NOT CLEAN: ${totals.violations} violation(s)`);
  return totals.violations === 0 ? 0 : 1;
}

function readOptions(args: readonly string[], print: Print): SimOptions | null {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { seeds: text, seed: text, replicas: text, canary: text, threads: text, json: text },
    });
    const canary = values.canary ?? null;
    if (canary !== null && !isCanary(canary)) throw new Error(`there is no canary ${canary}`);
    const replicas = wholeNumber('replicas', values.replicas, 1, 1);
    if (canary !== null && needsReplicas(canary) && replicas === 1)
      throw new Error(`canary ${canary} needs --replicas 2 or more`);
    return {
      firstSeed: wholeNumber('seed', values.seed, 1, 0),
      seeds: wholeNumber('seeds', values.seeds, values.seed === undefined ? 20 : 1, 1),
      replicas,
      canary,
      threads: wholeNumber('threads', values.threads, Math.min(2, availableParallelism()), 0),
      json: values.json ?? null,
    };
  } catch (error) {
    print(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return null;
  }
}

function wholeNumber(name: string, given: string | undefined, otherwise: number, min: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!Number.isSafeInteger(value) || value < min)
    throw new Error(`--${name} must be a whole number from ${min}`);
  return value;
}

function reportViolations(
  outcome: WorldOutcome,
  run: { commit: string; replicas: number; canary: Canary | null; print: Print },
): void {
  const { commit, replicas, canary, print } = run;
  const flags = `${replicas === 1 ? '' : ` --replicas ${replicas}`}${canary === null ? '' : ` --canary ${canary}`}`;
  const again = `npm run sim -- --seed ${outcome.seed}${flags}`;
  print(
    `\nseed ${outcome.seed} (${outcome.mode}, commit ${commit}, digest ${outcome.digest}); again: ${again}`,
  );
  for (const { rule, tripId, detail } of outcome.violations) print(`${rule} ${tripId ?? ''} ${detail}`);
  for (const line of outcome.trace) print(`  ${line}`);
  print('');
}

function writeJson(
  file: string,
  report: {
    readonly commit: string;
    readonly options: SimOptions;
    readonly tookS: number;
    readonly totals: SimTotals;
    readonly outcomes: readonly WorldOutcome[];
  },
): void {
  const outcomes = [...report.outcomes].sort((a, b) => a.seed - b.seed);
  writeFileSync(file, `${JSON.stringify({ ...report, outcomes }, null, 1)}\n`);
}

function printOut(line: string): void {
  process.stdout.write(`${line}\n`);
}
