import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { build } from 'esbuild';
import { Redis } from 'ioredis';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createWallClock } from '../src/lib/clock.ts';
import { randomToken } from '../src/lib/entropy.ts';
import { reachablePlace } from '../src/private-postgres.ts';
import { commandLineOf, lockHolder, takeLock, until } from '../src/private-processes.ts';
import {
  type PrivateStores,
  type PrivateStoresOptions,
  openStores,
  startPrivateStores,
} from '../src/private-stores.ts';
import { DATA_DIR } from './stores-setup.ts';

const root = path.resolve(import.meta.dirname, '..');
const soon = { clock: createWallClock(), timeoutMs: 20_000, everyMs: 20 };
let dataDir = '';
const children = new Set<ChildProcess>();

beforeAll(async () => {
  await mkdir(DATA_DIR, { recursive: true });
  // Named and locked as a run's own folder: should this one be killed, the next clears it away.
  dataDir = path.join(DATA_DIR, `run-${randomToken(6)}`);
  expect(await takeLock(`${dataDir}.lock`)).toBe(null);
  await mkdir(dataDir);
  // As the checkout's own folders are, so that the stores' data lies in it.
  await chmod(dataDir, 0o755);
  // A program of its own, to be killed as only a process can be; bundled, because Node 20 does not run TypeScript.
  const contents = `
    import postgres from 'postgres';
    import { startPrivateStores } from './src/private-stores.ts';
    const stores = await startPrivateStores(JSON.parse(process.argv[2]));
    const say = (value) => console.log(JSON.stringify(value));
    if (process.argv[3] === 'stay') setInterval(() => undefined, 1000);
    process.on('SIGINT', async () => {
      const sql = postgres(stores.databaseUrl, { max: 1 });
      say(await sql\`SELECT 1 AS drained\`);
      await sql.end();
      await stores.stop();
      await stores.stop();
      process.exit(3);
    });
    say(stores);`;
  const stdin = { contents, resolveDir: root, loader: 'ts' as const };
  const outfile = path.join(dataDir, 'program.mjs');
  await build({ stdin, bundle: true, packages: 'external', platform: 'node', format: 'esm', outfile });
  await copyFile(path.join(root, 'src', 'store-keeper.mjs'), path.join(dataDir, 'store-keeper.mjs'));
});

afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  for (const dir of [await reachableData(), dataDir, `${dataDir}.lock`])
    await rm(dir, { recursive: true, force: true });
});

