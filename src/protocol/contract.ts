import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { asyncApi } from './asyncapi.ts';
import { openApi } from './openapi.ts';
import { vectorFiles } from './vectors.ts';

/** Version of the wire contract: the first number is the one in the subprotocols' and paths' `v1`. */
const CONTRACT_VERSION = '1.0.0';

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** One case per line: short to read, and a changed case is one changed line. */
const lines = (cases: readonly unknown[]): string =>
  `[\n${cases.map((entry) => JSON.stringify(entry)).join(',\n')}\n]\n`;

/** Every file of `proto/`, path to content. Two calls give the same. */
export function contractFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  files.set('asyncapi.json', pretty(asyncApi(CONTRACT_VERSION)));
  files.set('openapi.json', pretty(openApi(CONTRACT_VERSION)));
  for (const [name, cases] of Object.entries(vectorFiles())) files.set(`vectors/${name}`, lines(cases));
  return files;
}

/** Writes the contract into `dir` (the project's `proto/`). */
export function writeContract(dir: string): void {
  for (const [path, content] of contractFiles()) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), content);
  }
}

/** How `dir` differs from what the schemas say now: one sentence per file; empty when it does not. */
export function checkContract(dir: string): string[] {
  const expected = contractFiles();
  const drift: string[] = [];
  const present = new Set(filesBelow(dir));
  for (const [path, content] of expected) {
    if (!present.has(path)) drift.push(`${path} is missing`);
    else if (readFileSync(join(dir, path), 'utf8') !== content)
      drift.push(`${path} is not what the schemas say`);
  }
  for (const path of present) if (!expected.has(path)) drift.push(`${path} is not part of the contract`);
  return drift;
}

function filesBelow(dir: string): string[] {
  const entries = readdirSync(dir, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(dir, '/').length));
}
