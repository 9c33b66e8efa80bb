import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { startPrivateStores } from '../../src/private-stores.ts';
import { until } from '../../src/private-processes.ts';
import type { FromFleet, Routing, ToFleet } from './fleet-messages.ts';
import { pingsTaken, read, type Usage, usedBetween, type Watched } from './usage.ts';

/** As built: below dist everything is JavaScript at its own place. */
const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));
const FLEET = fileURLToPath(new URL('./fleet-process.js', import.meta.url));
const DATA_DIR = fileURLToPath(new URL('../../../.data', import.meta.url));
const SECRET = 'a secret of this benchmark, long enough to be one';
const STOP_MS_MAX = 20_000;
const TIMEOUT_MS = 60_000;

export interface TrialOptions {
  readonly replicas: number;
  readonly routing: Routing;
  readonly drivers: number;
  readonly pingMs: number;
  /** Nobody connected, then measured for so long. */
  readonly idleMs: number;
  /** Under load before anything is measured: the servers' code is compiled while it runs. */
  readonly warmUpMs: number;
  readonly measureMs: number;
  readonly seed: number;
  readonly clock: Clock;
}

export interface Trial {
  readonly replicas: number;
  readonly routing: Routing;
  readonly driversByServer: readonly number[];
  /** Without a client. */
  readonly idle: Usage;
  readonly load: Usage;
  /** Of the whole trial: sent by the fleet, and taken by the servers. */
  readonly sent: number;
  readonly taken: number;
  readonly lateMsMax: number;
}

/** One set of servers on stores of their own, from start to end. Throws when it is not a fair measurement. */
export async function runTrial(options: TrialOptions): Promise<Trial> {
  const stores = await startPrivateStores({ dataDir: DATA_DIR });
  const children: Child[] = [];
  const redis = new Redis(stores.redisUrl!);
  try {
    const env = {
      ...process.env,
      ...{ DATABASE_URL: stores.databaseUrl!, REDIS_URL: stores.redisUrl!, AUTH_SECRET: SECRET },
      ...{ LOG_LEVEL: 'warn', PORT: '0', CONNECTIONS_PER_IP_MAX: '60000' },
    };
    const servers: { url: string; pid: number }[] = [];
    // One after the other: the first migrates the database.
    for (let n = 1; n <= options.replicas; n++) {
      const server = childOf(options, `server ${n}`, [MAIN, 'server'], env);
      children.push(server);
      const port = await server.firstLine(readyPort);
      servers.push({ url: `http://127.0.0.1:${port}`, pid: server.pid! });
    }
    const fleet = childOf(options, 'the fleet', [FLEET], process.env);
    children.push(fleet);
    const serverUrls = servers.map(({ url }) => url);
    await allJoined(options, serverUrls);
    const serverPids = servers.map(({ pid }) => pid);
    return await measure(options, fleet, { serverUrls, serverPids, redisPid: stores.pids['redis']!, redis });
  } finally {
    // The fleet, which came last, first: a drain need not wait for sockets then.
    await children.pop()?.stop(STOP_MS_MAX);
    await Promise.all(children.map((child) => child.stop(STOP_MS_MAX)));
    redis.disconnect();
    await stores.stop();
  }
}

async function measure(options: TrialOptions, fleet: Child, watched: Watched): Promise<Trial> {
  const { replicas, routing, drivers, seed, clock, pingMs } = options;
  const { serverUrls } = watched;
  const pause = (ms: number): Promise<void> => new Promise<void>((resolve) => void clock.after(ms, resolve));
  const ask = async <K extends FromFleet['kind']>(message: ToFleet, kind: K) => {
    const answer = answerOf(fleet, kind);
    fleet.send(message);
    return answer;
  };
  // What a start leaves to be done (connections, first collections of garbage) is no idling.
  await pause(options.warmUpMs / 2);
  const beforeIdle = await read(watched);
  await pause(options.idleMs);
  const idle = usedBetween(beforeIdle, await read(watched));
  const { bounds } = DEFAULT_MARKET;
  const plan = { serverUrls, secret: SECRET, drivers, routing, bounds, seed };
  const { driversByServer } = await ask({ kind: 'connect', plan }, 'online');
  fleet.send({ kind: 'drive', pingMs } satisfies ToFleet);
  await pause(options.warmUpMs);
  const before = await read(watched);
  await pause(options.measureMs);
  const after = await read(watched);
  const { sent, lateMsMax } = await ask({ kind: 'halt' }, 'halted');
  const load = usedBetween(before, after);
  // With each driver's first ping, which came with going on duty.
  const taken = await allTaken(options, watched, sent + drivers);
  return { replicas, routing, driversByServer, idle, load, sent: sent + drivers, taken, lateMsMax };
}

/** Every ping sent was taken by some server: none was lost, shed or refused without a word. */
function allTaken({ clock }: TrialOptions, watched: Watched, sent: number): Promise<number> {
  let taken = 0;
  const what = `count of ${sent} pings`;
  return until({ clock, what, timeoutMs: 10_000, everyMs: 200 }, async () => {
    taken = pingsTaken(await read(watched));
    return taken === sent ? taken : null;
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
  await until({ clock, what: 'roll of all replicas', timeoutMs: TIMEOUT_MS, everyMs: 500 }, async () => {
    const counts = await Promise.all(serverUrls.map(knownTo));
    return counts.every((count) => count === replicas) ? true : null;
  });
}

function childOf(
  { clock }: TrialOptions,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Child {
  return new Child({ name, args, env, clock });
}

function answerOf<K extends FromFleet['kind']>(
  fleet: Child,
  kind: K,
): Promise<Extract<FromFleet, { kind: K }>> {
  const wanted = new Promise<Extract<FromFleet, { kind: K }>>((resolve, reject) => {
    fleet.onMessage((message: FromFleet) => {
      if (message.kind === 'failed') reject(new Error(`the fleet: ${message.message}`));
      else if (message.kind === kind) resolve(message as Extract<FromFleet, { kind: K }>);
    });
  });
  return fleet.before(wanted);
}

function readyPort(line: string): number | null {
  if (!line.startsWith('{"ready":true')) return null;
  return (JSON.parse(line) as { port: number }).port;
}
