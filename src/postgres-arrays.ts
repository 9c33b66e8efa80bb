import type postgres from 'postgres';

type Item = string | number | boolean | null | Item[];

/**
 * Arrays as parameters and results, by the numbers of their types (pg_type), which are the same in every PostgreSQL. postgres
 * 3.4.9 can ask the server for them with each new connection; but when the connection is lost meanwhile, that fails in a
 * promise which nobody holds, and ends the process.
 */
export const ARRAY_TYPES: Readonly<Record<string, postgres.PostgresType<Item[]>>> = {
  // text, varchar, uuid; int8, which is text as a single value too
  textArray: arrayType([1009, 1015, 2951, 1016], (text) => text),
  // float8, int2, int4, float4
  numberArray: arrayType([1022, 1005, 1007, 1021], Number),
  booleanArray: arrayType([1000], (text) => text === 't'),
};

function arrayType(from: number[], read: (text: string) => Item): postgres.PostgresType<Item[]> {
  return { to: from[0]!, from, serialize: writeArray, parse: (text: string) => readArray(text, read) };
}

function writeArray(items: unknown): unknown {
  // Text in PostgreSQL's own notation is passed on.
  if (!Array.isArray(items)) return items;
  const written = (items as Item[]).map((item) => {
    if (Array.isArray(item)) return writeArray(item);
    return item === null ? 'NULL' : `"${String(item).replace(/["\\]/g, '\\$&')}"`;
  });
  return `{${written.join(',')}}`;
}

/** Null, quoted text, bare text or a brace, as in `{1,NULL,"a \"b\"",{2}}`; bounds (`[0:1]=`) are passed over. */
const TOKEN = /[{}]|"((?:[^"\\]|\\.)*)"|([^,{}"]+)/gs;

function readArray(text: string, read: (text: string) => Item): Item[] {
  const open: Item[][] = [[]];
  for (const [token, quoted, bare] of text.slice(text.indexOf('{')).matchAll(TOKEN)) {
    const inner = open.at(-1)!;
    if (token === '{') {
      const next: Item[] = [];
      inner.push(next);
      open.push(next);
    } else if (token === '}') open.pop();
    else if (quoted !== undefined) inner.push(read(quoted.replace(/\\(.)/gs, '$1')));
    else inner.push(bare === 'NULL' ? null : read(bare!));
  }
  return open[0]![0] as Item[];
}
