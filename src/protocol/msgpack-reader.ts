import { accepted, rejected, type Result } from '../domain/rejection.ts';

/**
 * Reads MessagePack from strangers. A reader of our own because the encoder's library decodes too much for that: extension
 * types that make dates, records and errors, and a nesting bounded only by the stack. Here only nil, booleans, numbers,
 * UTF-8 strings, arrays and maps with string keys pass, at most DEPTH_MAX deep, and no length is believed that the
 * remaining bytes cannot fill. Format: https://github.com/msgpack/msgpack/blob/master/spec.md
 */

/** Nesting of arrays and maps in a message; the deepest of ours is 4. Beyond it: bad_message. */
export const DEPTH_MAX = 16;

class Malformed extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The value that `bytes` hold, all of them, or a `bad_message` that says what was wrong and at which byte. Never throws. */
export function readMsgpack(bytes: Uint8Array): Result<unknown> {
  const reader = new Reader(bytes);
  try {
    const value = reader.value(0);
    if (reader.pos !== bytes.byteLength)
      return rejected('bad_message', `msgpack: bytes after the message at ${reader.pos}`);
    return accepted(value);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return rejected('bad_message', `msgpack: ${error.message} at byte ${reader.pos}`);
  }
}

class Reader {
  pos = 0;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): unknown {
    const tag = this.uint(1);
    if (tag < 0x80) return tag;
    if (tag >= 0xe0) return tag - 0x100;
    if (tag < 0x90) return this.map(tag & 0x0f, depth);
    if (tag < 0xa0) return this.array(tag & 0x0f, depth);
    if (tag < 0xc0) return this.text(tag & 0x1f);
    return this.tagged(tag, depth);
  }

  private tagged(tag: number, depth: number): unknown {
    if (tag >= 0xcc && tag <= 0xcf) return this.uint(1 << (tag - 0xcc));
    if (tag >= 0xd0 && tag <= 0xd3) return this.int(1 << (tag - 0xd0));
    if (tag >= 0xd9 && tag <= 0xdb) return this.text(this.uint(1 << (tag - 0xd9)));
    switch (tag) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.view.getFloat32(this.take(4));
      case 0xcb:
        return this.view.getFloat64(this.take(8));
      case 0xdc:
      case 0xdd:
        return this.array(this.uint(tag === 0xdc ? 2 : 4), depth);
      case 0xde:
      case 0xdf:
        return this.map(this.uint(tag === 0xde ? 2 : 4), depth);
      default:
        throw new Malformed(`format 0x${tag.toString(16)} is not used in this protocol`);
    }
  }

  /** Moves on by `length` bytes and answers where they start. */
  private take(length: number): number {
    const start = this.pos;
    if (length > this.bytes.byteLength - start) throw new Malformed('ends too early');
    this.pos = start + length;
    return start;
  }

  private uint(width: number): number {
    const at = this.take(width);
    if (width === 1) return this.view.getUint8(at);
    if (width === 2) return this.view.getUint16(at);
    if (width === 4) return this.view.getUint32(at);
    return this.view.getUint32(at) * 2 ** 32 + this.view.getUint32(at + 4);
  }

  private int(width: number): number {
    const at = this.take(width);
    if (width === 1) return this.view.getInt8(at);
    if (width === 2) return this.view.getInt16(at);
    if (width === 4) return this.view.getInt32(at);
    return this.view.getInt32(at) * 2 ** 32 + this.view.getUint32(at + 4);
  }

  private text(length: number): string {
    const at = this.take(length);
    try {
      return utf8.decode(this.bytes.subarray(at, at + length));
    } catch (cause) {
      throw new Malformed('text is not UTF-8', { cause });
    }
  }

  /** Refuses what cannot be: every element takes a byte at least. */
  private enter(elements: number, depth: number): void {
    if (depth >= DEPTH_MAX) throw new Malformed(`nested deeper than ${DEPTH_MAX}`);
    if (elements > this.bytes.byteLength - this.pos) throw new Malformed('ends too early');
  }

  private array(length: number, depth: number): unknown[] {
    this.enter(length, depth);
    const values: unknown[] = [];
    for (let i = 0; i < length; i++) values.push(this.value(depth + 1));
    return values;
  }

  private map(size: number, depth: number): Record<string, unknown> {
    this.enter(size * 2, depth);
    const fields: Record<string, unknown> = {};
    for (let i = 0; i < size; i++) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string') throw new Malformed('a map key is not a string');
      const value = this.value(depth + 1);
      // Assigned, this one would change the object's prototype.
      if (key !== '__proto__') fields[key] = value;
    }
    return fields;
  }
}
