import type { DriverId } from '../../src/domain/ids.ts';
import { statusCode } from '../../src/domain/driver-state.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { DriverSearch } from '../../src/geo/driver-search.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { NearestBuffer } from '../../src/geo/nearest-buffer.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { medianOf, quantileOf } from '../suite/figures.ts';
import { homesOf, placesInCities } from './cities.ts';
import type { IndexReport } from './index-report.ts';
import { driverIdOf } from './many-drivers.ts';

/**
 * What a ping, a driver and a search cost in the index alone: `node --expose-gc index-process.js DRIVERS SEED`, prints an IndexReport. Each ping is that of a random driver,
 * 10 m further on; searches start at random places of the cities, k = 20, half of the drivers are busy.
 */
const ROUNDS = 7;
const ROUND_PINGS = 200_000;
const SEARCHES = 10_000;
const RADIUS_M = 5_000;
const STEP_DEG = 9e-5;

const [drivers, seed] = process.argv.slice(2).map(Number) as [number, number];
const prng = createPrng(seed);

function memoryBytes(): number {
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fill(homes: ReturnType<typeof homesOf>): DriverIndex {
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 1_250_000 });
  for (let n = 0; n < drivers; n++) {
    // Through bytes: as an id comes from outside, in one piece.
    const driverId = Buffer.from(driverIdOf(n)).toString('latin1') as DriverId;
    const slot = index.add(driverId, { vehicleClass: 'economy', seats: 4 }, 'available', 0);
    index.place(slot, homes.lat[n]!, homes.lng[n]!);
    if (n % 2 === 1) index.setStatus(slot, 'on_trip', 0);
  }
  return index;
}

/** Slots and places are drawn before each round: what is measured is the ping. */
function pingNs(index: DriverIndex, { lat, lng }: ReturnType<typeof homesOf>): number {
  const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
  const fixes = { slot: new Int32Array(ROUND_PINGS), places: new Float64Array(2 * ROUND_PINGS) };
  const fix = Float64Array.of(0, 0, 0, 8, 9, 180);
  let atMs = 1;
  const round = (): number => {
    for (let i = 0; i < ROUND_PINGS; i++) {
      const n = (fixes.slot[i] = prng.int(drivers));
      const angle = prng.float() * 2 * Math.PI;
      fixes.places[2 * i] = lat[n]! += Math.cos(angle) * STEP_DEG;
      fixes.places[2 * i + 1] = lng[n]! += Math.sin(angle) * STEP_DEG;
    }
    while (index.dirty.take() >= 0);
    const began = process.cpuUsage();
    for (let i = 0; i < ROUND_PINGS; i++, atMs++) {
      fix[0] = atMs;
      fix[1] = fixes.places[2 * i]!;
      fix[2] = fixes.places[2 * i + 1]!;
      ingest.pings(fixes.slot[i]!, fix, 1, atMs);
    }
    const { user, system } = process.cpuUsage(began);
    return ((user + system) * 1_000) / ROUND_PINGS;
  };
  const rounds = Array.from({ length: ROUNDS }, round);
  const { ok } = ingest.counts;
  if (ok !== ROUNDS * ROUND_PINGS) throw new Error(`only ${ok} of ${ROUNDS * ROUND_PINGS} pings were good`);
  return medianOf(rounds);
}

function searchTimesUs(index: DriverIndex): number[] {
  const search = new DriverSearch(index);
  const out = new NearestBuffer(20);
  const available = statusCode('available');
  const accept = (slot: number): boolean => index.columns.status[slot] === available;
  const placeNear = placesInCities(drivers, seed + 1);
  const once = (): number => {
    const { lat, lng } = placeNear(prng.int(drivers));
    const startMs = performance.now();
    search.nearest({ lat, lng, radiusM: RADIUS_M, max: 20, accept }, out);
    return (performance.now() - startMs) * 1_000;
  };
  for (let i = 0; i < SEARCHES; i++) once();
  return Array.from({ length: SEARCHES }, once);
}

const homes = homesOf(drivers, seed);
const beforeBytes = memoryBytes();
const index = fill(homes);
const bytesPerDriver = (memoryBytes() - beforeBytes) / drivers;
const perPingNs = pingNs(index, homes);
const us = searchTimesUs(index);
const report: IndexReport = {
  ...{ pingNs: perPingNs, bytesPerDriver },
  ...{ nearbyP50Us: quantileOf(us, 0.5), nearbyP99Us: quantileOf(us, 0.99) },
};
console.log(JSON.stringify(report));
