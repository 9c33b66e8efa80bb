import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDriverMessage } from '../../src/protocol/codec.ts';
import { FIX_WIDTH, writeFixRows } from '../../src/protocol/fix-rows.ts';
import { PINGS_MAX } from '../../src/protocol/messages.ts';
import { readPingRows } from '../../src/protocol/ping-reader.ts';
import { fixBytes, mutated, pingFrame } from './frames.ts';

const ROOM = PINGS_MAX * FIX_WIDTH;
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The rows of a frame by the short way, or null when it does not take the frame. */
function shortWay(bytes: Uint8Array): number[] | null {
  const rows = new Float64Array(ROOM);
  const count = readPingRows(viewOf(bytes), rows);
  return count === 0 ? null : [...rows.subarray(0, count * FIX_WIDTH)];
}

/** The same by the general decoder. */
function generalWay(bytes: Uint8Array): number[] | null {
  const decoded = decodeDriverMessage(bytes, 'msgpack');
  if (!decoded.ok || (decoded.value.t !== 'ping' && decoded.value.t !== 'pings')) return null;
  const rows = new Float64Array(ROOM);
  const count = writeFixRows(rows, decoded.value.t === 'ping' ? [decoded.value.p] : decoded.value.p);
  return [...rows.subarray(0, count * FIX_WIDTH)];
}

describe('the short way of a ping', () => {
  it('takes every well-formed frame, whatever formats its numbers have, and reads what the general decoder reads', () => {
    fc.assert(
      fc.property(pingFrame, ({ bytes, count }) => {
        const rows = shortWay(bytes);
        expect(rows).toHaveLength(count * FIX_WIDTH);
        expect(rows).toEqual(generalWay(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  it('takes nothing that the general decoder refuses, and never reads it differently', () => {
    let taken = 0;
    fc.assert(
      fc.property(mutated(pingFrame.map(({ bytes }) => bytes)), (bytes) => {
        const rows = shortWay(bytes);
        if (rows === null) return;
        taken += 1;
        expect(rows).toEqual(generalWay(bytes));
      }),
      { numRuns: 10_000 },
    );
    expect(taken).toBeGreaterThan(100);
  });

  it('survives any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(shortWay(bytes)).toEqual(generalWay(bytes));
      }),
      { numRuns: 5_000 },
    );
  });

  it('leaves a batch above the maximum to the general decoder, which refuses it (R10)', () => {
    const [fix] = fc.sample(fixBytes, { numRuns: 1, seed: 3 });
    const frameOf = (count: number) =>
      Uint8Array.from([
        ...Buffer.from('82a174a570696e6773a170dc', 'hex'),
        ...[count >> 8, count & 0xff],
        ...Array.from({ length: count }, () => fix!).flat(),
      ]);
    expect(shortWay(frameOf(PINGS_MAX))).toHaveLength(ROOM);
    expect(shortWay(frameOf(PINGS_MAX + 1))).toBeNull();
    const refused = decodeDriverMessage(frameOf(PINGS_MAX + 1), 'msgpack');
    expect(refused).toMatchObject({ ok: false, code: 'bad_message' });
  });

  it.each([
    ['latitude above 90', '82a174a470696e67a17096015b02c0c0c0'],
    ['time is nil', '82a174a470696e67a17096c00203c0c0c0'],
    ['NaN as accuracy', '82a174a470696e67a17096010203cb7ff8000000000000c0c0'],
    ['infinite speed', '82a174a470696e67a17096010203c0cb7ff0000000000000c0'],
    ['heading above 360', '82a174a470696e67a17096010203c0c0cd0169'],
    ['a negative time', '82a174a470696e67a17096ff0203c0c0c0'],
    ['text for a number', '82a174a470696e67a17096a1310203c0c0c0'],
  ])('refuses %s, as the general decoder does', (_why, hex) => {
    const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
    expect(shortWay(bytes)).toBeNull();
    expect(decodeDriverMessage(bytes, 'msgpack')).toMatchObject({ ok: false, code: 'bad_message' });
  });
});
