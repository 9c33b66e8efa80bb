/**
 * One row a driver, one array a field: what a search touches lies together, and nothing is allocated per driver. NaN stands
 * for unknown in float columns, -1 for none in `cell`, `next`, `prev`.
 */
const COLUMN_TYPES = {
  /** Newest accepted fix: degrees, the device's own Unix ms, and when it reached us. */
  lat: Float64Array,
  lng: Float64Array,
  atMs: Float64Array,
  receivedMs: Float64Array,
  speedMps: Float32Array,
  headingDeg: Float32Array,
  accuracyM: Float32Array,
  /** Since when without a trip (available, or only offered one), Unix ms; NaN while not. */
  idleSinceMs: Float64Array,
  /** Where a driver now on a trip will be free; NaN = not known. Float32 degrees err by at most 0.9 m. */
  freeLat: Float32Array,
  freeLng: Float32Array,
  /** Row of the cell table, and the driver's neighbours in that cell's list; `next` chains free rows too. */
  cell: Int32Array,
  next: Int32Array,
  prev: Int32Array,
  /** Rises each time the row changes hands: even = free, odd = taken. */
  generation: Uint32Array,
  /** Who writes the driver: HERE, a number of RemoteDrivers, or NOBODY. */
  host: Uint16Array,
  /** When the status was last set here, the engine's Unix ms; -Infinity when it is only what the host says. */
  statusMs: Float64Array,
  /** Positions in DRIVER_STATUSES and VEHICLE_CLASSES. */
  status: Uint8Array,
  vehicleClass: Uint8Array,
  seats: Uint8Array,
} as const;

type ColumnTypes = typeof COLUMN_TYPES;
export type DriverColumns = { [Name in keyof ColumnTypes]: InstanceType<ColumnTypes[Name]> };

const NAMES = Object.keys(COLUMN_TYPES) as (keyof ColumnTypes)[];

/**
 * All columns in one piece of memory. Pieces so large come from the system and go back to it when the next, larger one has taken their place;
 * of arrays for themselves, a dozen growing side by side, the allocator kept four times what the index needs as holes.
 */
export function createColumns(capacity: number): DriverColumns {
  // Each begins at a multiple of 8, as the widest wants it.
  const bytesOf = (name: keyof ColumnTypes): number =>
    Math.ceil((COLUMN_TYPES[name].BYTES_PER_ELEMENT * capacity) / 8) * 8;
  const memory = new ArrayBuffer(NAMES.reduce((bytes, name) => bytes + bytesOf(name), 0));
  const columns: Record<string, unknown> = {};
  let at = 0;
  for (const name of NAMES) {
    columns[name] = new COLUMN_TYPES[name](memory, at, capacity);
    at += bytesOf(name);
  }
  return columns as DriverColumns;
}

/** Lengthens every column in place: the object stays the same, its arrays do not. */
export function growColumns(columns: DriverColumns, capacity: number): void {
  const grown = createColumns(capacity);
  for (const name of NAMES) grown[name].set(columns[name]);
  Object.assign(columns, grown);
}
