import { readFile } from 'node:fs/promises';

/** Memory that a process has written to and alone has, bytes: what grows with its work, whoever else runs the same program (unlike Pss). */
export async function writtenBytesOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'latin1');
  const kib = /^Private_Dirty:\s+(\d+) kB/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`process ${pid} tells no memory`);
  return Number(kib) * 1024;
}

/** Open files that a process here may have at most: Node takes as many without being asked. */
export async function openFilesMax(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'latin1');
  const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? Infinity : Number(hard);
}
