import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { HostileKind, HostileOptions } from './hostile-clients.ts';

const PROGRAM = path.resolve(
  import.meta.dirname,
  '..',
  '..',
  'dist',
  'test',
  'gateway',
  'hostile-clients.js',
);

/** How often each kind has done what it does. */
export type HostileCounts = Readonly<Partial<Record<HostileKind, Readonly<Record<string, number>>>>>;

/** The hostile clients in a process of their own: what they burn is not the server's time, nor the test's. */
export class HostileProcess {
  private readonly child: ChildProcess;
  private readonly lines: Interface;

  private constructor(options: HostileOptions) {
    this.child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.lines = createInterface({ input: this.child.stdout! });
  }

  /** Resolves when all kinds have begun. The program must have been built (CityProcess.open does). */
  static async start(options: HostileOptions): Promise<HostileProcess> {
    const hostile = new HostileProcess(options);
    await hostile.line();
    return hostile;
  }

  async stop(): Promise<HostileCounts> {
    this.child.stdin!.end('stop\n');
    const counts = await this.line();
    await once(this.child, 'exit');
    return JSON.parse(counts) as HostileCounts;
  }

  private async line(): Promise<string> {
    const [line] = (await Promise.race([
      once(this.lines, 'line'),
      once(this.child, 'exit').then(() => Promise.reject(new Error('the hostile clients ended early'))),
    ])) as [string];
    return line;
  }
}
