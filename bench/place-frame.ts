import type { Zone } from '../src/domain/cell.ts';
import { zoneAt } from '../src/domain/cell.ts';
import type { DriverId, ReplicaId } from '../src/domain/ids.ts';
import { destination, type Place } from '../src/domain/place.ts';
import { DriverIndex } from '../src/geo/driver-index.ts';
import { encodePlaces } from '../src/geo/place-frame.ts';
import { RemoteDrivers } from '../src/geo/remote-drivers.ts';
import { createPrng } from '../src/lib/prng.ts';

/**
 * What a driver's row costs to be made on its host and to be read and applied by a watcher: `node bench/place-frame.ts [drivers ...]`.
 * A city within 15 km, ids of 36 characters, every driver moves 10 m a flush and is in the zone's frame. Medians of the rounds.
 */
const ROUNDS = 40;
const CITY_RADIUS_M = 15_000;
const CENTRE: Place = { lat: 37.7749, lng: -122.4194 };
const GRID = { resolution: 9, zoneResolution: 6 };
const HOST = 'benchmark' as ReplicaId;

const prng = createPrng(1);
const hex = (digits: number): string =>
  prng
    .int(16 ** digits)
    .toString(16)
    .padStart(digits, '0');
const newId = (): DriverId =>
  Buffer.from(`${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`).toString('latin1') as DriverId;
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

function fill(drivers: number): DriverIndex {
  const index = new DriverIndex({ grid: GRID, driversMax: 1_250_000 });
  for (let i = 0; i < drivers; i++) {
    const { lat, lng } = destination(CENTRE, prng.float() * 360, CITY_RADIUS_M * Math.sqrt(prng.float()));
    const slot = index.add(newId(), { vehicleClass: 'economy', seats: 4 }, 'available', 0);
    index.place(slot, lat, lng);
    if (i % 2 === 1) index.setStatus(slot, 'on_trip', 0);
  }
  return index;
}

function move(index: DriverIndex, nowMs: number): Map<Zone, number[]> {
  const zones = new Map<Zone, number[]>();
  const { columns } = index;
  for (let slot = 0; slot < index.slotsEnd; slot++) {
    const angle = slot + nowMs * 0.7;
    columns.atMs[slot] = columns.receivedMs[slot] = nowMs;
    index.place(
      slot,
      columns.lat[slot]! + Math.cos(angle) * 9e-5,
      columns.lng[slot]! + Math.sin(angle) * 9e-5,
    );
    const zone = zoneAt(columns.lat[slot]!, columns.lng[slot]!, GRID);
    const slots = zones.get(zone);
    if (slots === undefined) zones.set(zone, [slot]);
    else slots.push(slot);
  }
  return zones;
}

function measure(drivers: number): void {
  const host = fill(drivers);
  const watching = new DriverIndex({ grid: GRID, driversMax: 1_250_000 });
  const watcher = new RemoteDrivers({ index: watching, onStatus: () => undefined });
  const encodeNs: number[] = [];
  const applyNs: number[] = [];
  let bytes = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const nowMs = round * 1_000;
    const zones = [...move(host, nowMs)];
    const startMs = performance.now();
    const frames = zones.map(
      ([zone, slots]) => [zone, encodePlaces(host, { removals: [], slots }, nowMs)] as const,
    );
    const encodedMs = performance.now();
    for (const [zone, frame] of frames) watcher.apply(HOST, zone, frame, nowMs);
    const appliedMs = performance.now();
    encodeNs.push(((encodedMs - startMs) * 1e6) / drivers);
    applyNs.push(((appliedMs - encodedMs) * 1e6) / drivers);
    bytes = frames.reduce((sum, [, frame]) => sum + frame.length, 0);
  }
  const { rows, badFrames, refused } = watcher.counts;
  if (rows !== drivers * ROUNDS || badFrames + refused > 0) throw new Error('not every row was applied');
  console.log(
    `${drivers} drivers: a row ${median(encodeNs).toFixed(0)} ns to make, ${median(applyNs).toFixed(0)} ns to read and apply, ` +
      `${(bytes / drivers).toFixed(0)} bytes`,
  );
}

for (const drivers of process.argv.length > 2
  ? process.argv.slice(2).map(Number)
  : [1_000, 10_000, 100_000]) {
  measure(drivers);
}
