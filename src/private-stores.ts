import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { assert } from './lib/assert.ts';
import { type Clock, createWallClock } from './lib/clock.ts';
import { randomToken } from './lib/entropy.ts';
import { type Keeper, startKeeper } from './private-keeper.ts';
import {
  postgresPid,
  preparePostgres,
  reachablePlace,
  removePidFile,
  runAs,
  type RunAs,
} from './private-postgres.ts';
import { type StoreProcess, endLeftover, lockHolder, takeLock, until } from './private-processes.ts';
import { prepareRedis, redisPid } from './private-redis.ts';

/** Where a program finds its stores. */
export interface Stores {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Ends what was started for them; nothing when they are the operator's. May be called twice. */
  stop(): Promise<void>;
}

/** Stores of this run's own, as real as the operator's. */
export interface PrivateStores {
  /** Null when it was not asked for. */
  readonly databaseUrl: string | null;
  /** Null when it was not asked for. */
  readonly redisUrl: string | null;
  /** Where they keep their data and logs. */
  readonly dir: string;
  /** The processes, by name (`postgres`, `redis`, and the `keeper` that ends them). */
  readonly pids: Readonly<Record<string, number>>;
  /**
   * Ends one of them and starts it again at the same address, PostgreSQL with its data, Redis empty. `crash`: without a
   * word, as when its machine fails. Resolves when it takes connections again; rejects when it does not within a minute.
   */
  readonly restart: (name: StoreName, how: 'orderly' | 'crash') => Promise<void>;
  /** Ends them in good order and, unless the data is kept, removes it. May be called twice. */
  readonly stop: () => Promise<void>;
}

type StoreName = 'postgres' | 'redis';

/** How private stores are to be started. */
export interface PrivateStoresOptions {
  /** The folder of all private data, `.data` of the checkout; made when missing. */
  readonly dataDir: string;
  /** A name under which the database's data outlives the run, for one run at a time; without it all is thrown away at the end. */
  readonly keepAs?: string;
  /** Which to start; both by default. */
  readonly only?: StoreName;
}

/** PostgreSQL replays its log first when its machine had lost power; this is also the longest that a stop may take. */
const START_MS_MAX = 60_000;

/**
 * The operator's stores where the environment names them (DATABASE_URL, REDIS_URL), private ones for what it does not name.
 * Rejects with one sentence that says what is missing.
 */
export async function openStores(
  env: Readonly<Record<string, string | undefined>>,
  options: Omit<PrivateStoresOptions, 'only'>,
): Promise<Stores> {
  const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl } = env;
  if (databaseUrl && redisUrl) return { databaseUrl, redisUrl, stop: () => Promise.resolve() };
  const own = await startPrivateStores({
    ...options,
    ...(databaseUrl ? { only: 'redis' } : redisUrl ? { only: 'postgres' } : {}),
  });
  const urls = { databaseUrl: databaseUrl || own.databaseUrl, redisUrl: redisUrl || own.redisUrl };
  assert(urls.databaseUrl !== null && urls.redisUrl !== null, 'a store is neither the operator’s nor ours');
  return { databaseUrl: urls.databaseUrl, redisUrl: urls.redisUrl, stop: () => own.stop() };
}

/** Starting is tried again when somebody else takes the free port that was found. */
const START_ATTEMPTS_MAX = 5;

/**
 * Starts a PostgreSQL and a Redis that only this run uses, on free ports of the loopback interface and behind passwords made
 * for them. They end with `stop`, and also when this process ends in any other way: a keeper process watches it. What runs
 * that were killed together with their keeper left behind is cleared away first.
 */
export async function startPrivateStores(options: PrivateStoresOptions): Promise<PrivateStores> {
  const clock = createWallClock();
  const user = await runAs();
  const place = await reachablePlace(path.resolve(options.dataDir), user);
  await mkdir(place, { recursive: true });
  await sweep(clock, place);
  const name = options.keepAs ?? `run-${randomToken(6)}`;
  const dir = path.join(place, name);
  const lock = `${dir}.lock`;
  const holder = await takeLock(lock);
  if (holder !== null)
    throw new Error(`${dir} is in use by process ${holder}: end it first, or set DATABASE_URL`);
  try {
    await clearLeftovers(clock, dir);
    const launched = await launch({ clock, user, place, dir, ...options });
    const stop = async (): Promise<void> => {
      await launched.stop();
      await rm(lock, { force: true });
    };
    return { ...launched, dir, stop };
  } catch (cause) {
    if (options.keepAs === undefined) await rm(dir, { recursive: true, force: true });
    await rm(lock, { force: true });
    throw cause;
  }
}

