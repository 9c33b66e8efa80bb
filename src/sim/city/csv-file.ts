import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The folder of the records and the file wanted from it. */
export function dataPath(dataDir: string | undefined, fileName: string): string {
  if (dataDir === undefined || dataDir === '')
    throw new Error(
      `This city needs ${fileName}: set HEXDISPATCH_DATA to the folder that holds the taxi records.`,
    );
  return join(dataDir, fileName);
}

function readText(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new Error(
      `${basename(path)} cannot be read in ${dirname(path)}: set HEXDISPATCH_DATA to the folder that holds it.`,
      { cause },
    );
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.toString('utf8');
  try {
    return gunzipSync(bytes).toString('utf8');
  } catch (cause) {
    throw new Error(`${basename(path)} is not a whole gzip file.`, { cause });
  }
}

/** Fields of one line; a field may stand in double quotes, a doubled quote inside is one quote. */
export function splitCsvLine(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] === '"') {
      let end = at + 1;
      while (end < line.length && (line[end] !== '"' || line[end + 1] === '"'))
        end += line[end] === '"' ? 2 : 1;
      fields.push(line.slice(at + 1, end).replaceAll('""', '"'));
      at = end + 1;
    } else {
      const comma = line.indexOf(',', at);
      const end = comma < 0 ? line.length : comma;
      fields.push(line.slice(at, end));
      at = end;
    }
    if (at >= line.length) return fields;
    at += 1; // the comma
    if (at === line.length) return [...fields, ''];
  }
}

/**
 * Reads a CSV file, gzip or plain (told by its first bytes), and calls `onRow` with the wanted columns in the order asked
 * for; the header line names them. Lines end in LF or CRLF, no field holds a line break. A line with too few fields is passed with empty
 * strings. Returns the number of rows. Error when the file cannot be read or a column is missing.
 */
export function readCsv(
  path: string,
  columns: readonly string[],
  onRow: (fields: readonly string[]) => void,
): number {
  const text = readText(path);
  let places: number[] | undefined;
  let rows = 0;
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    let end = newline < 0 ? text.length : newline;
    const next = end + 1;
    if (end > start && text[end - 1] === '\r') end -= 1;
    if (end > start) {
      const fields = splitCsvLine(text.slice(start, end));
      if (places === undefined) places = placesOf(basename(path), fields, columns);
      else {
        onRow(places.map((place) => fields[place] ?? ''));
        rows += 1;
      }
    }
    start = next;
  }
  if (places === undefined) throw new Error(`${basename(path)} is empty: it has no header line.`);
  return rows;
}

function placesOf(file: string, header: readonly string[], columns: readonly string[]): number[] {
  const names = header.map((name) => name.replace(/^\uFEFF/, '').trim());
  return columns.map((column) => {
    const place = names.indexOf(column);
    if (place < 0) throw new Error(`${file} lacks the column ${column}; it has ${names.join(', ')}.`);
    return place;
  });
}
