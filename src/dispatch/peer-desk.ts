import type { Zone } from '../domain/cell.ts';
import type { DriverStatus } from '../domain/driver-state.ts';
import type { DriverId, ReplicaId, RiderId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import type { Result } from '../domain/rejection.ts';
import type { NearbyDriver } from '../protocol/messages.ts';
import { marketOf, type Engine } from './engine.ts';
import { learn } from './learn.ts';
import { nearbyHere } from './nearby.ts';
import type { DriverAt, News, PeerDesk } from './peers.ts';
import type { Upkeep } from './upkeep.ts';

/** What a driver's host says of their status, given to the matcher of the market they are in. */
export function seen(engine: Engine, driverId: DriverId, status: DriverStatus, free: Place | null): void {
  const slot = engine.index.slotOf(driverId);
  const place = slot < 0 ? null : engine.index.placeOf(slot);
  const served = (place === null ? undefined : marketOf(engine, place)) ?? [...engine.markets.values()][0];
  served?.dispatcher.input({ kind: 'driver_seen', driverId, status, free });
}

/** What other replicas find here: an engine and its regular duties. */
export class EnginePeerDesk implements PeerDesk {
  private readonly engine: Engine;
  private readonly upkeep: Upkeep;
  /** Told of a replica that is gone. */
  private readonly onPeerGone: (replicaId: ReplicaId) => void;

  constructor(engine: Engine, upkeep: Upkeep, onPeerGone: (replicaId: ReplicaId) => void) {
    this.engine = engine;
    this.upkeep = upkeep;
    this.onPeerGone = onPeerGone;
  }

  get openRequests(): number {
    let open = 0;
    for (const { dispatcher } of this.engine.markets.values()) open += dispatcher.openRequests;
    return open;
  }

  learn(news: News, from: ReplicaId): void {
    learn(this.engine, news, from);
  }

  driverAt(riderId: RiderId, message: DriverAt): void {
    this.engine.followed.heard(message);
    this.engine.announcer.toRider(riderId, message);
  }

  nearby(place: Place, max: number): Result<NearbyDriver[]> {
    return nearbyHere(this.engine, place, max);
  }

  hosted(driverIds: readonly DriverId[]): DriverId[] {
    const { index } = this.engine;
    return driverIds.filter((driverId) => {
      const slot = index.slotOf(driverId);
      return slot >= 0 && index.isHere(slot);
    });
  }

  ownZones(zones: ReadonlySet<Zone>): void {
    for (const { dispatcher } of this.engine.markets.values())
      dispatcher.input({ kind: 'zones_owned', zones });
    this.upkeep.sweepNow();
  }

  lostTrack(): void {
    const { doubts, seatedTrips } = this.engine;
    for (const doubt of seatedTrips.doubts()) doubts.add(doubt);
    this.upkeep.sweepNow();
    this.upkeep.checkSeats();
  }

  peerGone(replicaId: ReplicaId): void {
    this.onPeerGone(replicaId);
    this.upkeep.silence.lookForOrphans();
  }
}
