import { CLUSTER_TIMING } from '../../cluster/timing.ts';
import { createZoneMap, type ZoneMap } from '../../cluster/zone-map.ts';
import { DEFAULT_GRID, type GridSpec } from '../../domain/cell.ts';
import { type Market, PLAIN_MARKET } from '../../domain/market.ts';
import type { DriverId, IdSource, MarketId, ReplicaId, RiderId } from '../../domain/ids.ts';
import type { Member } from '../../dispatch/desk.ts';
import { accountOf } from '../../dispatch/desk.ts';
import { createPrng, type Prng } from '../../lib/prng.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { ServerMessage } from '../../protocol/messages.ts';
import { Faults } from '../virtual/faults.ts';
import { machineUrl, Network, type AppMessage, type NetworkWatch } from '../virtual/network.ts';
import { UnreliableCalls } from '../virtual/unreliable-call.ts';
import { createUnreliableClaims } from '../virtual/unreliable-claims.ts';
import { createUnreliableStore } from '../virtual/unreliable-store.ts';
import { VirtualClock } from '../virtual/virtual-clock.ts';
import { VirtualRedis } from '../virtual/virtual-redis.ts';
import { Balancer } from './balancer.ts';
import { canaryLimits, createCanaryStore, sickened, sickenedClaims, type Canary } from './canary.ts';
import { ClientHistory } from './client-history.ts';
import { EventLog } from './event-log.ts';
import { FrameRules } from './frame-rules.ts';
import { PingEar } from './hearing.ts';
import type { Machine } from './machine.ts';
import { Mishaps } from './mishaps.ts';
import { PictureRules } from './picture-rules.ts';
import type { ClusterParts } from './server-cluster.ts';
import { ServerProcess } from './server-process.ts';
import { SearchRules } from './search-rules.ts';
import { StoreRules } from './store-rules.ts';
import { Town } from './town.ts';
import type { Report, RuleViolation } from './violation.ts';
import { drawWorldPlan, isHealthy, type WorldPlan } from './world-plan.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly canary: Canary | null;
  /** Default 1: a server on its own. */
  readonly replicas?: number;
}

/** Zones of 0.7 km², so that a town has some to share out. */
const CLUSTER_GRID: GridSpec = { ...DEFAULT_GRID, zoneResolution: 8 };
/** A flush, and a message between replicas on its slowest way. */
const PLACE_LATE_MS_MAX = 8_000;
const R10_EVERY_MS = 1_000;
const SEARCH_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 10_000;
/** Further violations tell no more. */
const VIOLATIONS_MAX = 20;
const CENT = { baseMinor: 300, perKmMinor: 150, perMinuteMinor: 40, minimumMinor: 700 };

/** One seed's world: stores, network, servers, drivers and riders, all on one virtual clock. */
export class World {
  readonly plan: WorldPlan;
  readonly clock: VirtualClock;
  readonly store: MemoryTripStore;
  readonly log: EventLog;
  readonly faults: Faults;
  readonly redis: VirtualRedis;
  readonly network: Network;
  readonly histories = new Map<Member, ClientHistory>();
  readonly violations: RuleViolation[] = [];
  readonly town: Town;
  readonly mishaps: Mishaps;
  private readonly balancer: Balancer;
  private readonly canary: Canary | null;
  private readonly market: Market;
  private readonly ids: IdSource;
  private readonly grid: GridSpec;
  /** Null for a server on its own. */
  readonly zoneMap: ZoneMap | null;
  private readonly processPrng: Prng;
  private readonly ear = new PingEar();
  private readonly rules: StoreRules;
  private processes = 0;

