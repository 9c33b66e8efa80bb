import type { Cluster } from '../../cluster/cluster.ts';
import type { ZoneMap } from '../../cluster/zone-map.ts';
import type { Engine } from '../../dispatch/engine.ts';
import type { PeerDesk } from '../../dispatch/peers.ts';
import type { Upkeep } from '../../dispatch/upkeep.ts';
import type { ReplicaId } from '../../domain/ids.ts';
import type { DriverIndex } from '../../geo/driver-index.ts';
import { MirrorPlanner } from '../../geo/driver-mirror.ts';
import type { Log } from '../../lib/log.ts';
import type { Prng } from '../../lib/prng.ts';
import { ReplicaPeers } from '../../replica-peers.ts';
import { sickenedDesk, type Canary } from './canary.ts';
import type { RedisLines } from '../virtual/virtual-redis.ts';
import type { ProcessClock } from '../virtual/virtual-clock.ts';

/** What a replica among others needs beside what every server has. */
export interface ClusterParts {
  readonly canary: Canary | null;
  readonly url: string;
  readonly zoneMap: ZoneMap;
  readonly prng: Prng;
}

export interface ServerClusterOptions extends ClusterParts {
  readonly replicaId: ReplicaId;
  readonly clock: ProcessClock;
  readonly index: DriverIndex;
  readonly lines: RedisLines;
  readonly log: Log;
}

const FLUSH_MS = 1_000;
const REFRESH_MS = 10_000;
/** Of this world's drivers and removals none is ever left for the next flush. */
const FLUSH_MAX = 10_000;

/** One replica's part in the cluster, as the program has it; the mirror's plans go to the peers alone. */
export class ServerCluster {
  readonly peers: Cluster;
  private readonly clock: ProcessClock;
  private readonly ties: ReplicaPeers;
  private readonly planner: MirrorPlanner;
  private readonly canary: Canary | null;

  constructor(options: ServerClusterOptions) {
    const { clock, index, lines } = options;
    this.canary = options.canary;
    this.clock = clock;
    this.planner = new MirrorPlanner({
      ...{ index, flushDriversMax: FLUSH_MAX, removalsMax: FLUSH_MAX, refreshMs: REFRESH_MS },
    });
    this.ties = new ReplicaPeers({
      ...options,
      url: () => options.url,
      canStore: () => true,
      engineClock: clock,
      bus: lines.bus,
      beats: lines.beats,
    });
    this.peers = this.ties.cluster;
  }

  /** Joins; rejects when Redis is out of reach. */
  async start(engine: Engine, upkeep: Upkeep): Promise<void> {
    try {
      await this.ties.join(engine, upkeep, (desk) => this.sickened(engine, desk));
    } catch (error) {
      throw isOutOfReach(error)
        ? Object.assign(new Error('not joined', { cause: error }), { code: 'EJOIN' })
        : error;
    }
    this.clock.every(FLUSH_MS, () => {
      const nowMs = this.clock.nowMs();
      this.peers.flushed(this.planner.plan(nowMs), nowMs);
    });
  }

  private sickened(engine: Engine, desk: PeerDesk): PeerDesk {
    return sickenedDesk(this.canary, desk, {
      ownZones: (zones) => {
        for (const { dispatcher } of engine.markets.values())
          dispatcher.input({ kind: 'zones_owned', zones });
      },
      lostTrack: () => {
        for (const doubt of engine.seatedTrips.doubts()) engine.doubts.add(doubt);
      },
    });
  }
}

/** The store was out of reach, or a beat was not answered in time: anything else is a bug. */
function isOutOfReach(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return 'code' in error || /was not answered/.test(error.message) || isOutOfReach(error.cause);
}