/** A program with stores of its own, in a process group of its own as a shell would start it. */
async function program(mode: 'stay' | 'end', options: Omit<PrivateStoresOptions, 'dataDir'> = {}) {
  const args = [path.join(dataDir, 'program.mjs'), JSON.stringify({ dataDir, ...options }), mode];
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  const exit = new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.on('exit', (code, signal) => resolve(code ?? signal)),
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<unknown> => JSON.parse(String((await lines.next()).value));
  const stores = (await next()) as PrivateStores;
  return { pid: child.pid ?? 0, stores, exit, next };
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

/** Resolves when none of the stores' processes is left and, unless it is kept, their folder is gone. */
async function allGone(stores: PrivateStores, kept = false): Promise<void> {
  await until({ ...soon, what: 'end of the stores' }, async () => {
    for (const pid of Object.values(stores.pids))
      if ((await commandLineOf(pid))?.includes(stores.dir)) return null;
    return kept || !(await exists(stores.dir)) ? true : null;
  });
}

/** What a power cut would leave: the program and its keeper die at once, the stores run on without anybody. */
async function killWithKeeper(one: Awaited<ReturnType<typeof program>>): Promise<void> {
  const keeper = one.stores.pids['keeper'] ?? 0;
  process.kill(one.pid, 'SIGSTOP');
  process.kill(keeper, 'SIGKILL');
  process.kill(one.pid, 'SIGKILL');
  await one.exit;
  await until({ ...soon, what: 'end of the keeper' }, async () =>
    (await commandLineOf(keeper)) === null ? true : null,
  );
}

async function query<T extends object>(databaseUrl: string | null, text: string): Promise<T[]> {
  const sql = postgres(databaseUrl ?? '', { max: 1 });
  try {
    return [...(await sql.unsafe<T[]>(text))];
  } finally {
    await sql.end();
  }
}

describe('private stores', () => {
  it('answer, two runs at once in one checkout, and leave nothing behind', async () => {
    const runs = await Promise.all([startPrivateStores({ dataDir }), startPrivateStores({ dataDir })]);
    for (const { databaseUrl, redisUrl } of runs) {
      expect(await query(databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      const redis = new Redis(redisUrl ?? '');
      expect(await redis.ping()).toBe('PONG');
      redis.disconnect();
    }
    for (const run of runs) {
      await run.stop();
      await run.stop();
      await allGone(run);
    }
    expect((await readdir(dataDir)).filter((name) => name.startsWith('run-'))).toEqual([]);
  });

  it.each(['orderly', 'crash'] as const)('are restarted at the same address: %s', async (how) => {
    const stores = await startPrivateStores({ dataDir });
    const before = { ...stores.pids };
    await query(stores.databaseUrl, 'CREATE TABLE t AS SELECT 1 AS row');
    const redis = new Redis(stores.redisUrl ?? '');
    redis.on('error', () => undefined);
    await redis.set('key', 'value');
    await stores.restart('postgres', how);
    expect(await query(stores.databaseUrl, 'SELECT row FROM t')).toEqual([{ row: 1 }]);
    await stores.restart('redis', how);
    expect(await redis.get('key')).toBe(null);
    redis.disconnect();
    expect(stores.pids['postgres']).not.toBe(before['postgres']);
    expect(stores.pids['redis']).not.toBe(before['redis']);
    expect(stores.pids['keeper']).toBe(before['keeper']);
    await stores.stop();
    await allGone(stores);
  });

  it('want their password', async () => {
    const stores = await startPrivateStores({ dataDir });
    const database = new URL(stores.databaseUrl ?? '');
    database.password = 'wrong';
    await expect(query(database.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    const { port } = new URL(stores.redisUrl ?? '');
    const redis = new Redis({ port: Number(port), lazyConnect: true, retryStrategy: () => null });
    redis.on('error', () => undefined);
    await expect(redis.set('key', 'value')).rejects.toThrow('NOAUTH');
    redis.disconnect();
    await stores.stop();
  });

  it('end with a program that ends without a word', async () => {
    const { stores, exit } = await program('end');
    expect(await exit).toBe(0);
    await allGone(stores);
  });

  it('end with a program that is killed by kill -9', async () => {
    const { pid, stores, exit } = await program('stay');
    process.kill(pid, 'SIGKILL');
    expect(await exit).toBe('SIGKILL');
    await allGone(stores);
  });

  it('outlive a Ctrl-C until the program has drained', async () => {
    const { pid, stores, exit, next } = await program('stay');
    // What a terminal does: the signal goes to every process of the group.
    process.kill(-pid, 'SIGINT');
    expect(await next()).toEqual([{ drained: 1 }]);
    expect(await exit).toBe(3);
    await allGone(stores);
    expect(await exists(`${stores.dir}.lock`)).toBe(false);
  });

  it('of a run that was killed together with its keeper are cleared away by the next start', async () => {
    const dead = await program('stay');
    await killWithKeeper(dead);
    expect(await commandLineOf(dead.stores.pids['postgres'] ?? 0)).toContain(dead.stores.dir);
    const stores = await startPrivateStores({ dataDir });
    await allGone(dead.stores);
    expect(await exists(`${dead.stores.dir}.lock`)).toBe(false);
    await stores.stop();
  });

  it('leave a living run alone when another starts', async () => {
    const first = await startPrivateStores({ dataDir });
    const second = await startPrivateStores({ dataDir });
    await second.stop();
    expect(await query(first.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await first.stop();
  });
});

describe('private stores whose data is kept', () => {
  it('have it after a stop and after a kill of everything, and serve one program at a time', async () => {
    const keepAs = 'kept';
    const first = await startPrivateStores({ dataDir, keepAs });
    await query(first.databaseUrl, 'CREATE TABLE t AS SELECT 1 AS row');
    await expect(startPrivateStores({ dataDir, keepAs })).rejects.toThrow(`in use by process ${process.pid}`);
    await first.stop();
    await allGone(first, true);

    const second = await program('stay', { keepAs });
    await query(second.stores.databaseUrl, 'INSERT INTO t VALUES (2)');
    await killWithKeeper(second);

    const third = await startPrivateStores({ dataDir, keepAs });
    await allGone(second.stores, true);
    expect(await query(third.databaseUrl, 'SELECT row FROM t ORDER BY 1')).toEqual([{ row: 1 }, { row: 2 }]);
    await third.stop();
  });

  it('are made anew where a kill left half of them', async () => {
    const half = path.join(await reachableData(), 'half', 'postgres.draft', 'cluster');
    await mkdir(half, { recursive: true });
    await writeFile(path.join(half, 'PG_VERSION'), '18\n');
    const stores = await startPrivateStores({ dataDir, keepAs: 'half', only: 'postgres' });
    expect(await query(stores.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(stores.redisUrl).toBe(null);
    await stores.stop();
  });
});

/** Where the data of the tests really is: elsewhere when root works in a private folder. */
async function reachableData(): Promise<string> {
  return reachablePlace(dataDir, process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : undefined);
}

describe('the stores of a program', () => {
  it('are the operator’s where the environment names them, private ones for the rest', async () => {
    const [databaseUrl, redisUrl] = ['postgres://db.example/rides', 'redis://cache.example'];
    const both = await openStores({ DATABASE_URL: databaseUrl, REDIS_URL: redisUrl }, { dataDir });
    expect([both.databaseUrl, both.redisUrl]).toEqual([databaseUrl, redisUrl]);
    await both.stop();
    const one = await openStores({ DATABASE_URL: databaseUrl, REDIS_URL: '' }, { dataDir });
    expect(one.databaseUrl).toBe(databaseUrl);
    const redis = new Redis(one.redisUrl);
    expect(await redis.ping()).toBe('PONG');
    redis.disconnect();
    await one.stop();
  });

  it('lie where their user can reach them', async () => {
    const closed = path.join(dataDir, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const wanted = path.join(closed, '.data');
    const place = await reachablePlace(wanted, { uid: 65534, gid: 65534 });
    expect(place).not.toContain(closed);
    expect(await reachablePlace(wanted, { uid: 65534, gid: 65534 })).toBe(place);
    expect(await reachablePlace(wanted, undefined)).toBe(wanted);
    await rm(place, { recursive: true });
  });
});

describe('a lock', () => {
  it('is held by the living and taken from the dead', async () => {
    const file = path.join(dataDir, 'some.lock');
    expect(await takeLock(file)).toBe(null);
    expect(await takeLock(file)).toBe(process.pid);
    // The same number, but another process: it started at another time.
    await writeFile(file, JSON.stringify({ pid: process.pid, startedAt: 'long ago' }));
    expect(await lockHolder(file)).toBe(null);
    expect(await takeLock(file)).toBe(null);
    expect(await lockHolder(file)).toBe(process.pid);
  });
});
