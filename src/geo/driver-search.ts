import { cellAt, type Cell } from '../domain/cell.ts';
import { distanceBetweenM, type Place } from '../domain/place.ts';
import type { DriverIndex } from './driver-index.ts';
import type { NearestBuffer } from './nearest-buffer.ts';

/** Metres a degree of latitude, short by a millionth, so that the latitude alone never rules out one at the very rim. */
const METRES_PER_LAT = distanceBetweenM(0, 0, 1, 0) * 0.999_999;
/** Below this many cells a flood is not given up for a scan. */
const FLOOD_CELLS_MIN = 64;
const ALL_STATUSES = ~0;

export interface NearestQuery extends Place {
  /** The cell of the index that the place lies in, for who knows it already: looking it up is a tenth of a search. */
  readonly cell?: Cell;
  /** Inclusive. */
  readonly radiusM: number;
  /** How many are wanted, at most the buffer's capacity. */
  readonly max: number;
  /** Bits `1 << statusCode(status)`: only these drivers are looked at, for a tenth of what `accept` costs; absent = all. */
  readonly statuses?: number;
  /** Asked only for drivers near enough to get in; must not change the index. */
  accept(slot: number): boolean;
}

/**
 * Nearest drivers in a straight line, exact within the radius. Floods H3 cells outwards from the place's own, ring by ring,
 * and goes on only through cells that can still hold somebody nearer than the worst one kept. What intersects a circle is
 * connected, so nothing is missed, whatever the cells' shapes: pentagons, the antimeridian and the poles need no case of
 * their own. Where drivers are so sparse that more cells are passed than are occupied, the occupied ones are scanned instead.
 * One object may not search within its own `accept`.
 */
export class DriverSearch {
  /** Cells looked at by the last search (for tests and metrics). */
  cellsVisited = 0;
  private readonly index: DriverIndex;
  private queue = new Int32Array(0);
  /** 2 × epoch: in the queue; 2 × epoch + 1: done. */
  private stamps = new Float64Array(0);
  private epoch = 0;

  constructor(index: DriverIndex) {
    this.index = index;
  }

  /** Fills `out` and answers how many there are. Allocates nothing once warm. */
  nearest(query: NearestQuery, out: NearestBuffer): number {
    out.reset(query.max);
    this.epoch++;
    this.cellsVisited = 0;
    if (query.max > 0 && !this.flood(query, out)) this.scanOccupied(query, out);
    return out.count;
  }

  /** False when it gave up: too many empty cells, or no row left for one. */
  private flood(query: NearestQuery, out: NearestBuffer): boolean {
    const { cells, grid } = this.index;
    const origin = cells.rowOf(query.cell ?? cellAt(query.lat, query.lng, grid.resolution));
    if (origin < 0) return false;
    const visitsMax = Math.max(FLOOD_CELLS_MIN, cells.occupiedCount);
    let tail = this.enqueue(origin, 0);
    for (let at = 0; at < tail; at++) {
      const row = this.queue[at]!;
      if (!this.visit(row, query, out)) continue;
      if (this.cellsVisited > visitsMax || !cells.link(row)) return false;
      for (let side = 0; side < 6; side++) {
        const next = cells.neighbour(row, side);
        if (next >= 0) tail = this.enqueue(next, tail);
      }
    }
    return true;
  }

  private scanOccupied(query: NearestQuery, out: NearestBuffer): void {
    const { cells } = this.index;
    for (let i = 0; i < cells.occupiedCount; i++) this.visit(cells.occupied[i]!, query, out);
  }

  private enqueue(row: number, tail: number): number {
    if (row >= this.stamps.length) this.widen();
    if (this.stamps[row]! >= this.epoch * 2) return tail;
    this.stamps[row] = this.epoch * 2;
    this.queue[tail] = row;
    return tail + 1;
  }

  private widen(): void {
    const rows = this.index.cells.key.length;
    const queue = new Int32Array(rows);
    queue.set(this.queue);
    const stamps = new Float64Array(rows);
    stamps.set(this.stamps);
    this.queue = queue;
    this.stamps = stamps;
  }

  /** Offers the cell's drivers, once a search; false when nobody in it can be near enough. */
  private visit(row: number, query: NearestQuery, out: NearestBuffer): boolean {
    const { cells } = this.index;
    if (row >= this.stamps.length) this.widen();
    if (this.stamps[row] === this.epoch * 2 + 1) return false;
    this.stamps[row] = this.epoch * 2 + 1;
    this.cellsVisited++;
    const nearestM = cells.distanceM(row, query.lat, query.lng) - cells.reachM[row]!;
    if (nearestM > out.boundM(query.radiusM)) return false;
    if (cells.head[row]! >= 0) this.offerDrivers(cells.head[row]!, query, out);
    return true;
  }

  private offerDrivers(first: number, query: NearestQuery, out: NearestBuffer): void {
    const { lat, lng, next, status } = this.index.columns;
    const statuses = query.statuses ?? ALL_STATUSES;
    let boundM = out.boundM(query.radiusM);
    for (let slot = first; slot >= 0; slot = next[slot]!) {
      if (((statuses >>> status[slot]!) & 1) === 0) continue;
      if (Math.abs(lat[slot]! - query.lat) * METRES_PER_LAT > boundM) continue;
      const distanceM = distanceBetweenM(query.lat, query.lng, lat[slot]!, lng[slot]!);
      if (distanceM > boundM || !query.accept(slot)) continue;
      out.offer(slot, distanceM);
      boundM = out.boundM(query.radiusM);
    }
  }
}
