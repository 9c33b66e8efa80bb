import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeDriverMessage } from '../../../src/protocol/codec.ts';
import { FIX_WIDTH } from '../../../src/protocol/fix-rows.ts';
import { type Fix, PINGS_MAX } from '../../../src/protocol/messages.ts';
import { readPingRows } from '../../../src/protocol/ping-reader.ts';
import { PingPacker } from '../../../src/sim/demo/ping-packer.ts';

const between = (min: number, max: number) => fc.double({ min, max, noNaN: true });
const maybe = (max: number) => fc.option(fc.oneof(between(0, max), fc.nat(max)), { nil: null });
const fix: fc.Arbitrary<Fix> = fc.tuple(
  fc.nat(2 ** 43),
  between(-90, 90),
  between(-180, 180),
  maybe(1000),
  maybe(60),
  maybe(360),
);
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('PingPacker', () => {
  const packer = new PingPacker();

  it('packs what the server’s decoders read back, the short way and the general one', () => {
    const rows = new Float64Array(PINGS_MAX * FIX_WIDTH);
    fc.assert(
      fc.property(fc.array(fix, { minLength: 1, maxLength: PINGS_MAX }), (fixes) => {
        const single = packer.ping(fixes[0]!);
        const batch = packer.pings(fixes);
        expect(plain(decodeDriverMessage(single, 'msgpack'))).toEqual(
          plain({ ok: true, value: { t: 'ping', p: fixes[0] } }),
        );
        expect(plain(decodeDriverMessage(batch, 'msgpack'))).toEqual(
          plain({ ok: true, value: { t: 'pings', p: fixes } }),
        );
        const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        expect(readPingRows(view(single), rows)).toBe(1);
        expect(readPingRows(view(batch), rows)).toBe(fixes.length);
      }),
      { numRuns: 200 },
    );
  });

  it('leaves what it packed alone while a megabyte follows', () => {
    const own = new PingPacker();
    const first = own.ping([1, 2.5, 3.5, null, null, null]);
    const copy = Buffer.from(first);
    for (let bytes = first.length; bytes < 1_000_000;)
      bytes += own.ping([bytes, 10.5, 20.5, 9, 1.5, 100]).length;
    expect(Buffer.compare(first, copy)).toBe(0);
  });
});
