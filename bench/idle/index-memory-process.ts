import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { FIX, FIX_WIDTH } from '../../src/protocol/fix-rows.ts';
import { Demand } from '../../src/sim/city/demand.ts';
import { SF_FIGURES } from '../../src/sim/city/sf-figures.ts';
import { createPrng } from '../../src/lib/prng.ts';
import type { IndexMemory } from './index-memory.ts';

/**
 * Run as `node --expose-gc index-memory-process.js DRIVERS`: fills an index, as large as the server's may be by default, with drivers on duty
 * who have each sent a fix from where San Francisco's cabs are, 100,000 to a city, and prints what it weighs, ids and all, as one line of JSON.
 */
const DRIVERS_MAX = 1_000_000;
const CITY_DRIVERS = 100_000;
const CITIES_APART_DEG = 1;
const HOUR = 18;
const WARM_UP_DRIVERS = 20_000;
const NOW_MS = 1_767_225_600_000;

const demand = new Demand(SF_FIGURES);
const prng = createPrng(1);

function bytesInUse(): number {
  globalThis.gc!();
  globalThis.gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Where a cab has just become free in San Francisco, or as far away as its city is. */
function fixOf(n: number): Float64Array {
  const { lat, lng } = demand.drawDropoff(HOUR, prng);
  const fix = new Float64Array(FIX_WIDTH);
  fix[FIX.atMs] = NOW_MS;
  fix[FIX.lat] = lat;
  fix[FIX.lng] = lng + Math.floor(n / CITY_DRIVERS) * CITIES_APART_DEG;
  return fix;
}

/** Made from bytes, as a token's are: a string of its own, no piece of another. */
const driverIdOf = (n: number): DriverId => Buffer.from(`bench-driver-${n}`).toString('latin1') as DriverId;

function filled(drivers: number): IndexMemory {
  const before = bytesInUse();
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: DRIVERS_MAX });
  const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
  for (let n = 0; n < drivers; n++) {
    const slot = index.add(driverIdOf(n), { vehicleClass: 'economy', seats: 4 }, 'available', NOW_MS);
    ingest.pings(slot, fixOf(n), 1, NOW_MS);
  }
  const bytes = bytesInUse() - before;
  return { drivers: index.count, placed: ingest.counts.ok, bytes };
}

// The first one also weighs what code was compiled for it, and H3's own memory.
filled(WARM_UP_DRIVERS);
console.log(JSON.stringify(filled(Number(process.argv[2]))));
process.disconnect();
