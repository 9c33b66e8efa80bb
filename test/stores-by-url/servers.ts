import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { Redis } from 'ioredis';
import { afterAll } from 'vitest';

import { createWallClock } from '../../src/lib/clock.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { reachablePlace, runAs, type RunAs } from '../../src/private-postgres.ts';
import { startKeeper, type Keeper } from '../../src/private-keeper.ts';
import { freePort, until, type StoreProcess } from '../../src/private-processes.ts';
import { DATA_DIR } from '../stores-setup.ts';

const clock = createWallClock();

/** Resolves once the probe says true; fails the test after `timeoutMs`. A probe that rejects has not said true. */
export function soon(what: string, probe: () => unknown, timeoutMs = 15_000): Promise<true> {
  const ask = async (): Promise<true | null> => ((await probe()) === true ? true : null);
  return until({ clock, what, timeoutMs, everyMs: 20 }, () => ask().catch(() => null));
}

/** A folder and servers in it that are ended, by the keeper that holds them, after the file's last test. */
export class Servers {
  readonly dir: string;
  /** The user that PostgreSQL must run as; undefined: the one we are. */
  readonly user: RunAs | undefined;
  private readonly keepers = new Map<string, Keeper>();
  private readonly started = new Map<string, StoreProcess>();

  /** To be called while the file is loaded: it registers a hook. */
  static async open(): Promise<Servers> {
    const cleanUp: (() => Promise<void>)[] = [];
    afterAll(async () => {
      for (const one of cleanUp) await one();
    });
    const user = await runAs();
    const dir = path.join(await reachablePlace(DATA_DIR, user), `servers-${randomToken(6)}`);
    await mkdir(dir, { recursive: true });
    const servers = new Servers(dir, user);
    cleanUp.push(async () => {
      for (const name of servers.keepers.keys()) await servers.end(name);
      await rm(dir, { recursive: true, force: true });
    });
    return servers;
  }

  private constructor(dir: string, user: RunAs | undefined) {
    this.dir = dir;
    this.user = user;
  }

  /** Makes a folder for one server. */
  async folder(name: string): Promise<string> {
    const folder = path.join(this.dir, name);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  /** Starts one process; it may not take connections yet. */
  async start(store: StoreProcess): Promise<void> {
    this.started.set(store.name, store);
    this.keepers.set(store.name, await startKeeper(this.dir, { processes: [store], removeDir: false }));
  }

  signal(name: string, signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL' | 'SIGQUIT'): void {
    const pid = this.keepers.get(name)?.pids[name];
    if (pid === undefined) throw new Error(`${name} was not started`);
    process.kill(pid, signal);
  }

  /** Starts an ended process again, as it was started. */
  async restart(name: string): Promise<void> {
    const store = this.started.get(name);
    if (store === undefined) throw new Error(`${name} was not started`);
    await this.start(store);
  }

  /** Ends one process and waits for it; in good order, unless it was killed before. */
  async end(name: string): Promise<void> {
    const keeper = this.keepers.get(name);
    if (keeper?.exited(name) === null) this.wake(name);
    await keeper?.stop();
    this.keepers.delete(name);
  }

  /** One that was killed may be gone before its keeper has heard of it. */
  private wake(name: string): void {
    try {
      this.signal(name, 'SIGCONT');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  /** Starts a Redis (or, with `--sentinel`, a sentinel) with these lines in its settings, on `port`. */
  async startRedis(options: {
    readonly name: string;
    readonly port: number;
    readonly settings: readonly string[];
    readonly isSentinel?: boolean;
  }): Promise<void> {
    const { name, port, isSentinel } = options;
    const home = await this.folder(name);
    const file = path.join(home, 'redis.conf');
    const common = [
      'bind 127.0.0.1',
      `dir ${home}`,
      'daemonize no',
      ...(isSentinel ? [] : ['save ""', 'appendonly no']),
    ];
    const ports = options.settings.some((line) => line.startsWith('tls-port')) ? [] : [`port ${port}`];
    await writeFile(file, [...common, ...ports, ...options.settings].join('\n') + '\n');
    await this.start({
      name,
      command: 'redis-server',
      args: [file, ...(isSentinel ? ['--sentinel'] : [])],
      env: { LC_ALL: 'C', PATH: process.env['PATH'] ?? '' },
      logFile: path.join(this.dir, `${name}.log`),
      stopSignal: 'SIGTERM',
      crashSignal: 'SIGKILL',
    });
  }
}

/** A Redis Cluster of three masters and one replica (of the first), all slots served. */
export interface RedisCluster {
  readonly url: string;
  readonly ports: readonly number[];
  /** Kills the master whose slots the replica takes over. */
  killFirstMaster(): void;
}

const SLOTS = [
  [0, 5_460],
  [5_461, 10_922],
  [10_923, 16_383],
] as const;

/** Starts a cluster that notices a dead node after a second. */
export async function startRedisCluster(servers: Servers): Promise<RedisCluster> {
  const nodes: { name: string; port: number; busPort: number }[] = [];
  for (let i = 0; i < 4; i++) {
    const node = { name: `cluster-${i}`, port: await freePort(), busPort: await freePort() };
    const settings = ['cluster-enabled yes', `cluster-port ${node.busPort}`, 'cluster-node-timeout 1000'];
    await servers.startRedis({ ...node, settings });
    nodes.push(node);
  }
  const clients = nodes.map(({ port }) => new Redis({ port, host: '127.0.0.1', lazyConnect: false }));
  for (const client of clients) client.on('error', () => undefined);
  const [first, , , replica] = clients;
  await soon(
    'start of the cluster',
    async () => (await Promise.all(clients.map((one) => one.ping()))).length === 4,
  );
  for (const [i, [from, to]] of SLOTS.entries()) await clients[i]!.call('CLUSTER', 'ADDSLOTSRANGE', from, to);
  for (const { port, busPort } of nodes.slice(1))
    await first!.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort);
  const knowsAll = async (client: Redis): Promise<boolean> => {
    const info = String(await client.call('CLUSTER', 'INFO'));
    return info.includes('cluster_state:ok') && info.includes('cluster_known_nodes:4');
  };
  await soon('the cluster', async () => (await Promise.all(clients.map(knowsAll))).every(Boolean));
  await replica!.call('CLUSTER', 'REPLICATE', String(await first!.call('CLUSTER', 'MYID')));
  await soon('the replica', async () =>
    String(await replica!.info('replication')).includes('master_link_status:up'),
  );
  const repeated = async (client: Redis): Promise<boolean> =>
    String(await client.call('CLUSTER', 'NODES'))
      .split('\n')
      .filter((line) => line.includes('slave')).length === 1;
  await soon('word of the replica', async () => (await Promise.all(clients.map(repeated))).every(Boolean));
  for (const client of clients) client.disconnect();
  const ports = nodes.map(({ port }) => port);
  return {
    url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`,
    ports,
    killFirstMaster: () => servers.signal('cluster-0', 'SIGKILL'),
  };
}
