import { Cluster, type Redis } from 'ioredis';

import type { Clock, Timer } from './lib/clock.ts';

/** How often each connection is asked whether it lives. */
const PING_EVERY_MS = 1_000;

/** Watches connections: each is made to say something once a second, so that the client's own time-outs see a dead one. */
export interface RedisWatch {
  /** True when all that is watched answered its last question, and a cluster serves all its slots. */
  isWell(): boolean;
  stop(): void;
}

/**
 * PINGs every connection behind the clients that `watched` answers. One that says nothing is closed by the client itself
 * (`socketTimeout`) and opened again: without a question under way it would never notice a link that swallows bytes.
 */
export function watchRedis(options: {
  readonly watched: () => readonly (Redis | Cluster)[];
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
}): RedisWatch {
  const { watched, clock, onError } = options;
  const sick = new Map<Redis | Cluster, boolean>();
  const check = async (client: Redis | Cluster): Promise<void> => {
    try {
      await (client instanceof Cluster ? checkCluster(client, onError) : client.ping());
      sick.set(client, false);
    } catch (error) {
      sick.set(client, true);
      onError(error);
    }
  };
  const timer: Timer = clock.every(PING_EVERY_MS, () => {
    // One that is not ready is being opened again already; its errors are told by the client.
    for (const client of watched()) if (client.status === 'ready') void check(client);
  });
  return {
    isWell: () => watched().every((client) => client.status === 'ready' && sick.get(client) !== true),
    stop: () => timer.cancel(),
  };
}

async function checkCluster(cluster: Cluster, onError: (error: unknown) => void): Promise<void> {
  const masters = cluster.nodes('master');
  // A replica's silence does not count: the client opens another in its place.
  for (const replica of cluster.nodes('slave')) if (replica.status === 'ready') replica.ping().catch(onError);
  await Promise.all(masters.map((node) => node.ping()));
  // A master that is out of reach is struck off by the client, so the others must be asked how many there should be.
  const info = String(await cluster.cluster('INFO'));
  if (!/^cluster_state:ok/m.test(info)) throw new Error('the Redis Cluster does not serve all its slots');
  const size = Number(/^cluster_size:(\d+)/m.exec(info)?.[1]);
  if (masters.length < size) throw new Error(`${size - masters.length} of ${size} masters are out of reach`);
}
