import { execFile } from 'node:child_process';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

import type { Clock } from './lib/clock.ts';
import { randomToken } from './lib/entropy.ts';

const run = promisify(execFile);

/** One program of a private store, as store-keeper.mjs starts it. */
export interface StoreProcess {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  /** What ends it in good order. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** What ends it as a crash would: nothing is written any more, the next start has to recover. */
  readonly crashSignal: 'SIGQUIT' | 'SIGKILL';
}

/** Below the ports that the system gives to outgoing connections (Linux from 32,768, macOS from 49,152). */
const PORTS_FROM = 12_000;
const PORTS = 20_000;
const PORT_TRIES_MAX = 50;

/**
 * A TCP port on 127.0.0.1 that nobody listens on, by chance among 20,000. Not one the system would choose: an outgoing connection may
 * take that before its server listens, or while the server is started anew. Somebody else may still be faster: whoever starts on it
 * tries again. Rejects when none of 50 is free.
 */
export async function freePort(): Promise<number> {
  for (let tries = 1; ; tries++) {
    const port = PORTS_FROM + (parseInt(randomToken(4), 16) % PORTS);
    try {
      await listenOnce(port);
      return port;
    } catch (error) {
      if (tries === PORT_TRIES_MAX) throw error;
    }
  }
}

/** Rejects when the port is taken. */
function listenOnce(port: number): Promise<void> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => server.close(() => resolve()));
  });
}

/**
 * The command line a process was started with, its words joined by blanks; null when there is no such process. It tells a
 * store of ours, which names its folder there, from a stranger that was given the same number after ours had ended.
 */
export async function commandLineOf(pid: number): Promise<string | null> {
  return ask(pid, async () => {
    if (process.platform !== 'linux') return ps(pid, 'command=');
    // A zombie has no words: it is dead, only not yet collected.
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').join(' ');
  });
}

/** When a process started, in whatever words the system has for it; null when there is no such process. */
async function startOf(pid: number): Promise<string | null> {
  return ask(pid, async () => {
    if (process.platform !== 'linux') return ps(pid, 'lstart=');
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field, the name, may hold blanks and brackets: count from its end. Field 22 is the start in clock ticks.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  });
}

async function ps(pid: number, column: string): Promise<string> {
  return (await run('ps', ['-ww', '-o', column, '-p', String(pid)])).stdout;
}

async function ask(pid: number, question: () => Promise<string>): Promise<string | null> {
  try {
    return (await question()).trim() || null;
  } catch (cause) {
    if (isGone(cause)) return null;
    throw new Error(`cannot tell whether process ${pid} is alive`, { cause });
  }
}

/** ENOENT and ESRCH are /proc's words for "no such process", exit code 1 is ps's. */
function isGone(cause: unknown): boolean {
  const code = (cause as { code?: unknown }).code;
  return code === 'ENOENT' || code === 'ESRCH' || code === 1;
}

/**
 * Resolves to the probe's first answer that is not null, asking every `everyMs`; rejects with `what` and the time when there
 * is none within `timeoutMs`.
 */
export async function until<T>(
  options: { clock: Clock; what: string; timeoutMs: number; everyMs: number },
  probe: () => Promise<T | null>,
): Promise<T> {
  const { clock, what, timeoutMs, everyMs } = options;
  const endMs = clock.nowMs() + timeoutMs;
  for (;;) {
    const answer = await probe();
    if (answer !== null) return answer;
    if (clock.nowMs() >= endMs) throw new Error(`${what}: not within ${timeoutMs / 1000} s`);
    await new Promise<void>((resolve) => void clock.after(everyMs, resolve));
  }
}

/** Ends a process left behind by a run that was killed: politely, after 5 s by force. Only if its command line names `dir`. */
export async function endLeftover(options: { clock: Clock; pid: number; dir: string }): Promise<boolean> {
  const { clock, pid, dir } = options;
  const isOurs = async (): Promise<boolean> => (await commandLineOf(pid))?.includes(dir) ?? false;
  if (!(await isOurs())) return false;
  const gone = async (): Promise<true | null> => ((await isOurs()) ? null : true);
  signal(pid, 'SIGINT');
  try {
    await until({ clock, what: `end of process ${pid}`, timeoutMs: 5_000, everyMs: 20 }, gone);
  } catch {
    // It hangs, and nobody waits for its answers any more.
    signal(pid, 'SIGKILL');
    await until({ clock, what: `end of process ${pid}`, timeoutMs: 5_000, everyMs: 20 }, gone);
  }
  return true;
}

function signal(pid: number, name: 'SIGINT' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ESRCH') throw cause;
  }
}

/** Who holds a lock: a process, told from a later one that was given the same number by when it started. */
interface Holder {
  readonly pid: number;
  readonly startedAt: string;
}

/**
 * Takes the lock file, from a dead holder too; answers the number of the living process that has it, or null when it is
 * ours. The file appears whole or not at all, so that no reader takes a lock that is being written for a dead one.
 */
export async function takeLock(file: string): Promise<number | null> {
  const mine: Holder = { pid: process.pid, startedAt: (await startOf(process.pid)) ?? '' };
  const draft = `${file}.${randomToken(8)}`;
  await writeFile(draft, JSON.stringify(mine), { mode: 0o644 });
  try {
    for (;;) {
      if (await linked(draft, file)) return null;
      const pid = await lockHolder(file);
      if (pid !== null) return pid;
      await rm(file, { force: true });
    }
  } finally {
    await rm(draft, { force: true });
  }
}

async function linked(draft: string, file: string): Promise<boolean> {
  try {
    await link(draft, file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw cause;
  }
}

/** The number of the living process that holds the lock; null when it is free or its holder is dead. */
export async function lockHolder(file: string): Promise<number | null> {
  try {
    const holder = JSON.parse(await readFile(file, 'utf8')) as Holder;
    return (await startOf(holder.pid)) === holder.startedAt ? holder.pid : null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}