  constructor({ seed, canary, replicas = 1 }: WorldOptions) {
    const prng = createPrng(seed);
    this.canary = canary;
    this.plan = drawWorldPlan(prng.fork(), replicas);
    this.clock = new VirtualClock(this.plan.startMs);
    this.log = new EventLog(this.plan.startMs);
    this.faults = new Faults(this.plan.faults, this.clock, prng.fork());
    this.store = createCanaryStore(canary);
    const { leaseMs } = CLUSTER_TIMING;
    this.redis = new VirtualRedis({ clock: this.clock, faults: this.faults, leaseMs });
    this.ids = seededIds(prng.fork(), () => this.clock.nowMs());
    const { store, log, plan } = this;
    const nowMs = (): number => this.clock.nowMs();
    this.rules = new StoreRules({
      ...{ store, log, nowMs, report: this.report, hearing: this.ear, staleMs: plan.limits.staleMs },
      skewMsMax: plan.cluster?.skewMsMax ?? 0,
      lateMsMax: plan.cluster === null ? 0 : PLACE_LATE_MS_MAX,
    });
    this.network = new Network({
      clock: this.clock,
      faults: this.faults,
      watch: this.networkWatch(new FrameRules(store, this.report)),
      machines: {
        count: plan.replicas,
        choose: (last) => this.balancer.choose(last),
        at: (machine) => this.balancer.at(machine),
      },
    });
    this.town = new Town(this, prng.fork());
    this.market = marketOf(plan, this.town);
    this.mishaps = new Mishaps(this, prng.fork());
    this.balancer = new Balancer(this.mishaps.machines, plan.cluster?.wanders ?? 0, prng.fork());
    this.processPrng = prng.fork();
    this.grid = plan.cluster === null ? DEFAULT_GRID : CLUSTER_GRID;
    const area = { grid: this.grid, bounds: [plan.bounds], searchRadiusMMax: plan.policy.radiusMMax };
    this.zoneMap = plan.cluster === null ? null : createZoneMap(area);
    this.clock.every(R10_EVERY_MS, () => this.checkSizes());
    const picture = new PictureRules(store, this.report);
    this.clock.every(LOOK_EVERY_MS, () => picture.look(this.mishaps.awake, this.clock.nowMs()));
    if (plan.cluster !== null) this.watchSearches();
  }

  readonly report: Report = (violation) => {
    if (this.violations.length >= VIOLATIONS_MAX) return;
    this.violations.push(violation);
    this.log.note(this.clock.nowMs(), violation.tripId, `VIOLATION ${violation.rule}: ${violation.detail}`);
  };

  readonly broken = (error: unknown, where: string): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.report({ rule: 'bug', tripId: null, detail: `${where}: ${text}` });
  };

  /** A process that has not started yet, on its own lines to the stores. */
  newProcess({ number, skewMs, links }: Machine): ServerProcess {
    const name = `r${number}.${++this.processes}`;
    const { faults, redis, clock: storeClock } = this;
    return new ServerProcess({
      clock: this.clock,
      skewMs,
      market: this.market,
      limits: canaryLimits(this.canary, this.plan.limits),
      tickPace: this.plan.tickPace,
      ids: this.ids,
      name,
      grid: this.grid,
      cluster: this.clusterParts(number),
      isHealthy: isHealthy(this.plan),
      connect: (caller) => {
        const line = { faults, storeClock, caller };
        const isStoreOut = (): boolean => faults.isStoreOut;
        const calls = new UnreliableCalls({ ...line, link: links.postgres, isOut: isStoreOut });
        // A server on its own loses both stores at a time, as when its network fails.
        const isRedisOut = this.plan.cluster === null ? isStoreOut : () => redis.isOut;
        const redisCalls = new UnreliableCalls({ ...line, link: links.redis, isOut: isRedisOut });
        const store = createUnreliableStore(this.store, calls, this.rules);
        return {
          store: sickened(this.canary, store, this.clock),
          claims: sickenedClaims(
            this.canary,
            createUnreliableClaims(redisCalls, () => this.rules.watched(redis.claims)),
          ),
          redis: redis.connect(name as ReplicaId, { link: links.redis, calls: redisCalls, caller }),
        };
      },
      heard: (driverId) => this.ear.heard(driverId, this.clock.nowMs()),
      broken: this.broken,
    });
  }

  private clusterParts(machine: number): ClusterParts | null {
    const { zoneMap } = this;
    if (zoneMap === null) return null;
    return { canary: this.canary, url: machineUrl(machine), zoneMap, prng: this.processPrng.fork() };
  }

  /** The history of an app just installed. */
  enrol(member: Member): ClientHistory {
    const history = new ClientHistory(member);
    this.histories.set(member, history);
    return history;
  }

  private watchSearches(): void {
    const { clock, mishaps, faults, market, store, report } = this;
    const isFlaky = this.plan.faults.storeOutageEveryMs !== Infinity;
    const search = new SearchRules({ store, report, isFlaky, marketId: market.marketId, grid: this.grid });
    clock.every(SEARCH_EVERY_MS, () => {
      const { awake, lastMs: troubleMs } = mishaps;
      const isCut = faults.isStoreOut || mishaps.isSomebodyCut;
      void search.look({ nowMs: clock.nowMs(), awake, troubleMs, isCut });
    });
  }

  private checkSizes(): void {
    for (const server of this.mishaps.running)
      for (const detail of server.overgrown()) this.report({ rule: 'R10', tripId: null, detail });
  }

  private networkWatch(rules: FrameRules): NetworkWatch {
    const { log, clock } = this;
    const historyOf = (member: Member): ClientHistory => this.histories.get(member) ?? this.enrol(member);
    return {
      serverSent: (member, message) => rules.sent(member, message),
      appSent: (member, message) => {
        historyOf(member).sent(message, clock.nowMs());
        if (message.t === 'ping' || message.t === 'pings') return;
        log.note(clock.nowMs(), tripOf(message), `${accountOf(member)} sends ${message.t} ${message.id}`);
      },
      appReceived: (member, message) => {
        historyOf(member).received(message);
        if (message.t !== 'driver_at')
          log.note(clock.nowMs(), tripOf(message), `${accountOf(member)} gets ${textOf(message)}`);
      },
      closed: (member) => historyOf(member).disconnected(),
    };
  }
}

