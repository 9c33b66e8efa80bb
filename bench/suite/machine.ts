import { execFileSync } from 'node:child_process';
import { arch, cpus, release, totalmem, type } from 'node:os';
import { isPinning } from './pinning.ts';

/** What the figures were measured on: only those of one machine compare. */
export interface Machine {
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly node: string;
  /** `Linux 6.1.0 x64`. */
  readonly kernel: string;
  /** False where the server shares its CPU with all the rest, which makes every figure worse. */
  readonly isPinning: boolean;
}

/** What of the sources was measured. */
export interface Revision {
  /** `unknown` outside a checkout. */
  readonly commit: string;
  /** Whether the program differs from the commit. */
  readonly dirty: boolean;
}

export function readMachine(): Machine {
  const all = cpus();
  return {
    cpuModel: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round((totalmem() / 2 ** 30) * 10) / 10,
    node: process.version,
    kernel: `${type()} ${release()} ${arch()}`,
    isPinning,
  };
}

export const machineText = ({ cpuModel, cores, memoryGib, node, kernel }: Machine): string =>
  `${cpuModel}, ${cores} cores, ${memoryGib} GiB, Node ${node}, ${kernel}`;

/** Whether anything that the program is built from differs from the commit in `root`; what the suite itself writes does not count. */
export function isDirty(root: string): boolean {
  const program = ['src', 'bench', 'test', 'sdk', 'sql', 'package-lock.json'];
  const written = [':!bench/history.ndjson', ':!bench/plots'];
  try {
    const args = ['status', '--porcelain', '--', ...program, ...written];
    return (
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }) !== ''
    );
  } catch {
    // No checkout, or no git: the commit is `unknown` then, which says it.
    return false;
  }
}
