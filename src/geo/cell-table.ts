import {
  ancestor,
  cellCentre,
  cellEdges,
  cellReachM,
  neighbours,
  type Cell,
  type GridSpec,
  type Zone,
} from '../domain/cell.ts';
import { distanceBetweenM } from '../domain/place.ts';

/** Numbers of `cellEdges`. */
const EDGES = 12;
const ROWS_MIN = 1_024;
const GROWTH = 1.5;
const UNLINKED = -2;
const NONE = -1;

/**
 * The cells that hold drivers or that a search has passed, as rows of typed arrays: centre, radii, the six neighbours, the
 * head of the list of drivers. Found by the cell's number in an open-addressing table (linear probing, at most half full);
 * H3 itself is asked once a row, not once a ping. Rows are never removed singly: the owner builds a new table when full.
 */
export class CellTable {
  readonly grid: GridSpec;
  /** Rows at most; `rowOf` answers -1 beyond. */
  readonly rowsMax: number;
  count = 0;
  key = new Float64Array(0);
  lat = new Float64Array(0);
  lng = new Float64Array(0);
  /** No driver of the cell is farther from its centre. */
  reachM = new Float32Array(0);
  /** First driver of the cell's list, -1 = empty. */
  head = new Int32Array(0);
  /** Rows with at least one driver, in no particular but a reproducible order: the first `occupiedCount`. */
  occupied = new Int32Array(0);
  occupiedCount = 0;
  private occupiedAt = new Int32Array(0);
  private links = new Int32Array(0);
  private edges = new Float32Array(0);
  private table = new Int32Array(0);

  constructor(grid: GridSpec, rowsMax: number) {
    this.grid = grid;
    this.rowsMax = rowsMax;
    this.grow(Math.min(ROWS_MIN, rowsMax));
  }

  /** The row of a cell, made if need be; -1 when there is none and the table is full. */
  rowOf(cell: Cell): number {
    let at = this.probe(cell);
    if (this.table[at]! >= 0) return this.table[at]!;
    if (this.count === this.rowsMax) return NONE;
    if (this.count === this.key.length) {
      this.grow(Math.min(this.rowsMax, Math.ceil(this.count * GROWTH)));
      at = this.probe(cell);
    }
    return (this.table[at] = this.fill(this.count++, cell));
  }

  /** Worked out from the cell's number, at the cost of one division. */
  zoneOf(row: number): Zone {
    return ancestor(this.key[row] as Cell, this.grid.zoneResolution);
  }

  /** True only if the place is surely in the cell; false sends the caller to H3 (one place in a hundred, by area). */
  holds(row: number, lat: number, lng: number): boolean {
    const y = lat - this.lat[row]!;
    const x = lng - this.lng[row]!;
    const { edges } = this;
    const end = (row + 1) * EDGES;
    for (let at = row * EDGES; at < end; at += 2)
      if (!(edges[at]! * y + edges[at + 1]! * x < 1)) return false;
    return true;
  }

  distanceM(row: number, lat: number, lng: number): number {
    return distanceBetweenM(lat, lng, this.lat[row]!, this.lng[row]!);
  }

  /** Makes the rows around a row known to `neighbour`; false when the table is too full to hold them. */
  link(row: number): boolean {
    if (this.links[row * 6] !== UNLINKED) return true;
    const around = neighbours(this.key[row] as Cell).map((cell) => this.rowOf(cell));
    if (around.includes(NONE)) return false;
    for (let side = 0; side < 6; side++) this.links[row * 6 + side] = around[side] ?? NONE;
    return true;
  }

  /** Row of the neighbour on `side` 0..5 of a row that has been linked; -1 = none (the sixth of a pentagon). */
  neighbour(row: number, side: number): number {
    return this.links[row * 6 + side]!;
  }

  /** Records that the cell has got its first driver. */
  occupy(row: number): void {
    this.occupiedAt[row] = this.occupiedCount;
    this.occupied[this.occupiedCount++] = row;
  }

  /** Records that the cell has lost its last driver. */
  vacate(row: number): void {
    const last = this.occupied[--this.occupiedCount]!;
    this.occupied[this.occupiedAt[row]!] = last;
    this.occupiedAt[last] = this.occupiedAt[row]!;
  }

  /** Bytes held by the arrays. */
  get bytes(): number {
    const arrays = [this.key, this.lat, this.lng, this.reachM, this.head, this.occupied];
    const inner = [this.occupiedAt, this.links, this.edges, this.table];
    return [...arrays, ...inner].reduce((sum, array) => sum + array.byteLength, 0);
  }

  private probe(cell: Cell): number {
    const mask = this.table.length - 1;
    // Both halves of the 52 bits: neighbours differ in the middle digits, the unused low ones are all alike.
    let at = Math.imul((cell / 0x10000) | 0, 0x9e3779b1) ^ Math.imul(cell | 0, 0x85ebca6b);
    at = (at ^ (at >>> 15)) & mask;
    for (let row = this.table[at]!; row >= 0 && this.key[row] !== cell; row = this.table[at]!) {
      at = (at + 1) & mask;
    }
    return at;
  }

  private fill(row: number, cell: Cell): number {
    const centre = cellCentre(cell);
    this.key[row] = cell;
    this.lat[row] = centre.lat;
    this.lng[row] = centre.lng;
    this.reachM[row] = cellReachM(cell);
    this.edges.set(cellEdges(cell), row * EDGES);
    this.head[row] = NONE;
    this.links[row * 6] = UNLINKED;
    return row;
  }

  private grow(rows: number): void {
    const widen = <T extends Float64Array | Float32Array | Int32Array>(old: T, length: number): T => {
      const grown = new (old.constructor as new (length: number) => T)(length);
      grown.set(old);
      return grown;
    };
    this.key = widen(this.key, rows);
    this.lat = widen(this.lat, rows);
    this.lng = widen(this.lng, rows);
    this.reachM = widen(this.reachM, rows);
    this.head = widen(this.head, rows);
    this.occupied = widen(this.occupied, rows);
    this.occupiedAt = widen(this.occupiedAt, rows);
    this.edges = widen(this.edges, rows * EDGES);
    this.links = widen(this.links, rows * 6);
    this.table = new Int32Array(2 ** Math.ceil(Math.log2(rows * 2))).fill(NONE);
    for (let row = 0; row < this.count; row++) this.table[this.probe(this.key[row] as Cell)] = row;
  }
}