/** Which trip a message is about; `-` = none, unlike null, which is about the whole world. */
function tripOf(message: AppMessage | ServerMessage): string {
  if ('trip' in message && message.trip !== undefined) return message.trip.tripId;
  if ('offer' in message) return message.offer.tripId;
  if ('tripId' in message) return message.tripId;
  return '-';
}

function textOf(message: ServerMessage): string {
  switch (message.t) {
    case 'trip':
      return `trip v${message.trip.version} ${message.trip.status} (${message.seq})`;
    case 'ack':
      return `ack ${message.id}${message.trip === undefined ? '' : ` v${message.trip.version} ${message.trip.status}`}`;
    case 'error':
      return `error ${message.id} ${message.code}`;
    case 'offer':
      return `offer ${message.offer.offerId.slice(-6)} (${message.seq})`;
    case 'offer_closed':
      return `offer_closed ${message.offerId.slice(-6)} ${message.reason} (${message.seq})`;
    case 'welcome':
      return `welcome ${message.epoch} ${message.seq} ${message.resumed ? 'resumed' : 'snapshot'}`;
    case 'duty':
      return `duty ${message.status} (${message.seq})`;
    case 'driver_at':
    case 'move':
      return message.t;
  }
}

function marketOf(plan: WorldPlan, town: Town): Market {
  return {
    ...PLAIN_MARKET,
    marketId: 'downtown' as MarketId,
    bounds: plan.bounds,
    timeZone: 'America/Los_Angeles',
    currency: 'USD',
    fares: { economy: CENT },
    driveSpeed: town.speed,
    match: plan.policy,
    noShowMs: plan.noShowMs,
  };
}

/** UUIDs of version 7 by their look: the time and a count in front, so that they sort as they were made. */
function seededIds(prng: Prng, nowMs: () => number): IdSource {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return {
    newId() {
      const time = hex(nowMs(), 12);
      const tail = hex(prng.int(2 ** 48), 12);
      return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(prng.int(4096), 3)}-8${hex(prng.int(4096), 3)}-${tail}`;
    },
    newPin: () => String(prng.int(10_000)).padStart(4, '0'),
  };
}

export const driverMember = (driverId: string): Member => ({
  role: 'driver',
  driverId: driverId as DriverId,
});
export const riderMember = (riderId: string): Member => ({ role: 'rider', riderId: riderId as RiderId });
