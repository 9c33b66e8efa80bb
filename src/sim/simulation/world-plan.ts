import type { Bounds, MatchMode, MatchPolicy } from '../../domain/market.ts';
import { MATCH_MODES } from '../../domain/market.ts';
import { destination, type Place } from '../../domain/place.ts';
import { DEFAULT_TICK_PACE, type TickPace } from '../../dispatch/dispatch-state.ts';
import type { EngineLimits } from '../../dispatch/engine.ts';
import type { Prng } from '../../lib/prng.ts';
import { HABITS, type Habits } from '../apps/habits.ts';
import type { FaultPlan } from '../virtual/faults.ts';
import { drawClusterPlan, type ClusterPlan } from './cluster-plan.ts';

/** What else goes wrong, apart from lines: mean times between, Infinity = never in this world. */
export interface MishapPlan {
  readonly restartEveryMs: number;
  /** The claims' store is emptied. */
  readonly claimsLostEveryMs: number;
  /** A server that was thought dead goes on matching for a while, beside its successor (R7). */
  readonly overlapEveryMs: number;
}

/** Everything about a world that its seed decides before it begins. Times are milliseconds, virtual. */
export interface WorldPlan {
  readonly startMs: number;
  /** How long riders ask and faults happen. */
  readonly durationMs: number;
  readonly centre: Place;
  readonly halfM: number;
  readonly bounds: Bounds;
  readonly drivers: number;
  readonly rides: number;
  readonly riderAccounts: number;
  readonly speedMps: number;
  readonly policy: MatchPolicy;
  readonly noShowMs: number;
  readonly limits: EngineLimits;
  readonly habits: Habits;
  readonly faults: FaultPlan;
  readonly mishaps: MishapPlan;
  readonly replicas: number;
  /** Null for a server on its own. */
  readonly cluster: ClusterPlan | null;
  readonly tickPace: TickPace;
}

const MINUTE_MS = 60_000;
/** Any evening will do; it is fixed, so that a seed means the same for ever. */
const START_MS = Date.UTC(2026, 0, 9, 2, 0, 0);
const CENTRE: Place = { lat: 37.78, lng: -122.41 };
const DETOUR = 1.3;
/** Requests of one world, so that a seed stays a matter of a second. */
const RIDES_MAX = 150;
/** Length of a world of several replicas, of one with a single server. */
const CLUSTER_SHARE = 0.25;
const PATIENCE = 2;

const between = (prng: Prng, low: number, high: number): number => low + (high - low) * prng.float();
const oneOf = <T>(prng: Prng, values: readonly T[]): T => values[prng.int(values.length)]!;
/** Either not at all, or with that mean time between. */
const sometimes = (prng: Prng, probability: number, low: number, high: number): number => {
  const meanMs = between(prng, low, high);
  return prng.chance(probability) ? meanMs : Infinity;
};

/** `replicas`: 1 = a server on its own; with more a world is shorter, because more happens in it. */
export function drawWorldPlan(prng: Prng, replicas: number): WorldPlan {
  const isCluster = replicas > 1;
  const minutes = between(prng, 10, 40) * (isCluster ? CLUSTER_SHARE : 1);
  const durationMs = Math.round(minutes * MINUTE_MS);
  const drivers = 5 + Math.floor(55 * prng.float() ** 2);
  const halfM = between(prng, 700, 2_200);
  const speedMps = between(prng, 7, 12);
  // One driver serves a ride in about the time of two drives across half the place, and of standing at both kerbs.
  const rideMs = ((2 * halfM * DETOUR) / speedMps + 45) * 1000;
  // Where a world is short, more of it is about what waits.
  const load = between(prng, 0.4, 2) * (isCluster ? 1.5 : 1);
  const rides = Math.min(RIDES_MAX, Math.ceil((load * drivers * durationMs) / rideMs));
  const policy = drawPolicy(prng, halfM);
  const staleMs = Math.round(between(prng, 25, 60) * 1000);
  return {
    startMs: START_MS,
    durationMs,
    centre: CENTRE,
    halfM,
    bounds: boundsAround(CENTRE, halfM * 1.5),
    drivers,
    rides,
    riderAccounts: Math.max(2, Math.ceil(rides * between(prng, 0.7, 3))),
    speedMps,
    policy,
    noShowMs: Math.round(between(prng, 30, 90) * 1000),
    limits: {
      staleMs,
      offlineMs: Math.round(staleMs * between(prng, 1.5, 4)),
      openRequestsMax: prng.chance(0.2) ? 3 + prng.int(10) : 1_000,
    },
    habits: isCluster ? patient(drawHabits(prng)) : drawHabits(prng),
    faults: isCluster ? { ...drawFaults(prng, 0.5), ...drawBusFaults(prng) } : drawFaults(prng, 0.2),
    mishaps: isCluster ? drawClusterMishaps(prng) : drawMishaps(prng),
    replicas,
    cluster: isCluster ? drawClusterPlan(prng, durationMs) : null,
    // Drawn last: what came before is as it was for seeds that were kept.
    tickPace: prng.chance(0.5) ? DEFAULT_TICK_PACE : drawTickPace(prng),
  };
}

/** Cut so small that even a handful of requests takes several turns, with much going on in between. */
function drawTickPace(prng: Prng): TickPace {
  return { turnUs: oneOf(prng, [1, 20, 200]), pauseMs: 1 + prng.int(60) };
}

function drawMishaps(prng: Prng): MishapPlan {
  return {
    restartEveryMs: sometimes(prng, 0.5, 3 * MINUTE_MS, 15 * MINUTE_MS),
    claimsLostEveryMs: sometimes(prng, 0.4, MINUTE_MS, 10 * MINUTE_MS),
    overlapEveryMs: sometimes(prng, 0.5, 1.5 * MINUTE_MS, 8 * MINUTE_MS),
  };
}

