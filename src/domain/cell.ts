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

/** No place of the cell is farther from its centre, metres; 0.1 % on the safe side. Resolution 5 and finer. */
export function cellReachM(cell: Cell): number {
  const centre = cellCentre(cell);
  const cornersM = cellOutline(cell).map(({ lat, lng }) =>
    distanceBetweenM(centre.lat, centre.lng, lat, lng),
  );
  return Math.max(...cornersM) * 1.001;
}

/** Degrees beyond which `cellEdges` knows nothing: a degree of longitude changes too fast there. */
const FLAT_LAT_MAX = 85;
/** How far in from its edges a cell's inside begins: they are straight on the icosahedron's faces and only nearly so on the map (0.2 % at resolution 5, 0.0005 % at 9). */
const RIM = 0.005;

/**
 * The six edges of a cell as pairs (a, b): a place `y` degrees north and `x` degrees east of the centre is surely in the cell if `a * y + b * x < 1` for each of them. NaN,
 * so that no place is, for pentagons, cells bent over a seam of the icosahedron, and near the poles. Resolution 5 and finer.
 */
export function cellEdges(cell: Cell): number[] {
  const centre = cellCentre(cell);
  const corners = cellOutline(cell).map(({ lat, lng }) => ({
    y: lat - centre.lat,
    x: ((lng - centre.lng + 540) % 360) - 180,
  }));
  if (corners.length !== 6 || Math.abs(centre.lat) > FLAT_LAT_MAX) return new Array<number>(12).fill(NaN);
  return corners.flatMap((from, i) => {
    const to = corners[(i + 1) % 6]!;
    const scale = (from.y * to.x - from.x * to.y) * (1 - RIM);
    return [(to.x - from.x) / scale, (from.y - to.y) / scale];
  });
}
