import { PINGS_MAX } from './messages.ts';

/**
 * The short way for `ping` and `pings` in msgpack, nearly all of a server's traffic: from the frame's bytes to numbers
 * in a buffer that is used again and again, without an object in between. It knows the two messages' own shape in both orders
 * of their keys, with every number format; anything else is not an error here but a case for the general decoder, and for
 * every frame that passes here the general decoder gives the same numbers (a property test holds them together).
 */

// {"t": "ping", "p": [...]} as bytes: a map of two, then its strings.
const MAP_2_T = 0x82a174;
const MAP_2_P = 0x82a170;
const KEY_P = 0xa170;
const KEY_T = 0xa174;
const PING = 0x70696e67;
const TEXT_4 = 0xa4;
const TEXT_5 = 0xa5;
const LETTER_S = 0x73;
const ARRAY_OF_6 = 0x96;

// Where the reading stands: module variables, since an object to carry them would be the only allocation.
let pos = 0;
let end = 0;
let failed = false;

/**
 * The fixes of a whole frame, written into `rows` (room for PINGS_MAX rows of FIX_WIDTH) as fix-rows.ts lays them out; answers
 * how many, or 0 when the frame is anything but a well-formed ping or pings with every number in range. Never throws.
 */
export function readPingRows(frame: DataView, rows: Float64Array): number {
  end = frame.byteLength;
  // The shortest has 6 numbers of one byte each; from here on the first 11 bytes may be read.
  if (end < 17) return 0;
  const start = frame.getUint32(0);
  let count: number;
  if (start >>> 8 === MAP_2_T) {
    if (frame.getUint32(4) !== PING) return 0;
    if ((start & 0xff) === TEXT_4) count = readOne(frame, rows, 8);
    else if ((start & 0xff) === TEXT_5 && frame.getUint8(8) === LETTER_S) count = readMany(frame, rows, 9);
    else return 0;
    return pos === end ? count : 0;
  }
  return start >>> 8 === MAP_2_P ? readKeyLast(frame, rows) : 0;
}

/** `p` before `t`: a fix is an array of six numbers, a batch an array of arrays. */
function readKeyLast(frame: DataView, rows: Float64Array): number {
  const isBatch = frame.getUint8(3) !== ARRAY_OF_6 || frame.getUint8(4) === ARRAY_OF_6;
  const count = isBatch ? readMany(frame, rows, 1) : readOne(frame, rows, 1);
  const tail = isBatch ? 8 : 7;
  if (count === 0 || pos + tail !== end || frame.getUint16(pos) !== KEY_T) return 0;
  if (frame.getUint8(pos + 2) !== (isBatch ? TEXT_5 : TEXT_4) || frame.getUint32(pos + 3) !== PING) return 0;
  return isBatch && frame.getUint8(pos + 7) !== LETTER_S ? 0 : count;
}

function readOne(frame: DataView, rows: Float64Array, at: number): number {
  if (frame.getUint16(at) !== KEY_P) return 0;
  pos = at + 2;
  return readFix(frame, rows, 0) ? 1 : 0;
}

function readMany(frame: DataView, rows: Float64Array, at: number): number {
  if (frame.getUint16(at) !== KEY_P) return 0;
  pos = at + 2;
  const tag = frame.getUint8(pos++);
  let count: number;
  if ((tag & 0xf0) === 0x90) count = tag & 0x0f;
  else if (tag === 0xdc) {
    count = frame.getUint16(pos);
    pos += 2;
  } else return 0;
  if (count > PINGS_MAX) return 0;
  for (let i = 0; i < count; i++) if (!readFix(frame, rows, i * 6)) return 0;
  return count;
}

/** Ranges are those of FixSchema; each comparison is written so that NaN fails it. */
function readFix(frame: DataView, rows: Float64Array, row: number): boolean {
  if (pos >= end || frame.getUint8(pos++) !== ARRAY_OF_6) return false;
  failed = false;
  const atMs = readNumber(frame);
  const lat = readNumber(frame);
  const lng = readNumber(frame);
  if (!(atMs >= 0 && atMs <= 1e14 && lat >= -90 && lat <= 90 && lng >= -180 && lng <= 180)) return false;
  rows[row] = atMs;
  rows[row + 1] = lat;
  rows[row + 2] = lng;
  rows[row + 3] = readMaybe(frame, 1e6);
  rows[row + 4] = readMaybe(frame, 1e3);
  rows[row + 5] = readMaybe(frame, 360);
  return !failed;
}

/** A number from 0 to `max`, or NaN for nil. */
function readMaybe(frame: DataView, max: number): number {
  if (pos < end && frame.getUint8(pos) === 0xc0) {
    pos++;
    return NaN;
  }
  const value = readNumber(frame);
  if (!(value >= 0 && value <= max)) failed = true;
  return value;
}

/** A number in any format of the specification; NaN, which passes no range, for what is none or ends too early. */
function readNumber(frame: DataView): number {
  if (pos >= end) return NaN;
  const tag = frame.getUint8(pos++);
  if (tag === 0xcb) {
    const at = pos;
    pos += 8;
    return pos <= end ? frame.getFloat64(at) : NaN;
  }
  if (tag < 0x80) return tag;
  if (tag >= 0xe0) return tag - 0x100;
  return readWideNumber(frame, tag);
}

function readWideNumber(frame: DataView, tag: number): number {
  if (tag < 0xca || tag > 0xd3) return NaN;
  const at = pos;
  // float32, (float64), then unsigned and signed integers of 1, 2, 4 and 8 bytes.
  pos += tag === 0xca ? 4 : 1 << (tag & 3);
  if (pos > end) return NaN;
  switch (tag) {
    case 0xca:
      return frame.getFloat32(at);
    case 0xcc:
      return frame.getUint8(at);
    case 0xcd:
      return frame.getUint16(at);
    case 0xce:
      return frame.getUint32(at);
    case 0xcf:
      return frame.getUint32(at) * 2 ** 32 + frame.getUint32(at + 4);
    case 0xd0:
      return frame.getInt8(at);
    case 0xd1:
      return frame.getInt16(at);
    case 0xd2:
      return frame.getInt32(at);
    case 0xd3:
      return frame.getInt32(at) * 2 ** 32 + frame.getUint32(at + 4);
    default:
      return NaN;
  }
}
