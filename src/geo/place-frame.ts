import { DRIVER_STATUSES, type DriverStatus } from '../domain/driver-state.ts';
import type { DriverId } from '../domain/ids.ts';
import { isPlace, type Place } from '../domain/place.ts';
import { SEATS_MAX, VEHICLE_CLASSES } from '../domain/vehicle.ts';
import type { DriverIndex } from './driver-index.ts';
import type { ZonePlan } from './driver-mirror.ts';
import { fromHundredths, toHundredths } from './driver-record.ts';

/*
 * One zone's part of a flush, as replicas tell it to each other. Little endian.
 *   Head: 0 version (u8) · 1 'PLC' · 4 number of removals (u32) · 8 number of rows (u32).
 *   A removal: length of the id (u8), the id (ASCII).
 *   A row: 0 lat · 8 lng · 16 atMs (f64 each) · 24 age since received (u32, ms) · 28 idle for (u32, ms; all ones = not idle) ·
 *     32 freeLat · 36 freeLng (f32, NaN = not known) · 40 heading (u16, 1/100 degree) · 42 speed (u16, cm/s), both 0xffff =
 *     unknown · 44 status · 45 vehicle class · 46 seats · 47 length of the id · 48 the id (ASCII).
 * Ages count from the frame's making, so that no two machines' clocks are compared; atMs is the device's own time. Places are
 * whole doubles, not the record's centimetres: a rounded one could lie in the neighbouring zone there, where its removal would
 * not find the driver. There is no checksum: the transport has one, and what is refused is what could do harm here.
 *
 * Rejected: a short key (slot and generation) for drivers named before. A row with its id costs 0.2 to 0.3 µs to make and 0.5 to
 * 0.6 µs to read and apply, most of it for the move in the index (`npm run bench -- frames`), and such keys would have to outlive losses.
 */

/** Rises when the layout changes; a frame of another version is refused. */
const VERSION = 1;
const MARK = [0x50, 0x4c, 0x43] as const;
const HEAD_BYTES = 12;
const ROW_BYTES = 48;
const AGE_MS_MAX = 0xffff_fffe;
const NOT_IDLE = 0xffff_ffff;
const ID_BYTES_MAX = 64;

/** 1 for the characters of an id (domain/ids.ts). */
const ID_BYTES = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-') {
  ID_BYTES[char.charCodeAt(0)] = 1;
}

/** The frame of a zone's part of a plan, at the same moment the plan was made: its slots are live and placed. */
export function encodePlaces(
  index: DriverIndex,
  { removals, slots }: Pick<ZonePlan, 'removals' | 'slots'>,
  nowMs: number,
): Uint8Array {
  let length = HEAD_BYTES + removals.length + slots.length * ROW_BYTES;
  for (const driverId of removals) length += driverId.length;
  for (const slot of slots) length += index.driverOf(slot)!.length;
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  bytes[0] = VERSION;
  bytes.set(MARK, 1);
  view.setUint32(4, removals.length, true);
  view.setUint32(8, slots.length, true);
  let at = HEAD_BYTES;
  for (const driverId of removals) {
    bytes[at] = driverId.length;
    at = writeId(bytes, at + 1, driverId);
  }
  for (const slot of slots) {
    writeRow(view, at, index, slot, nowMs);
    const driverId = index.driverOf(slot)!;
    bytes[at + 47] = driverId.length;
    at = writeId(bytes, at + ROW_BYTES, driverId);
  }
  return bytes;
}

function writeId(bytes: Uint8Array, at: number, driverId: DriverId): number {
  for (let i = 0; i < driverId.length; i++) bytes[at + i] = driverId.charCodeAt(i);
  return at + driverId.length;
}

function writeRow(view: DataView, at: number, index: DriverIndex, slot: number, nowMs: number): void {
  const { columns } = index;
  view.setFloat64(at, columns.lat[slot]!, true);
  view.setFloat64(at + 8, columns.lng[slot]!, true);
  view.setFloat64(at + 16, columns.atMs[slot]!, true);
  view.setUint32(at + 24, ageMs(columns.receivedMs[slot]!, nowMs), true);
  const idleSinceMs = columns.idleSinceMs[slot]!;
  view.setUint32(at + 28, Number.isNaN(idleSinceMs) ? NOT_IDLE : ageMs(idleSinceMs, nowMs), true);
  view.setFloat32(at + 32, columns.freeLat[slot]!, true);
  view.setFloat32(at + 36, columns.freeLng[slot]!, true);
  view.setUint16(at + 40, toHundredths(columns.headingDeg[slot]!), true);
  view.setUint16(at + 42, toHundredths(columns.speedMps[slot]!), true);
  view.setUint8(at + 44, columns.status[slot]!);
  view.setUint8(at + 45, columns.vehicleClass[slot]!);
  view.setUint8(at + 46, columns.seats[slot]!);
}

const ageMs = (sinceMs: number, nowMs: number): number =>
  Math.min(AGE_MS_MAX, Math.max(0, Math.round(nowMs - sinceMs)));

/**
 * Reads frames, one at a time, without making an object a row: `open`, then `nextRemoval` until it is false, then `nextRow`
 * until it is false; the getters tell of the row at hand. What `open` has taken holds only what an index may hold.
 */
