import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { dataPath, readCsv, splitCsvLine } from '../../../src/sim/city/csv-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'csv-file-'));
afterAll(() => rmSync(dir, { recursive: true }));

function read(name: string, bytes: string | Buffer, columns: string[]): string[][] {
  writeFileSync(join(dir, name), bytes);
  const rows: string[][] = [];
  const count = readCsv(join(dir, name), columns, (fields) => rows.push([...fields]));
  expect(count).toBe(rows.length);
  return rows;
}

describe('readCsv', () => {
  it('gives the wanted columns in the order asked for, gzip or plain, LF or CRLF, with or without a last line end', () => {
    const expected = [
      ['3', '1'],
      ['6', '4'],
    ];
    expect(read('a.csv', 'x,y,z\n1,2,3\n4,5,6', ['z', 'x'])).toEqual(expected);
    expect(read('b.csv', '\uFEFFx,y,z\r\n1,2,3\r\n\r\n4,5,6\r\n', ['z', 'x'])).toEqual(expected);
    expect(read('c.csv.gz', gzipSync('x,y,z\n1,2,3\n4,5,6\n'), ['z', 'x'])).toEqual(expected);
  });

  it('fills short lines with empty fields', () => {
    expect(read('d.csv', 'x,y\n1\n', ['x', 'y'])).toEqual([['1', '']]);
  });

  it('says in one sentence what is wrong', () => {
    expect(() => readCsv(join(dir, 'none.csv'), [], () => undefined)).toThrow(
      /^none\.csv cannot be read in .*: set HEXDISPATCH_DATA to the folder that holds it\.$/,
    );
    expect(() => read('e.csv', 'x,y\n1,2\n', ['q'])).toThrow('e.csv lacks the column q; it has x, y.');
    expect(() => read('f.csv', '', ['q'])).toThrow('f.csv is empty');
    expect(() => read('g.csv.gz', gzipSync('x\n1\n'.repeat(999)).subarray(0, 25), ['x'])).toThrow(
      'g.csv.gz is not a whole gzip file.',
    );
    expect(() => dataPath(undefined, 'cabs.csv')).toThrow(/needs cabs\.csv: set HEXDISPATCH_DATA/);
  });
});

describe('splitCsvLine', () => {
  it('is the inverse of quoting, whatever the fields hold', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ',', '"', '[', ' ', 'é') });
    fc.assert(
      fc.property(fc.array(field, { minLength: 1 }), (fields) => {
        const quoted = fields.map((text) => `"${text.replaceAll('"', '""')}"`).join(',');
        expect(splitCsvLine(quoted)).toEqual(fields);
        const bare = fields.map((text) => text.replaceAll(/[",]/g, ''));
        expect(splitCsvLine(bare.join(','))).toEqual(bare);
        expect(splitCsvLine([...bare, '"x,y"'].join(','))).toEqual([...bare, 'x,y']);
      }),
    );
  });
});
