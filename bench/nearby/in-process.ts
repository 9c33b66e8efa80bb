import type { RowRun } from '../suite/row.ts';
import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import { pin } from '../suite/pinning.ts';
import type { SearchPlan, SearchTimes, Searcher } from './search-process.ts';

/** As built: below dist everything is JavaScript at its own place. */
const PROCESS = fileURLToPath(new URL('./search-process.js', import.meta.url));
const STOP_MS_MAX = 5_000;

/** Searches called for directly, without a server around, in a process of their own on the server's CPU. */
export async function searchInProcess(
  run: Pick<RowRun, 'clock'>,
  searcher: Searcher,
  plan: SearchPlan,
): Promise<SearchTimes> {
  const child = new Child({
    name: `searches by ${searcher}`,
    args: [PROCESS, searcher, JSON.stringify(plan)],
    env: process.env,
    clock: run.clock,
  });
  try {
    await pin(child.pid!, 'server');
    return await child.firstLine((line) =>
      line.startsWith('{"buildMs"') ? (JSON.parse(line) as SearchTimes) : null,
    );
  } finally {
    await child.stop(STOP_MS_MAX);
  }
}
