import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PostgresFrames } from '../src/postgres-frames.ts';

const frame = (type: string, body = ''): Buffer => {
  const bytes = Buffer.alloc(5 + body.length);
  bytes.write(type, 0, 'latin1');
  bytes.writeUInt32BE(4 + body.length, 1);
  bytes.write(body, 5, 'latin1');
  return bytes;
};
/** Description, rows, end, ready: an answer as PostgreSQL sends it. */
const answer = (rows: readonly string[]): Buffer[] => [
  frame('T', 'columns'),
  ...rows.map((row) => frame('D', row)),
  frame('C', 'SELECT'),
  frame('Z', 'I'),
];

describe('frames from PostgreSQL', () => {
  it('R5: rows are handed on with what ends them: a connection cut off in between leaves none behind', () => {
    const frames = new PostgresFrames();
    const [columns, row, ...end] = answer(['one']);
    expect(Buffer.concat(frames.heard(Buffer.concat([columns!, row!])).pass)).toEqual(columns);
    expect(Buffer.concat(frames.heard(Buffer.concat(end)).pass)).toEqual(Buffer.concat([row!, ...end]));
  });

  it('are all handed on in their order, however the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ maxLength: 30, unit: 'binary-ascii' }), { maxLength: 5 }), {
          maxLength: 5,
        }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (answers, lengths) => {
          const frames = new PostgresFrames();
          const sent = Buffer.concat(answers.flatMap(answer));
          const passed: Buffer[] = [];
          for (let at = 0, i = 0; at < sent.length; i++) {
            const length = lengths[i % lengths.length]!;
            const { pass, fatal } = frames.heard(sent.subarray(at, at + length));
            expect(fatal).toBeNull();
            passed.push(...pass);
            at += length;
          }
          expect(Buffer.concat(passed).equals(sent)).toBe(true);
        },
      ),
    );
  });
});
