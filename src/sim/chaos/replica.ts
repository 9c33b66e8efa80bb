import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Clock } from '../../lib/clock.ts';

export interface ReplicaOptions {
  readonly number: number;
  /** Script and arguments for Node. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes all that the process says. */
  readonly logFile: string;
  readonly clock: Clock;
  /** It ended and nobody had asked it to, after it had served. */
  readonly onDeath: (how: string) => void;
}

/** A server that does not serve within this has failed to start. */
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 20_000;
const LAST_WORDS = 8;
const RETRY_MS = 500;
/** A start may fail while a store is away: it is tried again, as a supervisor would, but not for ever. */
const STARTS_MAX = 6;

interface Life {
  readonly child: ChildProcess;
  /** How it ended. */
  readonly ended: Promise<string>;
  isServing: boolean;
  /** Its end is our doing. */
  isCondemned: boolean;
}

/** One server process, which dies and lives again under the same address. */
export class Replica {
  readonly number: number;
  private readonly options: ReplicaOptions;
  private life: Life | null = null;
  private isAbandoned = false;
  /** Starts that failed, all lives together. */
  failedStarts = 0;

  constructor(options: ReplicaOptions) {
    this.number = options.number;
    this.options = options;
  }

  get isServing(): boolean {
    return this.life?.isServing ?? false;
  }

  /** Resolves when it serves; tries again while it ends before that. Rejects when it does not serve at all. */
  async start(startsMax = STARTS_MAX): Promise<void> {
    for (let starts = 1; !this.isAbandoned; starts++) {
      const life = this.spawn();
      this.life = life;
      if (await this.serves(life)) return;
      this.failedStarts += 1;
      life.isCondemned = true;
      this.signal('SIGKILL');
      await life.ended;
      if (starts >= startsMax) throw new Error(`replica ${this.number} does not start:\n${this.lastWords()}`);
      await new Promise<void>((resolve) => void this.options.clock.after(RETRY_MS, resolve));
    }
  }

  /** It is not started any more, whatever is still planned. */
  abandon(): void {
    this.isAbandoned = true;
  }

  signal(name: NodeJS.Signals): void {
    this.life?.child.kill(name);
  }

  /** kill -9; resolves when it is gone. */
  async kill(): Promise<void> {
    const { life } = this;
    if (life === null) return;
    life.isCondemned = true;
    life.child.kill('SIGKILL');
    await life.ended;
  }

  /** Asks it to end; answers how it did. By force after 20 s. */
  async stop(): Promise<string> {
    const { life } = this;
    if (life === null) return 'code 0';
    life.isCondemned = true;
    life.child.kill('SIGCONT');
    life.child.kill('SIGTERM');
    const killer = this.options.clock.after(STOP_MS_MAX, () => life.child.kill('SIGKILL'));
    const how = await life.ended;
    killer.cancel();
    return how;
  }

  private lastWords(): string {
    const lines = readFileSync(this.options.logFile, 'utf8').trim().split('\n');
    return lines.slice(-LAST_WORDS).join('\n');
  }

  private spawn(): Life {
    const { args, env, logFile, number, clock } = this.options;
    const child = spawn(process.execPath, ['--enable-source-maps', ...args], {
      env,
      // The channel tells it when the run is gone; a group of its own keeps Ctrl-C for the run alone.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    for (const output of [child.stdout, child.stderr])
      createInterface({ input: output! }).on('line', (line) => appendFileSync(logFile, `${line}\n`));
    appendFileSync(logFile, `--- replica ${number}, process ${child.pid}, at ${clock.nowMs()}\n`);
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      // `close` comes after the last line of output.
      child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
    });
    const life: Life = { child, ended, isServing: false, isCondemned: false };
    void ended.then((how) => {
      appendFileSync(logFile, `--- ended: ${how}, at ${clock.nowMs()}\n`);
      if (life.isServing && !life.isCondemned) this.options.onDeath(how);
      life.isServing = false;
      if (this.life === life) this.life = null;
    });
    return life;
  }

  /** False when it ends, or does not serve in time. */
  private async serves(life: Life): Promise<boolean> {
    const ready = new Promise<boolean>((resolve) => {
      const limit = this.options.clock.after(START_MS_MAX, () => resolve(false));
      const settle = (serves: boolean): void => {
        limit.cancel();
        resolve(serves);
      };
      createInterface({ input: life.child.stdout! }).on('line', (line) => {
        if (line.startsWith('{"ready":true')) settle(true);
      });
      void life.ended.then(() => settle(false));
    });
    life.isServing = await ready;
    return life.isServing;
  }
}
