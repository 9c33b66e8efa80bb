import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { type PrivateStores, startPrivateStores } from '../../src/private-stores.ts';
import { pin } from './pinning.ts';

/** As built: below dist everything is JavaScript at its own place. */
const MAIN = fileURLToPath(new URL('../../main.js', import.meta.url));
const DATA_DIR = fileURLToPath(new URL('../../../.data', import.meta.url));
/** Nothing is handed over and nobody waits: a server that has been measured need not drain. */
const STOP_MS_MAX = 100;

/** Signs the tokens of all benchmarks. */
export const AUTH_SECRET = 'a secret of the benchmarks, long enough to be one';

/** A server under test. */
export interface ServerUnderTest {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** PostgreSQL and Redis of a benchmark's own, on the other CPU than the server. Whoever starts them stops them. */
export async function startBenchStores(only?: 'postgres' | 'redis'): Promise<PrivateStores> {
  const stores = await startPrivateStores({ dataDir: DATA_DIR, ...(only === undefined ? {} : { only }) });
  for (const name of ['postgres', 'redis']) {
    const pid = stores.pids[name];
    if (pid !== undefined) await pin(pid, 'rest');
  }
  return stores;
}

/** `hexdispatch server` as anybody starts it, alone on its CPU. `env` adds to its settings. */
export async function startEngineServer(
  stores: Pick<PrivateStores, 'databaseUrl' | 'redisUrl'>,
  clock: Clock,
  env: Readonly<Record<string, string>> = {},
): Promise<ServerUnderTest> {
  const settings = {
    ...{ DATABASE_URL: stores.databaseUrl!, REDIS_URL: stores.redisUrl!, AUTH_SECRET },
    ...{ LOG_LEVEL: 'warn', PORT: '0', ACCOUNTS: 'elsewhere', CONNECTIONS_PER_IP_MAX: '1000000', ...env },
  };
  return startNodeServer('the server', [MAIN, 'server'], settings, clock);
}

/**
 * Any other server written in JavaScript: a script that prints one line of JSON, `{"ready":true,"port":…}`, once it listens, and ends at SIGTERM.
 * Alone on its CPU.
 */
export async function startNodeServer(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  clock: Clock,
): Promise<ServerUnderTest> {
  const child = new Child({ name, args, env: { ...process.env, ...env }, clock });
  try {
    const port = await child.firstLine(readyPort);
    await pin(child.pid!, 'server');
    return { url: `http://127.0.0.1:${port}`, port, pid: child.pid!, stop: () => child.stop(STOP_MS_MAX) };
  } catch (error) {
    await child.stop(STOP_MS_MAX);
    throw error;
  }
}

function readyPort(line: string): number | null {
  if (!line.startsWith('{"ready":true')) return null;
  return (JSON.parse(line) as { port: number }).port;
}
