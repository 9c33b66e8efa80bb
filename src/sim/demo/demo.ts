import { writeFile } from 'node:fs/promises';
import type { MatchMode } from '../../domain/market.ts';
import { DEMO_USAGE, type DemoOptions, parseDemoOptions, UsageError } from './demo-options.ts';
import { DemoRun } from './demo-run.ts';
import type { DemoWorld } from './demo-world.ts';
import { renderSummary, type Summary, summaryJson } from './summary.ts';

/**
 * `npm run demo`: a city on a server, once per mode, and a summary. Answers the exit code: 0 when every run's audit is clean, 1
 * when not or when something crashed (said in words), 2 for a command line that cannot be understood.
 */
export async function runDemo(args: readonly string[], world: DemoWorld): Promise<number> {
  const { screen } = world;
  let options: DemoOptions | null;
  try {
    options = parseDemoOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    screen.write(`${error.message}\n${DEMO_USAGE}\n`);
    return 2;
  }
  if (options === null) {
    screen.write(`${DEMO_USAGE}\n`);
    return 0;
  }
  try {
    return await runModes(options, world);
  } catch (error) {
    screen.write(`demo: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

async function runModes(options: DemoOptions, world: DemoWorld): Promise<number> {
  const summaries: Summary[] = [];
  let isInterrupted = false;
  for (const mode of options.modes) {
    if (isInterrupted) break;
    const run = new DemoRun(options, mode, world);
    const release = world.onInterrupt(() => {
      isInterrupted = true;
      run.interrupt();
    });
    try {
      const summary = await run.complete();
      if (summary !== null) summaries.push(summary);
    } finally {
      release();
    }
  }
  if (summaries.length === 0) return 1;
  world.screen.write(`\n${renderSummary(summaries).join('\n')}\n`);
  if (options.jsonFile !== null)
    await writeFile(options.jsonFile, `${JSON.stringify(summaryJson(summaries), null, 2)}\n`);
  return summaries.every(({ audit }) => audit.clean) && !missesMode(options.modes, summaries) ? 0 : 1;
}

const missesMode = (modes: readonly MatchMode[], summaries: readonly Summary[]): boolean =>
  summaries.length < modes.length;
