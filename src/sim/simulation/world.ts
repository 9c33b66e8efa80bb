import type { Market } from '../../domain/market.ts';
import type { DriverId, IdSource, MarketId, RiderId } from '../../domain/ids.ts';
import type { Member } from '../../gateway/session.ts';
import { accountOf } from '../../gateway/sessions.ts';
import type { Claims } from '../../geo/claims.ts';
import { createMemoryClaims } from '../../geo/claims-memory.ts';
import { createPrng, type Prng } from '../../lib/prng.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { ServerMessage } from '../../protocol/messages.ts';
import { Faults } from '../virtual/faults.ts';
import { Network, type AppMessage, type NetworkWatch } from '../virtual/network.ts';
import { UnreliableCalls } from '../virtual/unreliable-call.ts';
import { createUnreliableClaims } from '../virtual/unreliable-claims.ts';
import { createUnreliableStore } from '../virtual/unreliable-store.ts';
import { VirtualClock } from '../virtual/virtual-clock.ts';
import { canaryLimits, createCanaryStore, sickened, type Canary } from './canary.ts';
import { ClientHistory } from './client-history.ts';
import { EventLog } from './event-log.ts';
import { FrameRules } from './frame-rules.ts';
import { PingEar } from './hearing.ts';
import { Mishaps } from './mishaps.ts';
import { PictureRules } from './picture-rules.ts';
import { ServerProcess } from './server-process.ts';
import { StoreRules } from './store-rules.ts';
import { Town } from './town.ts';
import type { Report, RuleViolation } from './violation.ts';
import { drawWorldPlan, isHealthy, type WorldPlan } from './world-plan.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly canary: Canary | null;
}

const R10_EVERY_MS = 1_000;
const LOOK_EVERY_MS = 10_000;
/** Further violations tell no more. */
const VIOLATIONS_MAX = 20;
const CENT = { baseMinor: 300, perKmMinor: 150, perMinuteMinor: 40, minimumMinor: 700 };

/** One seed's world: stores, network, a server (now and then a second one), drivers and riders, all on one virtual clock. */
export class World {
  readonly plan: WorldPlan;
  readonly clock: VirtualClock;
  readonly store: MemoryTripStore;
  readonly log: EventLog;
  readonly faults: Faults;
  readonly network: Network;
  readonly histories = new Map<Member, ClientHistory>();
  readonly violations: RuleViolation[] = [];
  readonly town: Town;
  readonly mishaps: Mishaps;
  private readonly canary: Canary | null;
  private readonly market: Market;
  private readonly ids: IdSource;
  private readonly ear = new PingEar();
  private readonly rules: StoreRules;
  private claims: Claims;
  private processes = 0;

  constructor({ seed, canary }: WorldOptions) {
    const prng = createPrng(seed);
    this.canary = canary;
    this.plan = drawWorldPlan(prng.fork());
    this.clock = new VirtualClock(this.plan.startMs);
    this.log = new EventLog(this.plan.startMs);
    this.faults = new Faults(this.plan.faults, this.clock, prng.fork());
    this.store = createCanaryStore(canary);
    this.claims = createMemoryClaims(this.clock);
    this.ids = seededIds(prng.fork(), () => this.clock.nowMs());
    const { store, log, plan } = this;
    const nowMs = (): number => this.clock.nowMs();
    this.rules = new StoreRules({
      ...{ store, log, nowMs, report: this.report, hearing: this.ear, staleMs: plan.limits.staleMs },
    });
    this.network = new Network({
      clock: this.clock,
      faults: this.faults,
      watch: this.networkWatch(new FrameRules(store, this.report)),
      listening: () => this.mishaps.door,
    });
    this.town = new Town(this, prng.fork());
    this.market = marketOf(plan, this.town);
    this.mishaps = new Mishaps(this, prng.fork());
    this.clock.every(R10_EVERY_MS, () => this.checkSizes());
    const picture = new PictureRules(store, this.report);
    this.clock.every(LOOK_EVERY_MS, () => picture.look(this.mishaps.serving, this.clock.nowMs()));
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
  newProcess(): ServerProcess {
    const number = ++this.processes;
    return new ServerProcess({
      clock: this.clock,
      market: this.market,
      limits: canaryLimits(this.canary, this.plan.limits),
      ids: this.ids,
      epochPrefix: `p${number}`,
      isHealthy: isHealthy(this.plan),
      connect: (caller) => {
        const calls = new UnreliableCalls(this.faults, { store: this.clock, caller });
        const store = createUnreliableStore(this.store, calls, this.rules);
        return {
          store: sickened(this.canary, store, this.clock),
          claims: createUnreliableClaims(calls, () => this.claims),
        };
      },
      heard: (driverId) => this.ear.heard(driverId, this.clock.nowMs()),
      broken: this.broken,
    });
  }

  emptyClaims(): void {
    this.claims = createMemoryClaims(this.clock);
  }

  /** The history of an app just installed. */
  enrol(member: Member): ClientHistory {
    const history = new ClientHistory(member);
    this.histories.set(member, history);
    return history;
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
      return 'driver_at';
  }
}

function marketOf(plan: WorldPlan, town: Town): Market {
  return {
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
