import {
  cellToBoundary,
  cellToLatLng,
  gridDisk as h3GridDisk,
  gridDiskDistances,
  isValidCell,
  latLngToCell,
} from 'h3-js';
import { distanceBetweenM, type Place } from './place.ts';

/**
 * An H3 cell as a number: the 52 bits of the index behind its mode and resolution (base cell, then 15 digits of 3 bits,
 * 7 = unused). Exact in a double, and no resolution is lost, since a used digit is never 7. Strings, 15 hex digits, are for
 * the wire, Redis and logs only: `cellName`. Bits: https://h3geo.org/docs/core-library/h3Indexing.
 */
export type Cell = number & { readonly __brand: 'Cell' };
/** The unit of sharding: a cell of `zoneResolution`. */
export type Zone = Cell;

/** Resolutions of the driver index's cells and of the zones made of them: integers 0..15, zoneResolution the smaller. */
export interface GridSpec {
  readonly resolution: number;
  readonly zoneResolution: number;
}

/** Cells of 0.11 km², where a busy city has some 1 to 20 drivers each; zones of 36 km². */
export const DEFAULT_GRID: GridSpec = { resolution: 9, zoneResolution: 6 };

const DIGITS = 15;
/** Size of one step of the digit at each resolution. */
const UNIT = Array.from({ length: DIGITS + 1 }, (_, resolution) => 8 ** (DIGITS - resolution));

const parse = (name: string): Cell => parseInt(name.slice(2), 16) as Cell;

/** The cell a place lies in. `lat`, `lng` in degrees; NaN is the caller's error and throws. */
export function cellAt(lat: number, lng: number, resolution: number): Cell {
  return parse(latLngToCell(lat, lng, resolution));
}

/** The zone of a place: that of the cell it lies in, so the same for a rider and for a driver at the same kerb. */
export function zoneAt(lat: number, lng: number, grid: GridSpec): Zone {
  return ancestor(cellAt(lat, lng, grid.resolution), grid.zoneResolution);
}

/** The cell `resolution` (at most the cell's own) above; by digits, so a child's rim may lie outside its ancestor's outline. */
export function ancestor(cell: Cell, resolution: number): Cell {
  const unit = UNIT[resolution]!;
  return (Math.floor(cell / unit) * unit + unit - 1) as Cell;
}

export function resolutionOf(cell: Cell): number {
  let resolution = DIGITS;
  while (resolution > 0 && Math.floor(cell / UNIT[resolution]!) % 8 === 7) resolution--;
  return resolution;
}

/** H3's own spelling, e.g. `8928308280fffff`. */
export function cellName(cell: Cell): string {
  return `8${resolutionOf(cell).toString(16)}${cell.toString(16).padStart(13, '0')}`;
}

/** The reverse of `cellName`; null for what is not the name of a cell (safe on input from outside). */
export function cellFromName(name: string): Cell | null {
  return /^8[0-9a-f]{14}$/.test(name) && isValidCell(name) ? parse(name) : null;
}

export function cellCentre(cell: Cell): Place {
  const [lat, lng] = cellToLatLng(cellName(cell));
  return { lat, lng };
}

/** Corners in order, 5 to 10 of them, not closed. */
function cellOutline(cell: Cell): Place[] {
  return cellToBoundary(cellName(cell)).map(([lat, lng]) => ({ lat, lng }));
}

/** All cells within `k` steps, the cell itself first. */
export function gridDisk(cell: Cell, k: number): Cell[] {
  return h3GridDisk(cellName(cell), k).map(parse);
}

/** The same by rings: element i holds the cells exactly i steps away. */
export function gridRings(cell: Cell, k: number): Cell[][] {
  return gridDiskDistances(cellName(cell), k).map((ring) => ring.map(parse));
}

/** The 6 cells (5 around a pentagon) that share an edge with this one. */
export function neighbours(cell: Cell): Cell[] {
  return gridDisk(cell, 1).filter((other) => other !== cell);
}

/**
 * Around the cell's centre, metres: within `innerM` every place is in the cell, beyond `outerM` none is. Kept 2 % and 0.1 %
 * on the safe side, for edges are straight on the icosahedron's faces and only nearly so on the map. Resolution 5 and finer.
 */
export function cellRadii(cell: Cell): { innerM: number; outerM: number } {
  const centre = cellCentre(cell);
  const corners = cellOutline(cell);
  const east = Math.cos((centre.lat * Math.PI) / 180);
  const flat = corners.map(({ lat, lng }) => ({
    x: (((lng - centre.lng + 540) % 360) - 180) * east,
    y: lat - centre.lat,
  }));
  let innerDeg = Infinity;
  flat.forEach((a, i) => {
    const b = flat[(i + 1) % flat.length]!;
    innerDeg = Math.min(innerDeg, Math.abs(a.x * b.y - b.x * a.y) / Math.hypot(b.x - a.x, b.y - a.y));
  });
  const outerM = Math.max(...corners.map((c) => distanceBetweenM(centre.lat, centre.lng, c.lat, c.lng)));
  return { innerM: innerDeg * METRES_PER_DEGREE * 0.98, outerM: outerM * 1.001 };
}

const METRES_PER_DEGREE = distanceBetweenM(0, 0, 1, 0);
