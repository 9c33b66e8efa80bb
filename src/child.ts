import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock } from './lib/clock.ts';

/** Lines of a child's output kept for when it dies. */
const TAIL_MAX = 20;

export interface ChildOptions {
  /** For messages: `the server`. */
  readonly name: string;
  /** Script and arguments for Node, or the arguments of `command`. */
  readonly args: readonly string[];
  /** Another program than this Node: its path, or its name on PATH. */
  readonly command?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Each line it prints, as it comes. */
  readonly onLine?: (line: string, to: 'stdout' | 'stderr') => void;
}

/**
 * A child process: another Node, or another program, with an IPC channel that tells it when this process is gone, in a process
 * group of its own, so that Ctrl-C in the terminal reaches this process alone. What it prints is kept, the last TAIL_MAX lines.
 */
export class Child {
  /** Settles when it has ended: rejects if that was not asked for. Always handled by whoever waits for something else. */
  readonly ended: Promise<void>;
  private readonly options: ChildOptions;
  private readonly child: ChildProcess;
  private readonly tail: string[] = [];
  private isStopping = false;
  private hasEnded = false;

  constructor(options: ChildOptions) {
    this.options = options;
    const nodeArgs = options.command === undefined ? ['--enable-source-maps'] : [];
    this.child = spawn(options.command ?? process.execPath, [...nodeArgs, ...options.args], {
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.keepTail('stdout');
    this.keepTail('stderr');
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      // `close` comes after the last line of output.
      this.child.once('close', (code, signal) => {
        this.hasEnded = true;
        if (this.isStopping) resolve();
        else reject(new Error(this.deathNotice(signal ?? `code ${code}`)));
      });
    });
    // Without a listener a death before anybody waits would end this process without a word.
    this.ended.catch(() => undefined);
  }

  /** Undefined when it could not be started. */
  get pid(): number | undefined {
    return this.child.pid;
  }

  send(message: object): void {
    if (this.child.connected) this.child.send(message);
  }

  onMessage<M>(listener: (message: M) => void): void {
    this.child.on('message', listener);
  }

  /** What `wanted` resolves to, or a rejection when the child ends before. */
  async before<T>(wanted: Promise<T>): Promise<T> {
    const early = this.ended.then(() => {
      throw new Error(`${this.options.name} has ended`);
    });
    return Promise.race([wanted, early]);
  }

  /** The first line of stdout that `read` makes something of. */
  firstLine<T>(read: (line: string) => T | null): Promise<T> {
    const found = new Promise<T>((resolve) => {
      createInterface({ input: this.child.stdout! }).on('line', (line) => {
        const value = read(line);
        if (value !== null) resolve(value);
      });
    });
    return this.before(found);
  }

  /** SIGTERM, and SIGKILL when that does not end it within `graceMs`. May be called twice. */
  async stop(graceMs: number): Promise<void> {
    this.isStopping = true;
    if (this.hasEnded) return;
    this.child.kill('SIGTERM');
    const killer = this.options.clock.after(graceMs, () => this.child.kill('SIGKILL'));
    // That it died before it was asked to was told to whoever waited for it.
    await this.ended.catch(() => undefined);
    killer.cancel();
  }

  private keepTail(name: 'stdout' | 'stderr'): void {
    createInterface({ input: this.child[name]! }).on('line', (line) => {
      this.options.onLine?.(line, name);
      this.tail.push(line);
      if (this.tail.length > TAIL_MAX) this.tail.shift();
    });
  }

  private deathNotice(how: string): string {
    const lines = this.tail.map((line) => `  ${line}`).join('\n');
    return `${this.options.name} ended by itself (${how}); its last words:\n${lines || '  (none)'}`;
  }
}
