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
  /** Sends a store that runs a signal; resolves when it has ended. */
  end(name: string, signal: NodeJS.Signals): Promise<void>;
  /** Starts a store that has ended, with the same command; resolves when its process exists. */
  begin(name: string): Promise<void>;
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
  const pids: Record<string, number> = {};
  const next = eventsOf(child, (event) => {
    if ('exited' in event) return exits.set(event.exited, String(event.code ?? event.signal));
    return Object.assign(pids, event.started);
  });
  const obeyed = async (order: object, done: Wanted): Promise<void> => {
    holdOpen(child, true);
    const isDone = next(done);
    child.stdin.write(JSON.stringify(order) + '\n');
    await isDone;
    // A program that has nothing left to do may end without a word: the keeper sees it go.
    holdOpen(child, false);
  };
  await obeyed(spec, (event) => 'started' in event);
  pids['keeper'] = child.pid ?? 0;
  return {
    pids,
    exited: (name) => exits.get(name) ?? null,
    async end(name, signal) {
      if (exits.has(name)) return;
      await obeyed({ end: name, signal }, (event) => 'exited' in event && event.exited === name);
    },
    async begin(name) {
      exits.delete(name);
      await obeyed({ start: name }, (event) => 'started' in event && name in event.started);
    },
    stop: () => endKeeper(child),
  };
}

type Wanted = (event: KeeperEvent) => boolean;

/** Takes in the keeper's events; the function answered waits for one that is wanted, or rejects when the keeper ends before. */
function eventsOf(
  child: ChildProcess,
  taken: (event: KeeperEvent) => unknown,
): (wanted: Wanted) => Promise<void> {
  const waiting = new Map<Wanted, { resolve: () => void; reject: (error: Error) => void }>();
  const fail = (error: Error): void => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const event = JSON.parse(line) as KeeperEvent;
    taken(event);
    for (const [wanted, { resolve }] of waiting) {
      if (!wanted(event)) continue;
      waiting.delete(wanted);
      resolve();
    }
  });
  child.on('error', fail);
  child.on('exit', (code) => fail(new Error(`the keeper of the private stores ended with ${code}`)));
  return (wanted) => new Promise((resolve, reject) => waiting.set(wanted, { resolve, reject }));
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
