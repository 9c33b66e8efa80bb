import { Cluster, type ClusterOptions } from './cluster/cluster.ts';
import type { Engine } from './dispatch/engine.ts';
import { EnginePeerDesk, seen } from './dispatch/peer-desk.ts';
import type { PeerDesk } from './dispatch/peers.ts';
import type { Upkeep } from './dispatch/upkeep.ts';
import { RemoteDrivers } from './geo/remote-drivers.ts';

/**
 * An engine's ties to the other replicas, both ways: what it says to them (`cluster`) and what it learns of them. The program and
 * the simulation are put together with it.
 */
export class ReplicaPeers {
  readonly cluster: Cluster;
  readonly remote: RemoteDrivers;
  private readonly options: Omit<ClusterOptions, 'remote'>;
  private engine: Engine | null = null;

  constructor(options: Omit<ClusterOptions, 'remote'>) {
    this.options = options;
    this.remote = new RemoteDrivers({
      index: options.index,
      onStatus: (driverId, status, free) => {
        if (this.engine !== null) seen(this.engine, driverId, status, free);
      },
    });
    this.cluster = new Cluster({ ...options, remote: this.remote });
  }

  /** Joins the others; rejects when their store is out of reach. `wrap`: what stands between them and the engine, in a test. */
  join(engine: Engine, upkeep: Upkeep, wrap = (desk: PeerDesk): PeerDesk => desk): Promise<void> {
    this.engine = engine;
    const desk = new EnginePeerDesk(engine, upkeep, (replicaId) =>
      this.remote.gone(replicaId, this.options.engineClock.nowMs()),
    );
    return this.cluster.start(wrap(desk));
  }
}
