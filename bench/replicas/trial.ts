import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import { AUTH_SECRET, startBenchStores } from '../suite/engine-server.ts';
import { pin } from '../suite/pinning.ts';
import type { FleetFigures, FleetPlan, FromFleet, Routing, ToFleet } from './fleet-messages.ts';
import { pingsTaken, read, type Usage, usedBetween, type Watched } from './usage.ts';

/** As built: below dist everything is JavaScript at its own place. */
const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));
const FLEET = fileURLToPath(new URL('./fleet-process.js', import.meta.url));
/** Nothing is handed over: servers that have been measured need not drain. */
const STOP_MS_MAX = 100;
const TIMEOUT_MS = 60_000;
/** Each driver sends one fix a second. */
const PING_MS = 1_000;

export interface TrialOptions {
  readonly replicas: number;
  readonly routing: Routing;
  /** Measured with so many drivers, then with so many: rising. */
  readonly fleets: readonly number[];
  /** Nobody connected, then measured for so long. */
  readonly idleMs: number;
  /** Under load before anything is measured: the servers' code is compiled while it runs. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
  readonly clock: Clock;
}

/** One fleet's share of a trial. */
export interface LoadPart {
  readonly drivers: number;
  readonly driversByServer: readonly number[];
  readonly fleet: FleetFigures;
  readonly usage: Usage;
}

export interface Trial {
  /** Without a client. */
  readonly idle: Usage;
  readonly loads: readonly LoadPart[];
}

/** One set of new servers on stores of their own, from start to end. Rejects when a ping was lost. */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const stores = await startBenchStores();
  const children: Child[] = [];
  const redis = new Redis(stores.redisUrl!);
  const start = (name: string, args: readonly string[], env: NodeJS.ProcessEnv): Child => {
    const child = new Child({ name, args, env, clock: options.clock });
    children.push(child);
    return child;
  };
  try {
    const env = {
      ...process.env,
      ACCOUNTS: 'elsewhere',
      ...{ DATABASE_URL: stores.databaseUrl!, REDIS_URL: stores.redisUrl!, AUTH_SECRET },
      ...{ LOG_LEVEL: 'warn', PORT: '0', CONNECTIONS_PER_IP_MAX: '60000' },
    };
    const serverUrls: string[] = [];
    const serverPids: number[] = [];
    // One after the other: the first migrates the database.
    for (let n = 1; n <= options.replicas; n++) {
      const server = start(`server ${n}`, [MAIN, 'server'], env);
      serverUrls.push(`http://127.0.0.1:${await server.firstLine(readyPort)}`);
      serverPids.push(server.pid!);
      await pin(server.pid!, 'any');
    }
    await allJoined(options, serverUrls);
    const fleet = start('the fleet', [FLEET], process.env);
    return await measure(options, fleet, { serverUrls, serverPids, redisPid: stores.pids['redis']!, redis });
  } finally {
    await Promise.all(children.map((child) => child.stop(STOP_MS_MAX)));
    redis.disconnect();
    await stores.stop();
  }
}

async function measure(options: TrialOptions, fleet: Child, watched: Watched): Promise<Trial> {
  const { routing, seed, fleets, idleMs } = options;
  // What a start leaves to be done (connections, first collections of garbage) is no idling.
  if (idleMs > 0) await pause(options, idleMs);
  const before = await read(watched);
  await pause(options, idleMs);
  const idle = usedBetween(before, await read(watched));
  const plan: FleetPlan = { serverUrls: watched.serverUrls, routing, seed };
  fleet.send({ kind: 'begin', plan } satisfies ToFleet);
  const loads: LoadPart[] = [];
  for (const drivers of fleets) loads.push(await measureFleet(options, fleet, watched, drivers));
  return { idle, loads };
}

async function measureFleet(
  options: TrialOptions,
  fleet: Child,
  watched: Watched,
  drivers: number,
): Promise<LoadPart> {
  const { driversByServer } = await ask(fleet, { kind: 'grow', drivers }, 'online');
  fleet.send({ kind: 'drive', pingMs: PING_MS } satisfies ToFleet);
  await pause(options, options.warmUpMs);
  const before = await read(watched);
  await pause(options, options.measureMs);
  const usage = usedBetween(before, await read(watched));
  const { figures } = await ask(fleet, { kind: 'halt' }, 'halted');
  await allTaken(options, watched, figures.sent);
  return { drivers, driversByServer, fleet: figures, usage };
}

const pause = ({ clock }: TrialOptions, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));

/** Every ping sent was taken by some server: none was lost, shed or refused without a word. */
async function allTaken({ clock }: TrialOptions, watched: Watched, sent: number): Promise<void> {
  let taken = 0;
  const what = `count of ${sent} pings`;
  await until({ clock, what, timeoutMs: 10_000, everyMs: 200 }, async () => {
    taken = pingsTaken(await read(watched));
    return taken === sent ? true : null;
  }).catch((cause: unknown) => {
    throw new Error(`${sent} pings were sent and ${taken} taken`, { cause });
  });
}

/** Each server knows of all others. */
async function allJoined({ clock, replicas }: TrialOptions, serverUrls: readonly string[]): Promise<void> {
  const knownTo = async (url: string): Promise<number> => {
    const text = await (await fetch(`${url}/metrics`)).text();
    return Number(/^hexdispatch_replicas (\d+)/m.exec(text)?.[1]);
  };
  await until({ clock, what: 'roll of all replicas', timeoutMs: TIMEOUT_MS, everyMs: 200 }, async () => {
    const counts = await Promise.all(serverUrls.map(knownTo));
    return counts.every((count) => count === replicas) ? true : null;
  });
}

function ask<K extends FromFleet['kind']>(
  fleet: Child,
  message: ToFleet,
  kind: K,
): Promise<Extract<FromFleet, { kind: K }>> {
  const answer = new Promise<Extract<FromFleet, { kind: K }>>((resolve, reject) => {
    fleet.onMessage((answered: FromFleet) => {
      if (answered.kind === 'failed') reject(new Error(`the fleet: ${answered.message}`));
      else if (answered.kind === kind) resolve(answered as Extract<FromFleet, { kind: K }>);
    });
  });
  fleet.send(message);
  return fleet.before(answer);
}

function readyPort(line: string): number | null {
  if (!line.startsWith('{"ready":true')) return null;
  return (JSON.parse(line) as { port: number }).port;
}
