import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { createWallClock } from '../src/lib/clock.ts';
import { commitOf } from '../src/sim/commit.ts';
import { assignmentRow } from './assignment/assignment-row.ts';
import { doorsRow } from './doors/doors-row.ts';
import { framesRow } from './frames/frames-row.ts';
import { nearbyRow } from './nearby/nearby-row.ts';
import { growthRow } from './growth/growth-row.ts';
import { idleRow } from './idle/idle-row.ts';
import { offersRow } from './offers/offers-row.ts';
import { pingRow } from './ping/ping-row.ts';
import { tickRow } from './tick/tick-row.ts';
import { transitionsRow } from './transitions/transitions-row.ts';
import { replicasRow } from './replicas/replicas-row.ts';
import { isDirty } from './suite/machine.ts';
import { pin } from './suite/pinning.ts';
import type { Row } from './suite/row.ts';
import { runSuite } from './suite/run-suite.ts';

/** As built: this file runs at dist/bench/bench.js. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** All rows, in the order in which they run. */
const ROWS: readonly Row[] = [
  pingRow,
  idleRow,
  nearbyRow,
  doorsRow,
  assignmentRow,
  offersRow,
  tickRow,
  transitionsRow,
  growthRow,
  replicasRow,
  framesRow,
];

const interruption = new AbortController();
// Only the first: a second Ctrl-C ends this process at once, and what it has started with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());
// What a row starts begins beside its load; the server alone is moved from there.
await pin(process.pid, 'rest');
const exitCode = await runSuite(process.argv.slice(2), ROWS, {
  clock: createWallClock(),
  revision: { commit: commitOf(), dirty: isDirty(ROOT) },
  historyFile: path.join(ROOT, 'bench', 'history.ndjson'),
  plotsDir: path.join(ROOT, 'bench', 'plots'),
  print: (line) => console.log(line),
  say: (line) => console.error(line),
  interrupted: interruption.signal,
});
// A row that was given up, or that failed without ending what it had started, must not hold this process.
process.exit(exitCode);
