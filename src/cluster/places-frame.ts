import type { Zone } from '../domain/cell.ts';
import type { ReplicaId } from '../domain/ids.ts';

/*
 * Version (u8), length of the sender's id (u8), the id (ASCII); then zone by zone: the zone (f64), the bytes of its frame (u32), and
 * that frame as geo/place-frame.ts makes it. Little endian.
 */
const VERSION = 2;
const SECTION_HEAD_BYTES = 12;

/** One zone's part. */
export interface PlacesSection {
  readonly zone: Zone;
  readonly frame: Uint8Array;
}

/** One message for one replica. */
export function joinPlaces(from: ReplicaId, sections: readonly PlacesSection[]): Uint8Array {
  const length = sections.reduce(
    (sum, { frame }) => sum + SECTION_HEAD_BYTES + frame.length,
    2 + from.length,
  );
  const bytes = Buffer.allocUnsafe(length);
  bytes[0] = VERSION;
  bytes[1] = from.length;
  bytes.write(from, 2, 'latin1');
  let at = 2 + from.length;
  for (const { zone, frame } of sections) {
    bytes.writeDoubleLE(zone, at);
    bytes.writeUInt32LE(frame.length, at + 8);
    bytes.set(frame, at + SECTION_HEAD_BYTES);
    at += SECTION_HEAD_BYTES + frame.length;
  }
  return bytes;
}

/** Null for another version's message or a damaged one. The sections' frames are views of `bytes`, and not looked into. */
export function splitPlaces(bytes: Uint8Array): { from: ReplicaId; sections: PlacesSection[] } | null {
  const idLength = bytes[1] ?? 0;
  if (bytes[0] !== VERSION || idLength === 0 || bytes.length < 2 + idLength) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const from = buffer.toString('latin1', 2, 2 + idLength) as ReplicaId;
  const sections: PlacesSection[] = [];
  let at = 2 + idLength;
  while (at < buffer.length) {
    if (at + SECTION_HEAD_BYTES > buffer.length) return null;
    const zone = buffer.readDoubleLE(at) as Zone;
    const frameAt = at + SECTION_HEAD_BYTES;
    at = frameAt + buffer.readUInt32LE(at + 8);
    if (at > buffer.length) return null;
    sections.push({ zone, frame: buffer.subarray(frameAt, at) });
  }
  return { from, sections };
}