/** Replicas overlap by themselves: whoever is paused or cut off does not know that it is deposed. */
function drawClusterMishaps(prng: Prng): MishapPlan {
  return {
    restartEveryMs: sometimes(prng, 0.6, MINUTE_MS, 6 * MINUTE_MS),
    claimsLostEveryMs: Infinity,
    overlapEveryMs: Infinity,
  };
}

function boundsAround(centre: Place, halfM: number): Bounds {
  const north = destination(centre, 0, halfM).lat;
  const east = destination(centre, 90, halfM).lng;
  return { north, east, south: 2 * centre.lat - north, west: 2 * centre.lng - east };
}

function drawPolicy(prng: Prng, halfM: number): MatchPolicy {
  const mode: MatchMode = oneOf(prng, MATCH_MODES);
  const radiusM = between(prng, 0.3, 1.2) * halfM;
  return {
    mode,
    tickMs: Math.round(between(prng, 500, 2_500)),
    windowMsMax: oneOf(prng, [0, 2_000, 8_000]),
    horizonS: oneOf(prng, [0, 60, 180]),
    dropoffS: 20,
    offerTtlMs: Math.round(between(prng, 6_000, 20_000)),
    requestTtlMs: Math.round(between(prng, 60_000, 300_000)),
    radiusM,
    radiusMMax: radiusM * between(prng, 1, 6),
    candidatesMax: 2 + prng.int(20),
    broadcastWidth: 2 + prng.int(4),
    starvationMs: Math.round(between(prng, 30_000, 200_000)),
    fairnessSPerIdleHour: between(prng, 0, 120),
    fairnessSMax: between(prng, 0, 60),
  };
}

/** Apps that look for a frozen server less often: looking is a fifth of all that happens in a world of several. */
function patient(habits: Habits): Habits {
  const { phone } = habits;
  return { ...habits, phone: { ...phone, answerTimeoutMs: PATIENCE * phone.answerTimeoutMs } };
}

function drawHabits(prng: Prng): Habits {
  return {
    phone: {
      answerTimeoutMs: Math.round(between(prng, 1_500, 8_000)),
      retryMs: 250,
      retryMsMax: Math.round(between(prng, 1_000, 5_000)),
    },
    driver: {
      ...HABITS.driver,
      // Riders stand at the kerb here: a world's minutes are for what can go wrong.
      comesDownMs: 1_000,
      declines: between(prng, 0, 0.4),
      ignores: between(prng, 0, 0.15),
      answerMs: between(prng, 500, 6_000),
      answerSpread: 0.6,
      givesUp: between(prng, 0, 0.2),
      mistypesPin: between(prng, 0, 0.15),
      lostEveryMs: between(prng, 2, 30) * MINUTE_MS,
      outageMs: prng.chance(0.2) ? between(prng, 60_000, 240_000) : between(prng, 1_000, 30_000),
      driveSpread: 0.2,
      idlePingMs: [7_000, 14_000],
      movingPingMs: [4_000, 9_000],
    },
    rider: {
      ...HABITS.rider,
      quotes: 0.1,
      quoteLeadMs: 5_000,
      cancelsSearching: between(prng, 0, 0.3),
      searchingPatienceMs: between(prng, 2_000, 60_000),
      cancelsMatched: between(prng, 0, 0.3),
      matchedPatienceMs: between(prng, 5_000, 180_000),
      staysAway: between(prng, 0, 0.1),
      // Longer than any request may live: what never ends must not be hidden by a rider who gives up.
      patienceMs: 120 * MINUTE_MS,
      lostEveryMs: between(prng, 2, 20) * MINUTE_MS,
      outageMs: between(prng, 500, 40_000),
    },
  };
}

function drawBusFaults(prng: Prng): Pick<FaultPlan, 'busMs' | 'busLoses' | 'busRepeats' | 'busIsLate'> {
  const severity = prng.chance(0.3) ? 0 : prng.float();
  return {
    busMs: between(prng, 1, 30),
    busLoses: 0.05 * severity * prng.float(),
    busRepeats: 0.05 * severity,
    busIsLate: 0.02 * severity * prng.float(),
  };
}

/** `healthy`: the share of worlds in which no line fails: a bug that needs no fault must not hide behind one. */
function drawFaults(prng: Prng, healthy: number): FaultPlan {
  const severity = prng.chance(healthy) ? 0 : prng.float();
  return {
    storeMs: between(prng, 1, 40),
    storeRefuses: 0.02 * severity * prng.float(),
    storeLosesAnswer: 0.03 * severity * prng.float(),
    storeIsLate: 0.01 * severity * prng.float(),
    storeOutageEveryMs: severity === 0 ? Infinity : between(prng, 4, 20) * MINUTE_MS,
    storeOutageMs: between(prng, 500, 8_000),
    frameMs: between(prng, 10, 400),
    breakEveryMs: severity === 0 ? Infinity : between(prng, 1, 20) * MINUTE_MS,
    pingsAgain: 0.05 * severity,
    ...{ busMs: 0, busLoses: 0, busRepeats: 0, busIsLate: 0 },
  };
}

/** True where no call fails, no connection breaks and the one server lives to the end. */
export function isHealthy({ faults, mishaps, cluster }: WorldPlan): boolean {
  return (
    cluster === null &&
    faults.breakEveryMs === Infinity &&
    mishaps.restartEveryMs === Infinity &&
    mishaps.overlapEveryMs === Infinity
  );
}
