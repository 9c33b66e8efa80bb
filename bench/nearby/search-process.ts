import { around } from 'geokdbush';
import { Redis } from 'ioredis';
import KDBush from 'kdbush';
import postgres from 'postgres';
import { DEFAULT_ENGINE_LIMITS } from '../../src/dispatch/engine.ts';
import { nearbyHere } from '../../src/dispatch/nearby.ts';
import type { Place } from '../../src/domain/place.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createStraightLineEta } from '../../src/maps/eta.ts';
import { quantileOf } from '../suite/figures.ts';
import { fill } from './place-teller.ts';
import { GEO_KEY, KM_PER_DEGREE, PEER_RADIUS_M, TABLE } from './stored-drivers.ts';
import { askedPlaces, assertNearest, driverPlaces, K, MARKET } from './town.ts';

/** Measures one way to search, for `in-process.ts`, which starts this as a process of its own: `search-process.js SEARCHER PLAN`. */

export type Searcher = 'hexdispatch' | 'kdbush' | 'redis' | 'postgres';

export interface SearchPlan {
  readonly drivers: number;
  readonly seed: number;
  /** So many are not counted, then so many are. */
  readonly warmUp: number;
  readonly searches: number;
  readonly redisUrl: string;
  readonly databaseUrl: string;
}

export interface SearchTimes {
  /** Until all drivers are in, ms. A k-d tree is built again whenever one has moved; the stores are filled beforehand. */
  readonly buildMs: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Of this process alone. */
  readonly cpuUs: number;
}

/** The nearest drivers' places, nearest first; a promise where somebody else is asked. */
type Search = (at: Place) => readonly Place[] | Promise<readonly Place[]>;

const CHECKED = 20;
const clock = createWallClock();

/** Each builds what it searches. */
const SEARCHERS: Readonly<Record<Searcher, (plan: SearchPlan, places: readonly Place[]) => Search>> = {
  hexdispatch(_plan, places) {
    const index = fill(places, clock.nowMs());
    const eta = createStraightLineEta(MARKET.driveSpeed, MARKET.timeZone);
    const markets = new Map([[MARKET.marketId, { market: MARKET, eta }]]);
    const town = { index, clock, limits: { ...DEFAULT_ENGINE_LIMITS, staleMs: 3_600_000 }, markets };
    return (at) => {
      const found = nearbyHere(town, at, K);
      if (!found.ok) throw new Error(found.code);
      return found.value;
    };
  },
  kdbush(_plan, places) {
    const tree = new KDBush(places.length);
    for (const { lat, lng } of places) tree.add(lng, lat);
    tree.finish();
    return ({ lat, lng }) => around(tree, lng, lat, K).map((n) => places[n]!);
  },
  redis({ redisUrl }) {
    const redis = new Redis(redisUrl);
    return async ({ lat, lng }) => {
      const rows = await redis.geosearch(
        ...([GEO_KEY, 'FROMLONLAT', lng, lat, 'BYRADIUS', PEER_RADIUS_M, 'm', 'ASC', 'COUNT', K] as const),
        'WITHCOORD',
      );
      return (rows as [string, [string, string]][]).map(([, [x, y]]) => ({ lat: Number(y), lng: Number(x) }));
    };
  },
  postgres({ databaseUrl }) {
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
    return async ({ lat, lng }) => {
      const [x, y] = [lng * KM_PER_DEGREE.lng, lat * KM_PER_DEGREE.lat];
      return sql<{ lat: number; lng: number }[]>`
        SELECT lat, lng FROM ${sql(TABLE)} ORDER BY at <-> point(${x}, ${y}) LIMIT ${K}`;
    };
  },
};

async function measure(searcher: Searcher, plan: SearchPlan): Promise<SearchTimes> {
  const places = driverPlaces(plan.drivers, plan.seed);
  const builtMs = performance.now();
  const search = SEARCHERS[searcher](plan, places);
  const buildMs = performance.now() - builtMs;
  const asked = askedPlaces(plan.warmUp + plan.searches, plan.seed);
  for (const at of asked.slice(0, CHECKED)) assertNearest(await search(at), places, at);
  const us = new Float64Array(asked.length);
  let cpu = process.cpuUsage();
  for (let n = 0; n < asked.length; n++) {
    if (n === plan.warmUp) cpu = process.cpuUsage();
    const startMs = performance.now();
    const found = search(asked[n]!);
    if (found instanceof Promise) await found;
    us[n] = (performance.now() - startMs) * 1000;
  }
  const { user, system } = process.cpuUsage(cpu);
  const counted = [...us.subarray(plan.warmUp)];
  return {
    buildMs,
    ...{ p50Us: quantileOf(counted, 0.5), p99Us: quantileOf(counted, 0.99), maxUs: quantileOf(counted, 1) },
    cpuUs: (user + system) / plan.searches,
  };
}

const [searcher, plan] = process.argv.slice(2) as [Searcher, string];
const times = await measure(searcher, JSON.parse(plan) as SearchPlan);
console.log(JSON.stringify(times));
// Whoever started this ends it.
setInterval(() => undefined, 1_000);
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