interface Launch extends PrivateStoresOptions {
  readonly clock: Clock;
  readonly user: RunAs | undefined;
  readonly place: string;
  readonly dir: string;
}

async function launch(options: Launch): Promise<Omit<PrivateStores, 'dir'>> {
  const { clock, user, place, dir, only } = options;
  const keep = options.keepAs !== undefined;
  for (let attempt = 1; ; attempt++) {
    await mkdir(dir, { recursive: true });
    const postgres = only === 'redis' ? null : await preparePostgres({ dir, templates: place, keep, user });
    const redis = only === 'postgres' ? null : await prepareRedis(dir, user, process.env['PATH'] ?? '');
    const prepared = [postgres, redis].filter((store) => store !== null);
    const processes = prepared.map((store) => store.process);
    const keeper = await startKeeper(dir, { processes, removeDir: !keep });
    try {
      for (const store of prepared) await ready(clock, keeper, store);
      const urls = { databaseUrl: postgres?.url ?? null, redisUrl: redis?.url ?? null };
      const restart = async (name: StoreName, how: 'orderly' | 'crash'): Promise<void> => {
        const store = prepared.find((one) => one.process.name === name);
        assert(store !== undefined, `a private ${name} was not asked for`);
        await keeper.end(name, how === 'crash' ? store.process.crashSignal : store.process.stopSignal);
        if (name === 'postgres') await removePidFile(dir);
        await keeper.begin(name);
        await ready(clock, keeper, store);
      };
      return { ...urls, pids: keeper.pids, restart, stop: () => keeper.stop() };
    } catch (cause) {
      await keeper.stop();
      const mayRetry = cause instanceof PortTaken && attempt < START_ATTEMPTS_MAX;
      if (!mayRetry) throw cause;
    }
  }
}

class PortTaken extends Error {}

async function ready(
  clock: Clock,
  keeper: Keeper,
  store: { process: StoreProcess; isReady(): Promise<true | null> },
): Promise<void> {
  const { name } = store.process;
  await until(
    { clock, what: `start of the private ${name}`, timeoutMs: START_MS_MAX, everyMs: 10 },
    async () => {
      const exit = keeper.exited(name);
      if (exit !== null) throw await whyItEnded(store.process, exit);
      return store.isReady();
    },
  );
}

async function whyItEnded({ name, command, logFile }: StoreProcess, exit: string): Promise<Error> {
  if (exit === 'ENOENT')
    return new Error(`there is no ${command} on this machine: install it, or set REDIS_URL`);
  const log = (await readFile(logFile, 'utf8')).trim().split('\n').slice(-8);
  const message = `the private ${name} did not start (${exit}): ${log.join(' | ')}`;
  return log.some((line) => line.includes('in use')) ? new PortTaken(message) : new Error(message);
}

/** Clears away what runs left behind whose process is dead; those of the living are not touched. */
async function sweep(clock: Clock, place: string): Promise<void> {
  for (const file of await readdir(place)) {
    const name = /^(run-[0-9a-f]+)\.lock$/.exec(file)?.[1];
    if (name === undefined || (await lockHolder(path.join(place, file))) !== null) continue;
    const dir = path.join(place, name);
    await clearLeftovers(clock, dir);
    await rm(dir, { recursive: true, force: true });
    await rm(path.join(place, file), { force: true });
  }
}

/** Ends the stores that still run in `dir` though nobody holds it any more, so that its data can be used or removed. */
async function clearLeftovers(clock: Clock, dir: string): Promise<void> {
  for (const pid of [await postgresPid(dir), await redisPid(dir)])
    if (pid !== null) await endLeftover({ clock, pid, dir });
  await removePidFile(dir);
}
