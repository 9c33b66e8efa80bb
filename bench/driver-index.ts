import type { DriverId } from '../src/domain/ids.ts';
import { destination, type Place } from '../src/domain/place.ts';
import { DriverIndex } from '../src/geo/driver-index.ts';
import { DriverSearch } from '../src/geo/driver-search.ts';
import { createIngest } from '../src/geo/ingest.ts';
import { NearestBuffer } from '../src/geo/nearest-buffer.ts';
import { DEFAULT_PING_LIMITS } from '../src/geo/ping-filter.ts';
import { createPrng } from '../src/lib/prng.ts';

/**
 * What a ping, a driver and a search cost in the index alone: `node --expose-gc bench/driver-index.ts [drivers ...]`.
 * Cities of at most 100,000 drivers within 15 km, each driver moving 10 m a ping in random order; searches start at random
 * places of the city, k = 20, half of the drivers busy.
 */
const CITY_DRIVERS = 100_000;
const CITY_RADIUS_M = 15_000;
const PINGS = 2_000_000;
const SEARCHES = 20_000;
const CENTRE: Place = { lat: 37.7749, lng: -122.4194 };

const prng = createPrng(1);
const inCity = (n: number): Place => {
  const centre = destination(CENTRE, 90, Math.floor(n / CITY_DRIVERS) * 100_000);
  return destination(centre, prng.float() * 360, CITY_RADIUS_M * Math.sqrt(prng.float()));
};

function memoryBytes(): number {
  // Twice: what arrays have outgrown is freed a while after it was found to be garbage.
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fill(drivers: number): { index: DriverIndex; bytes: number } {
  const before = memoryBytes();
  const index = new DriverIndex({ grid: { resolution: 9, zoneResolution: 6 }, driversMax: 1_250_000 });
  for (let i = 0; i < drivers; i++) {
    const { lat, lng } = inCity(i);
    const slot = index.add(
      Buffer.from(`driver-${i}`).toString('latin1') as DriverId,
      { vehicleClass: 'economy', seats: 4 },
      'available',
      0,
    );
    index.place(slot, lat, lng);
    if (i % 2 === 1) index.setStatus(slot, 'on_trip', 0);
  }
  return { index, bytes: memoryBytes() - before };
}

/** Median of five rounds, nanoseconds a ping: filters, index and dirty list. */
function pingNs(index: DriverIndex, drivers: number): number {
  const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
  const order = Int32Array.from({ length: 1 << 16 }, () => prng.int(drivers));
  const fix = Float64Array.of(0, 0, 0, 8, 9, 180);
  const rounds: number[] = [];
  for (let round = 0, atMs = 1; round < 5; round++) {
    const startMs = performance.now();
    for (let i = 0; i < PINGS / 5; i++, atMs++) {
      const slot = order[(i * 7919) & 0xffff]!;
      const angle = i * 0.7;
      fix[0] = atMs;
      fix[1] = index.columns.lat[slot]! + Math.cos(angle) * 9e-5;
      fix[2] = index.columns.lng[slot]! + Math.sin(angle) * 9e-5;
      ingest.pings(slot, fix, 1, atMs);
    }
    rounds.push(((performance.now() - startMs) * 1e6) / (PINGS / 5));
  }
  if (ingest.counts.ok !== PINGS) throw new Error(`only ${ingest.counts.ok} of ${PINGS} pings were accepted`);
  return rounds.sort((a, b) => a - b)[2]!;
}

function searchUs(index: DriverIndex, drivers: number): { p50: number; p99: number; max: number } {
  const search = new DriverSearch(index);
  const out = new NearestBuffer(20);
  const accept = (slot: number): boolean => index.columns.status[slot] === 1;
  const once = (): number => {
    const { lat, lng } = inCity(prng.int(drivers));
    const startMs = performance.now();
    search.nearest({ lat, lng, radiusM: 5_000, max: 20, accept }, out);
    return (performance.now() - startMs) * 1000;
  };
  for (let i = 0; i < SEARCHES; i++) once();
  const us = Array.from({ length: SEARCHES }, once).sort((a, b) => a - b);
  return { p50: us[SEARCHES / 2]!, p99: us[Math.floor(SEARCHES * 0.99)]!, max: us.at(-1)! };
}

for (const drivers of process.argv.length > 2
  ? process.argv.slice(2).map(Number)
  : [10_000, 100_000, 1_000_000]) {
  const { index, bytes } = fill(drivers);
  const ns = pingNs(index, drivers);
  const { p50, p99, max } = searchUs(index, drivers);
  console.log(
    `${drivers} drivers: ${ns.toFixed(0)} ns a ping, ${(bytes / drivers).toFixed(0)} bytes a driver, ` +
      `nearest p50 ${p50.toFixed(1)} µs, p99 ${p99.toFixed(1)} µs, max ${max.toFixed(0)} µs`,
  );
}
