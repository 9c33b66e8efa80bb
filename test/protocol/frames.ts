import fc from 'fast-check';

/** MessagePack written by hand, in every legal form, for frames that no encoder makes. */

const bytesOf = (size: number, write: (view: DataView) => void): number[] => {
  const view = new DataView(new ArrayBuffer(size));
  write(view);
  return [...new Uint8Array(view.buffer)];
};

/** Every format that holds `value` exactly. */
export function numberForms(value: number): number[][] {
  const forms = [[0xcb, ...bytesOf(8, (view) => view.setFloat64(0, value))]];
  if (Math.fround(value) === value) forms.push([0xca, ...bytesOf(4, (view) => view.setFloat32(0, value))]);
  // -0 is no integer in any of the formats.
  if (!Number.isInteger(value) || Object.is(value, -0)) return forms;
  if (value >= 0 && value < 128) forms.push([value]);
  if (value < 0 && value >= -32) forms.push([value + 256]);
  for (const [power, width] of [1, 2, 4, 8].entries()) {
    const range = 2 ** (8 * width);
    const low = ((value % 2 ** 32) + 2 ** 32) % 2 ** 32;
    const raw = bytesOf(8, (view) => {
      view.setInt32(0, Math.floor(value / 2 ** 32));
      view.setUint32(4, low);
    }).slice(8 - width);
    if (value >= 0 && value < range) forms.push([0xcc + power, ...raw]);
    if (value >= -range / 2 && value < range / 2) forms.push([0xd0 + power, ...raw]);
  }
  return forms;
}

const text = (content: string): number[] => [0xa0 + content.length, ...Buffer.from(content)];

const within = (min: number, max: number): fc.Arbitrary<number> =>
  fc.oneof(
    fc.double({ min, max, noNaN: true }),
    fc.integer({ min, max }),
    // As float32 the bounds may round outwards.
    fc
      .float({ min: Math.fround(min), max: Math.fround(max), noNaN: true })
      .filter((value) => value >= min && value <= max),
  );
const fieldBytes = (values: fc.Arbitrary<number | null>): fc.Arbitrary<number[]> =>
  fc.tuple(values, fc.nat()).map(([value, pick]) => {
    if (value === null) return [0xc0];
    const forms = numberForms(value);
    return forms[pick % forms.length]!;
  });
const maybe = (max: number): fc.Arbitrary<number | null> => fc.option(within(0, max), { freq: 3 });

/** A fix with every number in range, each in any of its formats. */
export const fixBytes: fc.Arbitrary<number[]> = fc
  .tuple(
    fieldBytes(within(0, 1e14)),
    fieldBytes(within(-90, 90)),
    fieldBytes(within(-180, 180)),
    fieldBytes(maybe(1e6)),
    fieldBytes(maybe(1e3)),
    fieldBytes(maybe(360)),
  )
  .map((fields) => [0x96, ...fields.flat()]);

const frame = (t: string, p: number[], keyLast: boolean): Uint8Array => {
  const type = [...text('t'), ...text(t)];
  const payload = [...text('p'), ...p];
  return Uint8Array.from([0x82, ...(keyLast ? [...payload, ...type] : [...type, ...payload])]);
};

/** A `ping` or `pings` that fits, in either order of its keys. */
export const pingFrame: fc.Arbitrary<{ bytes: Uint8Array; count: number }> = fc.oneof(
  fc.tuple(fixBytes, fc.boolean()).map(([fix, last]) => ({ bytes: frame('ping', fix, last), count: 1 })),
  fc
    .tuple(fc.array(fixBytes, { minLength: 1, maxLength: 40 }), fc.boolean(), fc.boolean())
    .map(([fixes, last, long]) => {
      const size = fixes.length;
      const head = long || size > 15 ? [0xdc, size >> 8, size & 0xff] : [0x90 + size];
      return { bytes: frame('pings', [...head, ...fixes.flat()], last), count: size };
    }),
);

/** `bytes` with some changed, cut off or added. */
export const mutated = (frames: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> =>
  fc
    .tuple(
      frames,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.option(fc.nat()),
      fc.uint8Array({ maxLength: 3 }),
    )
    .map(([bytes, changes, cut, tail]) => {
      const copy = Uint8Array.from([...bytes, ...tail]);
      for (const [at, value] of changes) if (copy.length > 0) copy[at % copy.length] = value;
      return cut === null ? copy : copy.slice(0, cut % (copy.length + 1));
    });
