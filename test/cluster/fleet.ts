import type { Beats } from '../../src/bus/beats.ts';
import { MemoryBeatsHub } from '../../src/bus/beats-memory.ts';
import { MemoryBusHub, type MemoryBus } from '../../src/bus/bus-memory.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import { CLUSTER_TIMING } from '../../src/cluster/timing.ts';
import { createZoneMap } from '../../src/cluster/zone-map.ts';
import type { DriverAt, News, PeerDesk } from '../../src/dispatch/peers.ts';
import { zoneAt, type Zone } from '../../src/domain/cell.ts';
import type { DriverId, ReplicaId, RiderId } from '../../src/domain/ids.ts';
import type { Place } from '../../src/domain/place.ts';
import { accepted, type Result } from '../../src/domain/rejection.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { MirrorPlanner } from '../../src/geo/driver-mirror.ts';
import { RemoteDrivers } from '../../src/geo/remote-drivers.ts';
import { idleLoop } from '../../src/lib/clock.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import type { NearbyDriver } from '../../src/protocol/messages.ts';
import { ProcessClock, VirtualClock } from '../../src/sim/virtual/virtual-clock.ts';

export const GRID = { resolution: 9, zoneResolution: 6 };
export const CITY = { south: 37.6, west: -122.55, north: 37.85, east: -122.3 };
export const ZONE_MAP = createZoneMap({ grid: GRID, bounds: [CITY], searchRadiusMMax: 3_000 });
export const DOWNTOWN: Place = { lat: 37.78, lng: -122.41 };
export const LEASE_MS = CLUSTER_TIMING.leaseMs;

const START_MS = 1_700_000_000_000;
export const FLUSH_MS = 250;
/** Half a round trip to the store. */
const WAY_MS = 2;
const CAB = { vehicleClass: 'economy', seats: 4 } as const;

/** What the store of the beats does with one replica's beats. */
export type Line = 'open' | 'refusing' | 'silent';

/** Notes what a cluster tells the engine, and answers as an engine with the drivers of its index would. */
export class RecordingDesk implements PeerDesk {
  openRequests = 0;
  readonly learnt: { news: News; from: ReplicaId }[] = [];
  readonly shown: { riderId: RiderId; message: DriverAt }[] = [];
  readonly gone: ReplicaId[] = [];
  readonly lostTrackMs: number[] = [];
  readonly owned: { atMs: number; zones: ReadonlySet<Zone> }[] = [];
  private readonly member: Pick<Member, 'clock' | 'index'>;

  constructor(member: Pick<Member, 'clock' | 'index'>) {
    this.member = member;
  }

  learn(news: News, from: ReplicaId): void {
    this.learnt.push({ news, from });
  }

  driverAt(riderId: RiderId, message: DriverAt): void {
    this.shown.push({ riderId, message });
  }

  nearby(place: Place, max: number): Result<NearbyDriver[]> {
    const { index } = this.member;
    const drivers: NearbyDriver[] = [];
    for (let slot = 0; slot < index.slotsEnd && drivers.length < max; slot++) {
      const at = index.isLive(slot) ? index.placeOf(slot) : null;
      if (at === null || zoneAt(at.lat, at.lng, GRID) !== zoneAt(place.lat, place.lng, GRID)) continue;
      drivers.push({ ...at, headingDeg: null, vehicleClass: index.vehicleClassOf(slot), etaS: 60 });
    }
    return accepted(drivers);
  }

  hosted(driverIds: readonly DriverId[]): DriverId[] {
    const { index } = this.member;
    return driverIds.filter((id) => index.slotOf(id) >= 0 && index.isHere(index.slotOf(id)));
  }

  ownZones(zones: ReadonlySet<Zone>): void {
    this.owned.push({ atMs: this.member.clock.nowMs(), zones });
  }

  lostTrack(): void {
    this.lostTrackMs.push(this.member.clock.nowMs());
  }

  peerGone(replicaId: ReplicaId): void {
    this.gone.push(replicaId);
  }

  /** The zones it was told last. */
  get zones(): Zone[] {
    return [...(this.owned.at(-1)?.zones ?? [])];
  }
}

/** One replica of a fleet: a process of its own with its index, its lines and its cluster. */
export interface Member {
  readonly id: ReplicaId;
  readonly clock: ProcessClock;
  readonly bus: MemoryBus;
  readonly index: DriverIndex;
  readonly remote: RemoteDrivers;
  readonly cluster: Cluster;
  readonly desk: RecordingDesk;
  line: Line;
  canStore: boolean;
}

/** Loses, delays or repeats one message: the delays of its deliveries, or undefined for the usual. */
export type Meddle = (topic: string, from: string, to: string) => readonly number[] | undefined;

