import { cellAt, type Cell, type GridSpec, type Zone } from '../domain/cell.ts';
import { DRIVER_STATUSES, statusCode, type DriverStatus } from '../domain/driver-state.ts';
import type { DriverId } from '../domain/ids.ts';
import { distanceBetweenM, isPlace, type Place } from '../domain/place.ts';
import { VEHICLE_CLASSES, type Vehicle, type VehicleClass } from '../domain/vehicle.ts';
import { assert } from '../lib/assert.ts';
import { CellTable } from './cell-table.ts';
import { DirtySlots } from './dirty-slots.ts';
import { createColumns, growColumns, type DriverColumns } from './driver-columns.ts';
import { DriverSlots } from './driver-slots.ts';

/** A driver's `host`: this replica. What lies between HERE and NOBODY are numbers that RemoteDrivers gives to other replicas. */
export const HERE = 0;
/** A driver's `host`: nobody who could be reached, since the replica is gone or the driver has just connected at another. */
export const NOBODY = 0xffff;

/** Under a megabyte: a town’s drivers need no more. Every growth leaves what it has outgrown to the garbage collector. */
const SLOTS_MIN = 10_240;
/** Small steps: at most a quarter of the index's memory is ever unused; each row is copied some four times in its life. */
const GROWTH = 1.25;
/** Rows for cells without drivers (passed by a search, or left) beside those that all drivers could occupy at once. */
const EMPTY_CELLS_MAX = 65_536;
const [OFFLINE, AVAILABLE, OFFERED] = [statusCode('offline'), statusCode('available'), statusCode('offered')];

export interface DriverIndexOptions {
  readonly grid: GridSpec;
  /** Drivers on duty in this process; beyond it `add` refuses and counts. At most 2^24. */
  readonly driversMax: number;
}

/**
 * All drivers on duty, in memory: those who are connected here, and those of other replicas as these tell of them. A driver has a slot, a small number that is stable until `remove` and is then given to
 * another; who keeps a slot keeps `columns.generation[slot]` too and asks `isCurrent`. Columns may be read directly by
 * slot; they are written through the methods only. Every change of place or duty of a driver who is here marks the slot in
 * `dirty`: others are written by the replica that has them.
 * Order of slots and of lists depends on nothing but the order of calls, so that a replay repeats it.
 */
export class DriverIndex {
  readonly grid: GridSpec;
  readonly driversMax: number;
  readonly columns: DriverColumns;
  readonly dirty = new DirtySlots();
  cells: CellTable;
  /** Drivers refused because the index was full. */
  refusedCount = 0;
  private readonly slots = new DriverSlots();
  private readonly removalListeners: ((slot: number, driverId: DriverId) => void)[] = [];
  private readonly hostListeners: ((slot: number) => void)[] = [];
  private capacity: number;
  /** Slots ever used: those below it are live or chained from `freeHead`. */
  private used = 0;
  private freeHead = -1;

  constructor(options: DriverIndexOptions) {
    assert(options.driversMax > 0 && options.driversMax <= 2 ** 24, 'driversMax within 1..2^24');
    assert(options.grid.resolution >= 5, 'index resolution 5 or finer');
    this.grid = options.grid;
    this.driversMax = options.driversMax;
    this.capacity = Math.min(SLOTS_MIN, options.driversMax);
    this.columns = createColumns(this.capacity);
    this.dirty.grow(this.capacity);
    this.cells = this.newCellTable();
  }

  /** Drivers in the index. */
  get count(): number {
    return this.slots.count;
  }

  /** All slots in use are below this. */
  get slotsEnd(): number {
    return this.used;
  }

  /** The driver's slot, or -1; `hint` as in DriverSlots. */
  slotOf(driverId: DriverId, hint?: number): number {
    return this.slots.slotOf(driverId, hint);
  }

  /** The same for an id that lies in bytes, one a character; makes no string. */
  slotOfBytes(bytes: Uint8Array, at: number, length: number): number {
    return this.slots.slotOfBytes(bytes, at, length);
  }

  /** Whose slot it is, or null when it is free. */
  driverOf(slot: number): DriverId | null {
    return this.slots.driverOf(slot);
  }

  /** True while the slot still belongs to whom it belonged to when its generation was read. */
  isCurrent(slot: number, generation: number): boolean {
    return slot >= 0 && (generation & 1) === 1 && this.columns.generation[slot] === generation;
  }

  isLive(slot: number): boolean {
    return slot >= 0 && slot < this.used && (this.columns.generation[slot]! & 1) === 1;
  }