export class PlaceFrameReader {
  /** The id at hand, of a removal or of a row: `idLength` bytes from `idAt`. */
  bytes: Uint8Array = new Uint8Array(0);
  idAt = 0;
  idLength = 0;
  removalCount = 0;
  rowCount = 0;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private removalsLeft = 0;
  private rowsLeft = 0;
  private nextRemovalAt = 0;
  private nextRowAt = 0;
  private at = 0;

  /** False, and nothing to read, when any of it is not as this version writes it. Never throws; the bytes are not copied. */
  open(bytes: Uint8Array): boolean {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const isSound = this.isSound();
    this.removalCount = this.removalsLeft = isSound ? this.view.getUint32(4, true) : 0;
    this.rowCount = this.rowsLeft = isSound ? this.view.getUint32(8, true) : 0;
    this.nextRemovalAt = HEAD_BYTES;
    return isSound;
  }

  nextRemoval(): boolean {
    if (this.removalsLeft === 0) return false;
    this.removalsLeft--;
    this.idLength = this.bytes[this.nextRemovalAt]!;
    this.idAt = this.nextRemovalAt + 1;
    this.nextRemovalAt = this.idAt + this.idLength;
    return true;
  }

  nextRow(): boolean {
    if (this.rowsLeft === 0) return false;
    this.rowsLeft--;
    this.at = this.nextRowAt;
    this.idLength = this.bytes[this.at + 47]!;
    this.idAt = this.at + ROW_BYTES;
    this.nextRowAt = this.idAt + this.idLength;
    return true;
  }

  /** The id at hand as a string of its own. */
  driverId(): DriverId {
    return String.fromCharCode(...this.bytes.subarray(this.idAt, this.idAt + this.idLength)) as DriverId;
  }

  get lat(): number {
    return this.view.getFloat64(this.at, true);
  }

  get lng(): number {
    return this.view.getFloat64(this.at + 8, true);
  }

  /** NaN for a driver without a fix of the device's own time. */
  get atMs(): number {
    return this.view.getFloat64(this.at + 16, true);
  }

  /** Since the sender had it from the driver, when the frame was made. */
  get receivedAgeMs(): number {
    return this.view.getUint32(this.at + 24, true);
  }

  /** NaN = not idle. */
  get idleForMs(): number {
    const idleForMs = this.view.getUint32(this.at + 28, true);
    return idleForMs === NOT_IDLE ? NaN : idleForMs;
  }

  /** NaN = not known, as `freeLng` is then. */
  get freeLat(): number {
    return this.view.getFloat32(this.at + 32, true);
  }

  get freeLng(): number {
    return this.view.getFloat32(this.at + 36, true);
  }

  free(): Place | null {
    return Number.isNaN(this.freeLat) ? null : { lat: this.freeLat, lng: this.freeLng };
  }

  get headingDeg(): number {
    return fromHundredths(this.view.getUint16(this.at + 40, true));
  }

  get speedMps(): number {
    return fromHundredths(this.view.getUint16(this.at + 42, true));
  }

  get statusCode(): number {
    return this.bytes[this.at + 44]!;
  }

  get status(): DriverStatus {
    return DRIVER_STATUSES[this.statusCode]!;
  }

  get vehicleClassCode(): number {
    return this.bytes[this.at + 45]!;
  }

  get seats(): number {
    return this.bytes[this.at + 46]!;
  }

  /** Walks all of the frame once; leaves `nextRowAt` at the first row. */
  private isSound(): boolean {
    const { bytes, view } = this;
    if (bytes.length < HEAD_BYTES || bytes[0] !== VERSION) return false;
    if (MARK.some((byte, i) => bytes[1 + i] !== byte)) return false;
    let at = HEAD_BYTES;
    for (let left = view.getUint32(4, true); left > 0 && at > 0; left--) {
      at = at < bytes.length ? this.afterId(at + 1, bytes[at]!) : 0;
    }
    this.nextRowAt = at;
    for (let left = view.getUint32(8, true); left > 0 && at > 0; left--) at = this.afterRow(at);
    return at === bytes.length;
  }

  /** Where the row ends; 0 when it is none. */
  private afterRow(at: number): number {
    if (at + ROW_BYTES > this.bytes.length) return 0;
    this.at = at;
    const isSound =
      isPlace(this.lat, this.lng) &&
      Math.abs(this.atMs) !== Infinity &&
      this.statusCode < DRIVER_STATUSES.length &&
      this.vehicleClassCode < VEHICLE_CLASSES.length &&
      this.seats >= 1 &&
      this.seats <= SEATS_MAX &&
      (isPlace(this.freeLat, this.freeLng) || (Number.isNaN(this.freeLat) && Number.isNaN(this.freeLng)));
    return isSound ? this.afterId(at + ROW_BYTES, this.bytes[at + 47]!) : 0;
  }

  private afterId(at: number, length: number): number {
    const end = at + length;
    if (length === 0 || length > ID_BYTES_MAX || end > this.bytes.length) return 0;
    for (let i = at; i < end; i++) if (ID_BYTES[this.bytes[i]!] === 0) return 0;
    return end;
  }
}
