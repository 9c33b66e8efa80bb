import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import type { StoreProcess } from './private-processes.ts';

/** The process that holds the private stores (store-keeper.mjs), as seen from the program that it watches. */
export interface Keeper {
  /** The stores' process numbers, by name, and its own (`keeper`). */
  readonly pids: Readonly<Record<string, number>>;
  /** The exit code or signal of a store that has ended; null while it runs. */
  exited(name: string): string | null;
  /** Ends the stores in good order, and the keeper; resolves when all are gone. May be called twice. */
  stop(): Promise<void>;
}

/** Starts a keeper and through it the stores; resolves when their processes exist, not when they take connections. */
export async function startKeeper(
  dir: string,
  spec: { processes: StoreProcess[]; removeDir: boolean },
): Promise<Keeper> {
  const script = fileURLToPath(new URL('./store-keeper.mjs', import.meta.url));
  const child = spawn(process.execPath, [script, dir], {
    cwd: '/',
    detached: true,
    env: {},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exits = new Map<string, string>();
  const started = new Promise<Record<string, number>>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const event = JSON.parse(line) as KeeperEvent;
      if ('started' in event) resolve(event.started);
      else exits.set(event.exited, String(event.code ?? event.signal));
    });
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the keeper of the private stores ended with ${code}`)));
  });
  child.stdin.write(JSON.stringify(spec) + '\n');
  const pids = await started;
  // A program that has nothing left to do may end without a word: the keeper sees it go.
  holdOpen(child, false);
  return {
    pids: { ...pids, keeper: child.pid ?? 0 },
    exited: (name) => exits.get(name) ?? null,
    stop: () => endKeeper(child),
  };
}

type KeeperEvent =
  | { started: Record<string, number> }
  | { exited: string; code: number | string | null; signal: string | null };

async function endKeeper(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  holdOpen(child, true);
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.stdin?.end();
  await ended;
}

/** Says whether the child and its pipes keep this process alive. */
function holdOpen(child: ChildProcess, hold: boolean): void {
  for (const handle of [child, child.stdin, child.stdout] as ({ ref(): void; unref(): void } | null)[]) {
    if (hold) handle?.ref();
    else handle?.unref();
  }
}
