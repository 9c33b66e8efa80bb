import type { Beats } from './bus/beats.ts';
import type { Bus } from './bus/bus.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { ClusterTiming } from './cluster/timing.ts';
import { createZoneMap } from './cluster/zone-map.ts';
import { createEngine, type EngineOptions } from './dispatch/create-engine.ts';
import type { Engine } from './dispatch/engine.ts';
import { NEARBY_RADIUS_M } from './dispatch/nearby.ts';
import { Upkeep } from './dispatch/upkeep.ts';
import type { GridSpec } from './domain/cell.ts';
import type { DriverId, ReplicaId } from './domain/ids.ts';
import type { Misfix } from './domain/location-trust.ts';
import { DriverIndex } from './geo/driver-index.ts';
import { createIngest } from './geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from './geo/ping-filter.ts';
import type { RemoteDrivers } from './geo/remote-drivers.ts';
import type { Clock } from './lib/clock.ts';
import type { Prng } from './lib/prng.ts';
import { ReplicaPeers } from './replica-peers.ts';

export interface ReplicaOptions extends Omit<EngineOptions, 'index' | 'ingest' | 'peers'> {
  readonly replicaId: ReplicaId;
  readonly grid: GridSpec;
  readonly driversMax: number;
  /** The machine's own time, which leases go by; `clock` is the engine's, which a demo makes faster. */
  readonly wallClock: Clock;
  readonly prng: Prng;
  readonly bus: Bus;
  readonly beats: Beats;
  /** Whether the database is in reach; asked with each beat. */
  readonly canStore: () => boolean;
  /** Where clients reach this replica itself, or null; read with each beat. */
  readonly url: () => string | null;
  readonly timing?: ClusterTiming;
  /** See Ingest. */
  readonly onMisfix: (driverId: DriverId, kind: Misfix) => void;
}

/** Everything of a server behind its doors: an engine among others. */
export interface Replica {
  readonly engine: Engine;
  readonly cluster: Cluster;
  readonly remote: RemoteDrivers;
  /** Joins the others and takes up what the store holds; rejects, with nothing left running, when a store is out of reach. */
  join(): Promise<void>;
  /** Begins to match and to do its regular duties. */
  start(): void;
  /** Leaves the others: matches no more, still serves the clients it has. */
  leave(): Promise<void>;
  /** Ends the duties; resolves when all that was begun is stored. */
  stop(): Promise<void>;
}

export function createReplica(options: ReplicaOptions): Replica {
  const { replicaId, grid, driversMax, clock, wallClock, prng, log, bus, beats, markets } = options;
  const index = new DriverIndex({ grid, driversMax });
  const peers = new ReplicaPeers({
    ...{ replicaId, clock: wallClock, engineClock: clock, prng, log, bus, beats, index },
    ...(options.timing === undefined ? {} : { timing: options.timing }),
    url: options.url,
    canStore: options.canStore,
    zoneMap: createZoneMap({
      grid,
      bounds: markets.map((market) => market.bounds),
      searchRadiusMMax: Math.max(NEARBY_RADIUS_M, ...markets.map((market) => market.match.radiusMMax)),
    }),
  });
  const { cluster, remote } = peers;
  const { onMisfix } = options;
  const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS, onMisfix });
  const engine: Engine = createEngine({ ...options, index, ingest, peers: cluster });
  const upkeep = new Upkeep(engine, wallClock);
  return {
    engine,
    cluster,
    remote,
    async join() {
      await peers.join(engine, upkeep);
      try {
        await upkeep.takeUp();
      } catch (error) {
        cluster.close();
        throw error;
      }
    },
    start() {
      upkeep.start();
      for (const { dispatcher } of engine.markets.values()) dispatcher.start();
    },
    leave: () => cluster.drain(),
    async stop() {
      for (const { dispatcher } of engine.markets.values()) await dispatcher.stop();
      await upkeep.stop();
      cluster.close();
    },
  };
}
