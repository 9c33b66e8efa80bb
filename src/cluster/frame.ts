import { Packr } from 'msgpackr';
import type { ReplicaId } from '../domain/ids.ts';
import { readMsgpack } from '../protocol/msgpack-reader.ts';

/** First byte of every frame between replicas; rises with the layout. Of another version nothing is read. */
const FRAME_VERSION = 1;
/** Bytes of a list's head: MessagePack `array 32`. */
const LIST_HEAD_BYTES = 5;

// Plain MessagePack, as on the wire to the apps: what the strict reader there reads back.
const packr = new Packr({
  useRecords: false,
  variableMapSize: true,
  moreTypes: false,
  skipValues: [undefined],
} as ConstructorParameters<typeof Packr>[0]);

/** What came in a frame, as far as every kind of frame is alike. */
export interface Frame {
  readonly from: ReplicaId;
  /** What the sender counts by: the number of its news frame, or of its question. */
  readonly number: number;
  /** Of kinds that the receiver must check. */
  readonly items: readonly unknown[];
}

/** The bytes of one item, for `joinFrame`. They are a copy: the encoder may reuse its own. */
export function encodeItem(item: unknown): Uint8Array {
  return new Uint8Array(packr.pack(item));
}

/** A frame of items encoded before: version, then `[from, number, [items]]`. */
export function joinFrame(from: ReplicaId, number: number, items: readonly Uint8Array[]): Uint8Array {
  const head = packr.pack([from, number, []]);
  // The empty list is the last byte: the real one takes its place.
  const before = head.length - 1;
  const length = items.reduce((sum, item) => sum + item.length, 1 + before + LIST_HEAD_BYTES);
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = FRAME_VERSION;
  bytes.set(head.subarray(0, before), 1);
  bytes[1 + before] = 0xdd;
  bytes.writeUInt32BE(items.length, 2 + before);
  let at = 1 + before + LIST_HEAD_BYTES;
  for (const item of items) {
    bytes.set(item, at);
    at += item.length;
  }
  return bytes;
}

/** A frame of items not encoded yet. */
export function encodeFrame(from: ReplicaId, number: number, items: readonly unknown[]): Uint8Array {
  return joinFrame(from, number, items.map(encodeItem));
}

/** Null for what is no frame, or of another version. Never throws. */
export function decodeFrame(bytes: Uint8Array): Frame | null {
  if (bytes[0] !== FRAME_VERSION) return null;
  const read = readMsgpack(bytes.subarray(1));
  if (!read.ok || !Array.isArray(read.value)) return null;
  const [from, number, items] = read.value as unknown[];
  if (typeof from !== 'string' || from === '' || !Array.isArray(items)) return null;
  if (!Number.isSafeInteger(number) || (number as number) < 0) return null;
  return { from: from as ReplicaId, number: number as number, items };
}

/** The item's `kind`; null for what is no item at all. */
export function kindOf(item: unknown): string | null {
  if (typeof item !== 'object' || item === null) return null;
  const { kind } = item as { kind?: unknown };
  return typeof kind === 'string' ? kind : null;
}
