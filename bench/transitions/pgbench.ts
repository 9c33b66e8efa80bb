import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { randomToken } from '../../src/lib/entropy.ts';
import { pin } from '../suite/pinning.ts';
import { LIMIT_ROWS } from './row-updates.ts';

const run = promisify(execFile);

/** Of Debian's postgresql-contrib; any version speaks to any server. */
const PGBENCH = 'pgbench';
const SCRIPT = `\\set id random(1, ${LIMIT_ROWS})\nupdate limit_rows set balance = balance + 1 where id = :id;\n`;

/** Why there is no pgbench here, in words; null when there is one. */
export async function pgbenchMissing(): Promise<string | null> {
  try {
    await run(PGBENCH, ['--version']);
    return null;
  } catch (error) {
    return `pgbench does not run: ${(error as Error).message}`;
  }
}

/** Transactions per second of single-row updates by pgbench, prepared, on so many connections; rejects when any of them failed. */
export async function pgbenchUpdatesPerS(
  databaseUrl: string,
  connections: number,
  seconds: number,
): Promise<number> {
  const script = path.join(tmpdir(), `pgbench-${randomToken(8)}.sql`);
  await writeFile(script, SCRIPT);
  try {
    const load = ['-c', String(connections), '-j', '1', '-T', String(seconds)];
    const running = run(PGBENCH, ['-n', '-M', 'prepared', ...load, '-f', script, databaseUrl]);
    await pin(running.child.pid!, 'rest');
    const { stdout } = await running;
    const failed = /number of failed transactions: (\d+)/.exec(stdout)?.[1];
    const perS = /tps = ([\d.]+)/.exec(stdout)?.[1];
    if (failed !== '0' || !(Number(perS) > 0)) throw new Error(`pgbench failed: ${stdout}`);
    return Number(perS);
  } finally {
    await rm(script);
  }
}
