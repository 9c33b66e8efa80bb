import { Redis } from 'ioredis';
import type { PrivateStores } from '../../src/private-stores.ts';
import { readSamples, total } from '../../src/sim/demo/server-figures.ts';
import { PEERS, type PeerName } from '../peers/peer-servers.ts';
import { type ServerUnderTest, startBenchStores, startEngineServer } from '../suite/engine-server.ts';
import type { RowRun } from '../suite/row.ts';
import type { PingTarget } from './ping-trial.ts';

/**
 * A closed loop is as fast as the server: one driver may send hundreds of pings a second there, and the loop is as late as its window is long. A
 * server that thinned them out would not be measured but spared.
 */
const WITHOUT_LIMITS = { FIXES_PER_S_MAX: '1000000', LOAD_LATE_MS: '10000' };

/** Starts everybody who is measured, each with a Redis of its own; `stop` ends all that was started, also after a failure. */
export class PingTargets {
  readonly all: PingTarget[] = [];
  private readonly run: RowRun;
  private readonly stops: (() => Promise<void>)[] = [];

  constructor(run: RowRun) {
    this.run = run;
  }

  async startEngine(): Promise<void> {
    const stores = await this.stores();
    const server = await this.started(startEngineServer(stores, this.run.clock, WITHOUT_LIMITS));
    this.add('hexdispatch', server, stores, () => pingsTaken(server));
  }

  /** Passed over, with a word, where it is not installed. */
  async startPeer(name: PeerName): Promise<void> {
    const { clock } = this.run;
    const peer = PEERS[name];
    const why = await peer.isInstalled();
    if (why !== null) return this.run.skip(peer.subject, why);
    const stores = name === 'bare' ? null : await this.stores('redis');
    const server = await this.started(peer.start({ redisUrl: stores?.redisUrl ?? '', clock }));
    this.add(peer.subject, server, stores, () => pingsStored(server));
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.reverse()) await stop();
  }

  private add(
    subject: string,
    server: ServerUnderTest,
    stores: PrivateStores | null,
    counted: () => Promise<number>,
  ): void {
    const { port, pid } = server;
    const client = stores === null ? null : new Redis(stores.redisUrl!);
    if (client !== null) this.stops.push(async () => client.disconnect());
    const redis = client === null ? null : { pid: stores!.pids['redis']!, client };
    this.all.push({ subject, port, pid, counted, redis, countsFrames: subject === PEERS.bare.subject });
  }

  private async stores(only?: 'redis'): Promise<PrivateStores> {
    const stores = await startBenchStores(only);
    this.stops.push(stores.stop);
    return stores;
  }

  private async started(starting: Promise<ServerUnderTest>): Promise<ServerUnderTest> {
    const server = await starting;
    this.stops.push(() => server.stop());
    return server;
  }
}

/** Pings that moved a driver. */
async function pingsTaken({ url }: ServerUnderTest): Promise<number> {
  const samples = readSamples(await textAt(`${url}/metrics`));
  return total(samples, 'hexdispatch_pings_total', { outcome: 'ok' }) ?? 0;
}

async function pingsStored({ url }: ServerUnderTest): Promise<number> {
  return (JSON.parse(await textAt(`${url}/stats`)) as { stored: number }).stored;
}

async function textAt(url: string): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
  return answer.text();
}