  /** True once the first fix has been placed. */
  isPlaced(slot: number): boolean {
    return this.columns.cell[slot]! >= 0;
  }

  /** R8: the driver's place was heard at most `staleMs` ago; others are no candidates. */
  isFresh(slot: number, nowMs: number, staleMs: number): boolean {
    return this.isPlaced(slot) && nowMs - this.columns.receivedMs[slot]! <= staleMs;
  }

  /** True when the driver is connected here, or was last; false for those of other replicas. */
  isHere(slot: number): boolean {
    return this.columns.host[slot] === HERE;
  }

  statusOf(slot: number): DriverStatus {
    return DRIVER_STATUSES[this.columns.status[slot]!]!;
  }

  vehicleClassOf(slot: number): VehicleClass {
    return VEHICLE_CLASSES[this.columns.vehicleClass[slot]!]!;
  }

  /** The newest accepted place, or null before the first. */
  placeOf(slot: number): Place | null {
    if (!this.isPlaced(slot)) return null;
    return { lat: this.columns.lat[slot]!, lng: this.columns.lng[slot]! };
  }

  cellOf(slot: number): Cell | null {
    return this.isPlaced(slot) ? (this.cells.key[this.columns.cell[slot]!] as Cell) : null;
  }

  zoneOf(slot: number): Zone | null {
    return this.isPlaced(slot) ? this.cells.zoneOf(this.columns.cell[slot]!) : null;
  }

  /**
   * Takes a driver on duty, or changes the vehicle and status of one who is; answers the slot, or -1 when the index is
   * full. A new driver is in no cell until `place`, counts as heard at `nowMs` and is at `host`; one who is known stays where
   * he is (see `setHost`).
   */
  add(driverId: DriverId, vehicle: Vehicle, status: DriverStatus, nowMs: number, host = HERE): number {
    let slot = this.slotOf(driverId);
    if (slot < 0) {
      slot = this.freshSlot();
      if (slot < 0) {
        this.refusedCount++;
        return -1;
      }
      this.slots.bind(driverId, slot);
      this.clear(slot, host, nowMs);
    }
    this.columns.vehicleClass[slot] = VEHICLE_CLASSES.indexOf(vehicle.vehicleClass);
    this.columns.seats[slot] = vehicle.seats;
    this.setStatus(slot, status, nowMs);
    return slot;
  }

  /** Frees the slot. Listeners are told while its columns can still be read. */
  remove(slot: number): void {
    const driverId = this.driverOf(slot);
    assert(driverId !== null, 'the slot is in use');
    for (const listener of this.removalListeners) listener(slot, driverId);
    if (this.isPlaced(slot)) this.unlink(slot);
    this.slots.unbind(driverId);
    this.columns.generation[slot]!++;
    this.columns.next[slot] = this.freeHead;
    this.freeHead = slot;
  }

  /** Calls `listener` before each removal. */
  onRemove(listener: (slot: number, driverId: DriverId) => void): void {
    this.removalListeners.push(listener);
  }

  /**
   * Says who writes the driver from now on. One who comes here is marked dirty, so that the mirror and those who watch the zone
   * hear of it; for one who goes away nothing is written, neither now nor as a removal: the new host writes the driver by
   * now, often in the same zone, and a removal that came after would wipe that out.
   */
  setHost(slot: number, host: number): void {
    assert(this.isLive(slot), 'the slot is in use');
    if (this.columns.host[slot] === host) return;
    this.columns.host[slot] = host;
    for (const listener of this.hostListeners) listener(slot);
    this.touch(slot);
  }

  /** Calls `listener` after each change of a driver's host. */
  onHost(listener: (slot: number) => void): void {
    this.hostListeners.push(listener);
  }

  /** Marks the driver dirty, if here. */
  touch(slot: number): void {
    if (this.columns.host[slot] === HERE) this.dirty.mark(slot);
  }

  /** Moves a driver; H3 is asked only near or beyond the rim of the present cell. Degrees; what is no place throws. */
  place(slot: number, lat: number, lng: number): void {
    assert(isPlace(lat, lng), 'a place within its ranges');
    const { columns } = this;
    const row = columns.cell[slot]!;
    if (row >= 0 && columns.lat[slot] === lat && columns.lng[slot] === lng) return;
    columns.lat[slot] = lat;
    columns.lng[slot] = lng;
    this.touch(slot);
    if (row >= 0 && this.cells.holds(row, lat, lng)) return;
    this.settle(slot, cellAt(lat, lng, this.grid.resolution));
  }

