import { PEERS, type PeerName } from '../peers/peer-servers.ts';
import { type ServerUnderTest, startBenchStores, startEngineServer } from '../suite/engine-server.ts';
import type { RowRun } from '../suite/row.ts';
import type { Place } from '../../src/domain/place.ts';
import { tellPlaces } from './place-teller.ts';
import { storeInPostgres, storeInRedis } from './stored-drivers.ts';

export interface NearbyServer {
  readonly subject: string;
  readonly server: ServerUnderTest;
  /** Of a GET, without the query. */
  readonly path: string;
  /** False: a fixed answer. */
  readonly finds: boolean;
}

/** Answers after the first quarter of an hour are still of fresh drivers: nobody pings here. */
const AGES = { STALE_MS: '3000000', OFFLINE_MS: '3600000' };
const OTHERS: readonly PeerName[] = ['socketio', 'ws', 'django'];
const OTHERS_QUICK: readonly PeerName[] = ['socketio'];

/** All servers of the row, and the stores they look into; whoever starts them stops them. */
export class NearbyServers {
  readonly all: NearbyServer[] = [];
  /** Where peers and direct searches look: Redis with a geo set, PostgreSQL with a table (in the engine's database, which does not use it). */
  redisUrl = '';
  databaseUrl = '';
  private readonly run: RowRun;
  private readonly stops: (() => Promise<void>)[] = [];
  private engine!: { url: string; redisUrl: string };

  constructor(run: RowRun) {
    this.run = run;
  }

  /** `bodyBytes`: of the bare server's longer answer. */
  async start(bodyBytes: number): Promise<void> {
    const { clock } = this.run;
    const own = await startBenchStores();
    this.stops.push(() => own.stop());
    const other = await startBenchStores('redis');
    this.stops.push(() => other.stop());
    this.databaseUrl = own.databaseUrl!;
    this.redisUrl = other.redisUrl!;
    const server = await startEngineServer(own, clock, { TRUST_FORWARDED_FOR: 'yes', ...AGES });
    this.add({ subject: 'hexdispatch', server, path: '/v1/nearby', finds: true });
    this.engine = { url: server.url, redisUrl: own.redisUrl! };
    const env = { BODY_BYTES: String(bodyBytes) };
    const bare = await PEERS.bare.start({ redisUrl: this.redisUrl, clock, env });
    this.add({ subject: PEERS.bare.subject, server: bare, path: '/healthz', finds: false });
    this.all.push({
      subject: `${PEERS.bare.subject}, as long an answer`,
      server: bare,
      path: '/body',
      finds: false,
    });
    for (const name of OTHERS) {
      if (this.run.isQuick && !OTHERS_QUICK.includes(name))
        this.run.skip(PEERS[name].subject, 'not part of a quick run');
      else await this.startPeer(name);
    }
  }

  /** From now on these drivers are there, and none else; each time the same ones and more. */
  async hold(places: readonly Place[]): Promise<void> {
    await tellPlaces(this.engine, places, this.run.clock);
    await storeInRedis(this.redisUrl, places);
    await storeInPostgres(this.databaseUrl, places);
  }

  async stop(): Promise<void> {
    for (const stop of this.stops.splice(0).reverse()) await stop();
  }

  private add(started: NearbyServer): void {
    this.all.push(started);
    this.stops.push(() => started.server.stop());
  }

  private async startPeer(name: PeerName): Promise<void> {
    const peer = PEERS[name];
    const { subject } = peer;
    const missing = await peer.isInstalled();
    if (missing !== null) return this.run.skip(subject, missing);
    const server = await peer.start({ redisUrl: this.redisUrl, clock: this.run.clock });
    this.add({ subject, server, path: '/drivers/nearby', finds: true });
  }
}
