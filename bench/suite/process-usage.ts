import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** Linux tells CPU times in ticks of 1/100 s to programs, on every machine of today (USER_HZ). */
const US_PER_TICK = 10_000;

/**
 * CPU time of a process, all threads that it has, user and system, µs. By the scheduler's account (schedstat of proc(5), in ns), which is behind by one of the kernel's ticks,
 * 1 to 10 ms, for a thread that runs at this moment, and exact for all others; where the kernel keeps none, by the one that is told in steps of 10 ms.
 */
export async function cpuUsOf(pid: number): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`);
  const times = await Promise.all(threads.map((thread) => threadCpuUs(pid, thread)));
  const total = times.reduce((sum, us) => sum + us, 0);
  return Number.isNaN(total) ? countedCpuUsOf(pid) : total;
}

/** NaN where the kernel keeps no such account; 0 of a thread that has just ended. */
async function threadCpuUs(pid: number, thread: string): Promise<number> {
  const folder = `/proc/${pid}/task/${thread}`;
  try {
    return Number((await readFile(`${folder}/schedstat`, 'latin1')).split(' ')[0]) / 1_000;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 0;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return existsSync(folder) ? NaN : 0;
  }
}

async function countedCpuUsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
  // The name before may hold spaces and brackets. Fields 14 and 15 of proc(5) are utime and stime.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
}

/** CPU time of this process and of all that it has started and that has ended since, with what those had started, µs, to 10 ms. */
export async function endedCpuUs(): Promise<number> {
  const stat = await readFile('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Fields 16 and 17 of proc(5), cutime and cstime, are those of children that were waited for.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * US_PER_TICK;
}

/** CPU time of a process and of all it has started, µs (PostgreSQL has a process for each connection). */
export async function familyCpuUsOf(pid: number): Promise<number> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1');
  const children = listed.split(' ').filter((word) => word !== '');
  const all = await Promise.all(children.map((child) => familyCpuUsOf(Number(child))));
  return all.reduce((sum, us) => sum + us, await cpuUsOf(pid));
}

/** Memory of a process that is in RAM and its own, bytes: Pss of /proc/PID/smaps_rollup, so that shared libraries count once. */
export async function memoryBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kib = /^Pss:\s+(\d+) kB/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`process ${pid} tells no memory`);
  return Number(kib) * 1024;
}

/** CPU time of the whole machine since it started, µs: used by anybody, and taken away by the hypervisor. */
export async function machineCpuUs(): Promise<{ busyUs: number; stolenUs: number }> {
  const fields = (await readFile('/proc/stat', 'latin1')).split('\n')[0]!.split(/\s+/).slice(1).map(Number);
  const [user, nice, system, , , irq, softirq, steal] = fields;
  return {
    busyUs: (user! + nice! + system! + irq! + softirq!) * US_PER_TICK,
    stolenUs: steal! * US_PER_TICK,
  };
}