  setStatus(slot: number, status: DriverStatus, nowMs: number): void {
    const { columns } = this;
    const code = statusCode(status);
    // An offer that comes to nothing does not make a driver wait anew.
    if (code !== AVAILABLE && code !== OFFERED) columns.idleSinceMs[slot] = NaN;
    else if (Number.isNaN(columns.idleSinceMs[slot])) columns.idleSinceMs[slot] = nowMs;
    if (code === AVAILABLE || code === OFFLINE) this.setFree(slot, null);
    columns.status[slot] = code;
    columns.statusMs[slot] = nowMs;
    this.touch(slot);
  }

  /** Where a driver on a trip will be free (the matcher plans with it); null when that is not known. */
  setFree(slot: number, free: Place | null): void {
    this.columns.freeLat[slot] = free?.lat ?? NaN;
    this.columns.freeLng[slot] = free?.lng ?? NaN;
    this.touch(slot);
  }

  /** Metres from a place in a straight line; the driver must be placed. */
  distanceM(slot: number, lat: number, lng: number): number {
    return distanceBetweenM(lat, lng, this.columns.lat[slot]!, this.columns.lng[slot]!);
  }

  private newCellTable(): CellTable {
    return new CellTable(this.grid, this.driversMax + EMPTY_CELLS_MAX);
  }

  private freshSlot(): number {
    const { columns } = this;
    let slot = this.freeHead;
    if (slot >= 0) {
      this.freeHead = columns.next[slot]!;
    } else {
      if (this.used === this.driversMax) return -1;
      if (this.used === this.capacity) {
        this.capacity = Math.min(this.driversMax, Math.ceil(this.capacity * GROWTH));
        growColumns(columns, this.capacity);
        this.dirty.grow(this.capacity);
      }
      slot = this.used++;
    }
    columns.generation[slot]!++;
    return slot;
  }

  private clear(slot: number, host: number, nowMs: number): void {
    const { columns } = this;
    columns.host[slot] = host;
    columns.lat[slot] = columns.lng[slot] = columns.atMs[slot] = NaN;
    columns.speedMps[slot] = columns.headingDeg[slot] = columns.accuracyM[slot] = NaN;
    columns.idleSinceMs[slot] = NaN;
    columns.cell[slot] = columns.next[slot] = columns.prev[slot] = -1;
    columns.receivedMs[slot] = nowMs;
    columns.status[slot] = OFFLINE;
    this.setFree(slot, null);
  }

  private settle(slot: number, cell: Cell): void {
    let row = this.cells.rowOf(cell);
    if (row < 0) {
      this.compactCells();
      row = this.cells.rowOf(cell);
    }
    const { cells, columns } = this;
    const reachM = cells.distanceM(row, columns.lat[slot]!, columns.lng[slot]!);
    // At the seams of H3's faces a cell may reach a little beyond its outline; searches must not miss who is there.
    if (reachM > cells.reachM[row]!) cells.reachM[row] = reachM * 1.0001;
    if (columns.cell[slot] === row) return;
    if (columns.cell[slot]! >= 0) this.unlink(slot);
    this.link(slot, row);
  }

  private link(slot: number, row: number): void {
    const { cells, columns } = this;
    const first = cells.head[row]!;
    if (first < 0) cells.occupy(row);
    else columns.prev[first] = slot;
    columns.next[slot] = first;
    columns.prev[slot] = -1;
    columns.cell[slot] = row;
    cells.head[row] = slot;
  }

  private unlink(slot: number): void {
    const { cells, columns } = this;
    const row = columns.cell[slot]!;
    const next = columns.next[slot]!;
    const prev = columns.prev[slot]!;
    if (next >= 0) columns.prev[next] = prev;
    if (prev >= 0) columns.next[prev] = next;
    else if ((cells.head[row] = next) < 0) cells.vacate(row);
    columns.cell[slot] = -1;
  }

  /** Forgets the cells without drivers. Rare: it takes EMPTY_CELLS_MAX new cells to get here again. */
  private compactCells(): void {
    const old = this.cells;
    this.cells = this.newCellTable();
    for (let i = 0; i < old.occupiedCount; i++) {
      const from = old.occupied[i]!;
      const row = this.cells.rowOf(old.key[from] as Cell);
      this.cells.reachM[row] = old.reachM[from]!;
      this.cells.head[row] = old.head[from]!;
      this.cells.occupy(row);
      for (let slot = old.head[from]!; slot >= 0; slot = this.columns.next[slot]!) {
        this.columns.cell[slot] = row;
      }
    }
  }
}