/** Several replicas over one store in memory, under one virtual clock; nothing happens but in `run`. */
export class Fleet {
  readonly clock = new VirtualClock(START_MS);
  readonly beats = new MemoryBeatsHub(this.clock, LEASE_MS);
  readonly members: Member[] = [];
  meddle: Meddle | null = null;
  private readonly hub = new MemoryBusHub({
    fate: (topic, from, to) => this.meddle?.(topic, from, to) ?? [1],
  });

  /** A replica that has not started. */
  add(name: string): Member {
    const id = name as ReplicaId;
    const clock = new ProcessClock(this.clock);
    const bus = this.hub.connect(id, clock.lines);
    const index = new DriverIndex({ grid: GRID, driversMax: 1_000 });
    const remote = new RemoteDrivers({ index, onStatus() {} });
    const desk = new RecordingDesk({ clock, index });
    const planner = new MirrorPlanner({
      ...{ index, flushDriversMax: 1_000, removalsMax: 1_000, refreshMs: 600_000 },
    });
    const member: Member = {
      ...{ id, clock, bus, index, remote, desk, line: 'open', canStore: true },
      cluster: new Cluster({
        ...{ replicaId: id, clock, engineClock: clock, bus, index, remote, log: SILENT_LOG },
        url: () => `wss://${id}.test`,
        canStore: () => member.canStore,
        prng: createPrng(this.members.length + 1),
        beats: this.beatsOf(id, clock, () => member.line),
        zoneMap: ZONE_MAP,
      }),
    };
    clock.every(FLUSH_MS, () => member.cluster.flushed(planner.plan(clock.nowMs()), clock.nowMs()));
    this.members.push(member);
    return member;
  }

  async start(...names: string[]): Promise<Member[]> {
    const members = names.map((name) => this.add(name));
    const started = Promise.all(members.map(({ cluster, desk }) => cluster.start(desk)));
    await this.run(1_500);
    await started;
    return members;
  }

  /** `ms` go by; after each event `look` may look. */
  async run(ms: number, look: () => void = () => {}): Promise<void> {
    const untilMs = this.clock.nowMs() + ms;
    await idleLoop();
    while (this.clock.fireNext(untilMs)) {
      await idleLoop();
      look();
    }
  }

  /** Runs until `is` holds, `maxMs` at most; answers after how long. Throws when it never did. */
  async until(is: () => boolean, maxMs: number): Promise<number> {
    const startMs = this.clock.nowMs();
    await idleLoop();
    while (!is()) {
      if (!this.clock.fireNext(startMs + maxMs)) throw new Error(`did not happen within ${maxMs} ms`);
      await idleLoop();
    }
    return this.clock.nowMs() - startMs;
  }

  /** As kill -9: nothing runs there any more, its lines break. */
  kill(member: Member): void {
    member.clock.kill();
    member.bus.close();
  }

  /** Zones that not exactly one of these replicas owns and may match. */
  unserved(members: readonly Member[]): Zone[] {
    return ZONE_MAP.zones.filter(
      (zone) => members.filter(({ cluster }) => cluster.mayMatch() && cluster.owns(zone)).length !== 1,
    );
  }

  private beatsOf(id: ReplicaId, caller: ProcessClock, line: () => Line): Beats {
    const beats = this.beats.connect(id);
    const call = <T>(perform: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        this.clock.after(WAY_MS, () => {
          if (line() === 'silent') return;
          const done = line() === 'open' ? perform() : Promise.reject(new Error('connection refused'));
          const back = (settle: () => void): void =>
            void this.clock.after(WAY_MS, () => caller.arrive(settle));
          done.then(
            (value) => back(() => resolve(value)),
            (error: Error) => back(() => reject(error)),
          );
        });
      });
    return {
      beat: (info, knownEpoch) => call(() => beats.beat(info, knownEpoch)),
      leave: () => call(() => beats.leave()),
    };
  }
}

/** A driver on duty at a replica. */
export function place(member: Member, name: string, at: Place): DriverId {
  const driverId = name as DriverId;
  const nowMs = member.clock.nowMs();
  const slot = member.index.add(driverId, CAB, 'available', nowMs);
  member.index.columns.atMs[slot] = nowMs;
  member.index.columns.receivedMs[slot] = nowMs;
  member.index.place(slot, at.lat, at.lng);
  return driverId;
}

export const offDuty = (name: string): News => ({ kind: 'off_duty', driverId: name as DriverId });

/** A place in a zone of the city that this replica owns. */
export function placeOwnedBy({ cluster }: Member): Place {
  for (let lat = CITY.south; lat <= CITY.north; lat += 0.01)
    for (let lng = CITY.west; lng <= CITY.east; lng += 0.01)
      if (cluster.owns(zoneAt(lat, lng, GRID))) return { lat, lng };
  throw new Error('owns no place of the city');
}
