import type { Bus } from './bus/bus.ts';
import type { Cluster } from './cluster/cluster.ts';
import type { Engine } from './dispatch/engine.ts';
import type { RemoteDrivers } from './geo/remote-drivers.ts';
import { by, one, type Publish } from './metric-publishers.ts';

/** Where the figures about other replicas come from. */
export interface ClusterSources {
  readonly cluster: Cluster;
  readonly bus: Bus;
  readonly remote: RemoteDrivers;
  readonly engine: Engine;
}

/** Publishes what goes on between replicas; docs/operations.md says what to watch. */
export function publishCluster(
  { totals, levels }: { totals: Publish; levels: Publish },
  { cluster, bus, remote, engine }: ClusterSources,
): void {
  levels('replicas', [], 'replicas on the roll, this one included', () => one(cluster.status.members.length));
  levels('cluster_epoch', [], 'rises with each change of the roll', () => one(cluster.status.epoch));
  levels('zones', ['relation'], 'zones matched here, and zones whose drivers are known here', () =>
    by('relation', { owned: cluster.status.ownedZones, watched: cluster.status.watchedZones }),
  );
  levels('lease_age_ms', [], 'since the last answered beat began; at 2,500 nothing is matched', () =>
    one(Math.min(cluster.status.leaseAgeMs, 1e9)),
  );
  totals('beats_refused_total', [], 'beats without an answer', () => one(cluster.status.refusedBeats));
  totals('news_total', ['event'], 'what is told between replicas', () => by('event', cluster.status.news));
  totals('place_frames_total', ['event'], 'drivers’ places between replicas', () =>
    by('event', cluster.status.places),
  );
  totals('questions_total', ['event'], 'questions to other replicas', () =>
    by('event', cluster.status.questions),
  );
  totals('bus_total', ['event'], 'messages and bytes on the bus', () => by('event', bus.counts));
  totals('remote_rows_total', ['event'], 'drivers of other replicas: rows taken in', () =>
    by('event', remote.counts),
  );
  levels('drivers_followed', [], 'drivers at other replicas shown to riders here', () =>
    one(engine.followed.count),
  );
  levels('seated_trips', [], 'open trips of accounts connected here', () => one(engine.seatedTrips.count));
}
