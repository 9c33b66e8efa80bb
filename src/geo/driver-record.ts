import type { Cell } from '../domain/cell.ts';
import { DRIVER_STATUSES, type DriverStatus } from '../domain/driver-state.ts';
import type { Place } from '../domain/place.ts';
import { VEHICLE_CLASSES, type VehicleClass } from '../domain/vehicle.ts';
import type { DriverIndex } from './driver-index.ts';

/** What the mirror tells others about a driver. */
export interface DriverRecord extends Place {
  /** The device's time of the fix, Unix ms, and when it reached the server that wrote this. */
  readonly atMs: number;
  readonly receivedMs: number;
  readonly cell: Cell;
  readonly headingDeg: number | null;
  readonly speedMps: number | null;
  readonly status: DriverStatus;
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
}

/** Rises when the layout changes; a reader skips records of a version it does not know. */
const VERSION = 1;
const RECORD_BYTES = 40;
const UNKNOWN = 0xffff;
const DEGREE = 1e7;

/*
 * Little endian: 0 lat, 4 lng (i32, 1e-7 degrees = 1 cm) · 8 atMs · 16 receivedMs · 24 cell (f64 each) · 32 heading (u16,
 * 1/100 degree) · 34 speed (u16, cm/s), both 0xffff = unknown · 36 version · 37 status · 38 vehicle class · 39 seats.
 */

/** The record of a placed driver; the caller owns the buffer. */
export function packRecord(index: DriverIndex, slot: number): Buffer {
  const { columns } = index;
  const buffer = Buffer.allocUnsafe(RECORD_BYTES);
  buffer.writeInt32LE(Math.round(columns.lat[slot]! * DEGREE), 0);
  buffer.writeInt32LE(Math.round(columns.lng[slot]! * DEGREE), 4);
  buffer.writeDoubleLE(columns.atMs[slot]!, 8);
  buffer.writeDoubleLE(columns.receivedMs[slot]!, 16);
  buffer.writeDoubleLE(index.cellOf(slot)!, 24);
  buffer.writeUInt16LE(toHundredths(columns.headingDeg[slot]!), 32);
  buffer.writeUInt16LE(toHundredths(columns.speedMps[slot]!), 34);
  buffer[36] = VERSION;
  buffer[37] = columns.status[slot]!;
  buffer[38] = columns.vehicleClass[slot]!;
  buffer[39] = columns.seats[slot]!;
  return buffer;
}

/** Null for what another version wrote, or is no record. */
export function unpackRecord(buffer: Buffer): DriverRecord | null {
  if (buffer.length !== RECORD_BYTES || buffer[36] !== VERSION) return null;
  const status = DRIVER_STATUSES[buffer[37]!];
  const vehicleClass = VEHICLE_CLASSES[buffer[38]!];
  if (status === undefined || vehicleClass === undefined) return null;
  return {
    lat: buffer.readInt32LE(0) / DEGREE,
    lng: buffer.readInt32LE(4) / DEGREE,
    atMs: buffer.readDoubleLE(8),
    receivedMs: buffer.readDoubleLE(16),
    cell: buffer.readDoubleLE(24) as Cell,
    headingDeg: orNull(fromHundredths(buffer.readUInt16LE(32))),
    speedMps: orNull(fromHundredths(buffer.readUInt16LE(34))),
    status,
    vehicleClass,
    seats: buffer[39]!,
  };
}

/** A heading or a speed in 16 bits; NaN = unknown, beyond 655.34 the same as that. */
export const toHundredths = (value: number): number =>
  Number.isNaN(value) ? UNKNOWN : Math.min(UNKNOWN - 1, Math.round(value * 100));
/** The reverse, NaN = unknown. */
export const fromHundredths = (value: number): number => (value === UNKNOWN ? NaN : value / 100);
const orNull = (value: number): number | null => (Number.isNaN(value) ? null : value);
