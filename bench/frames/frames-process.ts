import type { Zone } from '../../src/domain/cell.ts';
import { zoneAt } from '../../src/domain/cell.ts';
import type { DriverId, ReplicaId } from '../../src/domain/ids.ts';
import { destination, type Place } from '../../src/domain/place.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { encodePlaces } from '../../src/geo/place-frame.ts';
import { RemoteDrivers } from '../../src/geo/remote-drivers.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { medianOf } from '../suite/figures.ts';
import type { FramesReport } from './frames-report.ts';

/**
 * What a driver's row costs to be made on its host and to be read and applied by a watcher: `node frames-process.js DRIVERS SEED`, prints a FramesReport.
 * A city within 15 km, ids of 36 characters, every driver moves 10 m a flush and is in the zone's frame. Medians of the rounds.
 */
const CITY_RADIUS_M = 15_000;
const CENTRE: Place = { lat: 37.7749, lng: -122.4194 };
const GRID = { resolution: 9, zoneResolution: 6 };
const HOST = 'benchmark' as ReplicaId;

const [drivers, seed] = process.argv.slice(2).map(Number) as [number, number];
/** Enough for the code to be compiled long before the middle one, and few of the large ones. */
const ROUNDS = Math.max(10, Math.min(40, 1_000_000 / drivers));
const prng = createPrng(seed);
const hex = (digits: number): string =>
  prng
    .int(16 ** digits)
    .toString(16)
    .padStart(digits, '0');
const newId = (): DriverId =>
  Buffer.from(`${hex(8)}-${hex(4)}-${hex(4)}-${hex(4)}-${hex(12)}`).toString('latin1') as DriverId;

function fill(): DriverIndex {
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

function measure(): FramesReport {
  const host = fill();
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
  return {
    makeNs: medianOf(encodeNs),
    applyNs: medianOf(applyNs),
    bytes: bytes / drivers,
  };
}

console.log(JSON.stringify(measure()));
