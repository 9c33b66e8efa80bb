import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { Clock } from '../../src/lib/clock.ts';
import { until } from '../../src/private-processes.ts';
import type { PrivateStores } from '../../src/private-stores.ts';
import { type PingUsage, runPingTrial } from '../ping/ping-trial.ts';
import { startBenchStores, startNodeServer, type ServerUnderTest } from '../suite/engine-server.ts';
import { CROWD_PINGS_PER_S, type ManyDriversStats } from './many-drivers.ts';

/** As built: below dist everything is JavaScript at its own place. */
const SCRIPT = fileURLToPath(new URL('./many-drivers-server.js', import.meta.url));
const SOCKETS = 1_000;
const WRITTEN_MS_MAX = 10_000;

/** How long a trial loads a server before it measures, and while it does. */
export interface TrialTimes {
  readonly warmUpMs: number;
  readonly measureMs: number;
}

/** A server with many drivers and the Redis it writes to, both its own. Whoever starts it stops it. */
export class WholePath {
  private readonly stores: PrivateStores;
  private readonly server: ServerUnderTest;
  private readonly redis: Redis;
  private readonly clock: Clock;
  private readonly seed: number;

  /** Resolves when all drivers are on duty and in Redis. */
  static async start(drivers: number, seed: number, clock: Clock): Promise<WholePath> {
    const stores = await startBenchStores('redis');
    try {
      const env = { DRIVERS: String(drivers), SEED: String(seed), REDIS_URL: stores.redisUrl! };
      const server = await startNodeServer(`the server of ${drivers} drivers`, [SCRIPT], env, clock);
      return new WholePath({ stores, server, clock, seed });
    } catch (error) {
      await stores.stop();
      throw error;
    }
  }

  private constructor(parts: { stores: PrivateStores; server: ServerUnderTest; clock: Clock; seed: number }) {
    this.stores = parts.stores;
    this.server = parts.server;
    this.clock = parts.clock;
    this.seed = parts.seed;
    this.redis = new Redis(parts.stores.redisUrl!);
  }

  /** Open loop, each driver in turn; rejects unless every ping was accepted and written to Redis. */
  async trial(framesPerWrite: number, times: TrialTimes): Promise<PingUsage> {
    const { clock, server } = this;
    const before = await this.stats();
    const redis = { pid: this.stores.pids['redis']!, client: this.redis };
    const usage = await runPingTrial(
      {
        ...{ subject: 'many drivers', port: server.port, pid: server.pid, redis, countsFrames: false },
        counted: async () => (await this.stats()).ok,
      },
      {
        ...{ sockets: SOCKETS, seed: this.seed, shape: { framesPerWrite, fixesPerFrame: 1 } },
        ...{ writesPerS: CROWD_PINGS_PER_S / framesPerWrite, ...times },
      },
      clock,
    );
    await until({ clock, what: 'write of all drivers', timeoutMs: WRITTEN_MS_MAX, everyMs: 50 }, async () =>
      (await this.stats()).dirty === 0 ? true : null,
    );
    const failed = (await this.stats()).failedFlushes - before.failedFlushes;
    if (failed > 0) throw new Error(`${failed} writes to Redis failed`);
    return usage;
  }

  async stop(): Promise<void> {
    this.redis.disconnect();
    await this.server.stop();
    await this.stores.stop();
  }

  private async stats(): Promise<ManyDriversStats> {
    return (await (await fetch(`${this.server.url}/stats`)).json()) as ManyDriversStats;
  }
}
