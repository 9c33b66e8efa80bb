import type { Clock } from '../../src/lib/clock.ts';
import type { PrivateStores } from '../../src/private-stores.ts';
import { type PeerName, PEERS } from '../peers/peer-servers.ts';
import { type ServerUnderTest, startBenchStores, startEngineServer } from '../suite/engine-server.ts';
import type { Subject } from '../suite/row.ts';
import { HeapCollector } from './heap-collector.ts';

/** A server that idle drivers connect to, with stores of its own. */
export interface IdleTarget {
  readonly subject: Subject;
  readonly port: number;
  readonly pid: number;
  /** Has the server throw away what it does not use any more; nothing where that happens by itself (Python counts references). */
  collect(): Promise<void>;
  /** How many drivers' first fixes it has dealt with. */
  fixesIn(): Promise<number>;
  stop(): Promise<void>;
}

export async function startEngineTarget(clock: Clock): Promise<IdleTarget> {
  return started('hexdispatch', clock, await startBenchStores(), {
    start: (stores, env) => startEngineServer(stores, clock, env),
    fixesIn: async ({ url }) => {
      const metrics = await (await fetch(`${url}/metrics`)).text();
      // A driver on duty is in the index; one whose fix was taken has been moved there.
      return Number(/^hexdispatch_pings_total\{outcome="ok"\} (\d+)/m.exec(metrics)?.[1] ?? NaN);
    },
    isNode: true,
  });
}

export async function startPeerTarget(name: PeerName, clock: Clock): Promise<IdleTarget> {
  const peer = PEERS[name];
  return started(peer.subject, clock, await startBenchStores('redis'), {
    start: ({ redisUrl }, env) => peer.start({ redisUrl: redisUrl!, clock, env }),
    fixesIn: async ({ url }) => {
      const stats = (await (await fetch(`${url}/stats`)).json()) as { stored: number };
      return stats.stored;
    },
    isNode: name !== 'django',
  });
}

interface Kind {
  start(stores: PrivateStores, env: Record<string, string>): Promise<ServerUnderTest>;
  fixesIn(server: ServerUnderTest): Promise<number>;
  readonly isNode: boolean;
}

async function started(
  subject: Subject,
  clock: Clock,
  stores: PrivateStores,
  kind: Kind,
): Promise<IdleTarget> {
  let server: ServerUnderTest | null = null;
  let collector: HeapCollector | null = null;
  const stop = async (): Promise<void> => {
    collector?.close();
    await server?.stop();
    await stores.stop();
  };
  try {
    const { port, env } = await HeapCollector.settings();
    const running = await kind.start(stores, kind.isNode ? env : {});
    server = running;
    if (kind.isNode) collector = await HeapCollector.open(running.pid, port, clock);
    return {
      ...{ subject, port: running.port, pid: running.pid, stop },
      collect: () => collector?.collect() ?? Promise.resolve(),
      fixesIn: () => kind.fixesIn(running),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
