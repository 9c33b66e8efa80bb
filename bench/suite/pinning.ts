import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { promisify } from 'node:util';

/** Where a process of a benchmark belongs: the server that is measured alone on the first CPU, all others together on the second; several servers wherever there is room. */
export type Place = 'server' | 'rest' | 'any';

const run = promisify(execFile);
const TASKSET = '/usr/bin/taskset';

/** Whether processes are held to CPUs here: not with only one CPU, and not without taskset. (availableParallelism would be 1 in a pinned process.) */
export const isPinning = cpus().length >= 2 && existsSync(TASKSET);
const CPU_LISTS: Readonly<Record<Place, string>> = { server: '0', rest: '1', any: `0-${cpus().length - 1}` };

/** Holds a process, with all its threads and all that it starts from now on, to its CPU; nothing where `isPinning` is false. */
export async function pin(pid: number, place: Place): Promise<void> {
  if (isPinning) await run(TASKSET, ['--all-tasks', '--cpu-list', '--pid', CPU_LISTS[place], String(pid)]);
}
