import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { type Source, importsOf, parseText, sourcesOf, visit } from './sources.ts';

/** Each folder's layer; imports go downwards or stay inside the folder. Files at the top of src are the roots. */
const LAYERS: Record<string, number> = {
  lib: 0,
  domain: 1,
  protocol: 2,
  geo: 3,
  bus: 3,
  store: 3,
  notify: 3,
  maps: 3,
  media: 3,
  matching: 4,
  dispatch: 4,
  accounts: 4,
  trust: 4,
  cluster: 5,
  gateway: 6,
  rest: 6,
  jobs: 6,
  console: 6,
  // Beside the layers: may import all, and only the roots import it.
  sim: 7,
};
const ROOTS = 7;

/** Folders of one layer that may see each other; all other neighbours, the stores above all, may not. */
const NEIGHBOURS: [from: string, to: string][] = [
  ['dispatch', 'matching'],
  ['gateway', 'rest'],
  ['', 'sim'],
  ['sim', ''],
];

/** Who may name an adapter, beside the adapter's own folder's adapters: who puts the program together. */
const ADAPTER = /-(redis|postgres)\.ts$/;

/** Things of the real world, and the only files below the roots that may touch them: everything else takes a parameter. */
const WORLD: { what: string; uses: RegExp; inFiles: string[] }[] = [
  {
    what: 'time and timers',
    uses: /^(Date\.now|new Date\(\)|Date\(|performance\.(now|timeOrigin)|process\.(hrtime|uptime)|set(Timeout|Interval|Immediate)|node:timers.*|node:perf_hooks)$/,
    inFiles: ['src/lib/clock.ts', 'src/lib/metrics.ts'],
  },
  {
    what: 'randomness',
    uses: /^(Math\.random|crypto\.(random\w+|getRandomValues|subtle\.generate\w+)|node:crypto:(random\w+|generate\w+|getRandomValues|webcrypto|\*|default))$/,
    inFiles: ['src/lib/entropy.ts'],
  },
  { what: 'the environment', uses: /^process\.(env|argv)$/, inFiles: [] },
];

const folderOf = (file: string): string => (/^src\/([^/]+)\//.exec(file) ?? ['', ''])[1] ?? '';
const layerOf = (file: string): number | undefined =>
  folderOf(file) === '' ? ROOTS : LAYERS[folderOf(file)];
const isRoot = (file: string): boolean => layerOf(file) === ROOTS;

/** What is wrong with the imports of one file, in words. */
function offences(source: Source): string[] {
  const { file } = source;
  const layer = layerOf(file);
  if (layer === undefined) return [`${file}: its folder has no layer`];
  const wrong: string[] = [];
  for (const target of new Set(importsOf(source).map((one) => one.from))) {
    if (!target.startsWith('src/')) {
      if (/^(test|bench|sdk)\//.test(target))
        wrong.push(`${file} imports ${target}: the program stands on src alone`);
      continue;
    }
    if (!mayImport(file, target)) wrong.push(`${file} (${layer}) imports ${target} (${layerOf(target)})`);
    if (ADAPTER.test(target) && !isRoot(file) && !ADAPTER.test(file))
      wrong.push(`${file} names the adapter ${target}: only the roots may`);
  }
  return wrong;
}

function mayImport(file: string, target: string): boolean {
  const [from, to] = [folderOf(file), folderOf(target)];
  if (from === to) return true;
  if ((layerOf(file) ?? -1) > (layerOf(target) ?? Infinity)) return true;
  return NEIGHBOURS.some(([a, b]) => a === from && b === to);
}

/** What of the real world a file touches, in the words that WORLD's patterns match. */
function worldUses(source: Source): string[] {
  const found: string[] = importsOf(source)
    .filter((one) => one.from.startsWith('node:') && !one.isTypeOnly)
    .flatMap((one) => [one.from, `${one.from}:${one.name}`]);
  visit(source.tree, (node) => {
    if (ts.isPropertyAccessExpression(node)) found.push(node.getText());
    if (ts.isElementAccessExpression(node)) found.push(node.expression.getText());
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression))
      found.push(node.expression.text + (node.expression.text === 'Date' ? '(' : ''));
    if (ts.isNewExpression(node) && node.arguments?.length === 0)
      found.push(`new ${node.expression.getText()}()`);
  });
  return found;
}

function worldOffences(source: Source): string[] {
  if (isRoot(source.file) && folderOf(source.file) === '') return [];
  return WORLD.filter(({ inFiles }) => !inFiles.includes(source.file)).flatMap(({ what, uses }) =>
    worldUses(source)
      .filter((use) => uses.test(use))
      .map((use) => `${source.file} touches ${what}: ${use}`),
  );
}

describe('the layer rule', () => {
  it('holds in every file of src', () => {
    const sources = sourcesOf('src');
    expect(sources.length).toBeGreaterThan(0);
    expect(sources.flatMap(offences)).toEqual([]);
  });

  it.each([
    ['src/lib/a.ts', `import { b } from '../domain/b.ts';`],
    ['src/domain/a.ts', `import type { b } from '../protocol/b.ts';`],
    ['src/geo/a.ts', `export { b } from '../store/b.ts';`],
    ['src/store/a.ts', `const b = await import('../bus/b.ts');`],
    ['src/geo/a.ts', `let b: import('../store/b.ts').B;`],
    ['src/matching/a.ts', `import { b } from '../dispatch/b.ts';`],
    ['src/gateway/a.ts', `import { b } from '../config.ts';`],
    ['src/gateway/a.ts', `import { b } from '../store/trip-store-postgres.ts';`],
    ['src/store/a.ts', `import { b } from './trip-store-postgres.ts';`],
    ['src/gateway/a.ts', `import { b } from '../sim/b.ts';`],
    ['src/main.ts', `import { b } from '../test/b.ts';`],
    ['src/nowhere/a.ts', ``],
  ])('is broken by %s with %s', (file, text) => {
    expect(offences(parseText(file, text))).not.toEqual([]);
  });

  it.each([
    ['src/dispatch/a.ts', `import { b } from '../matching/b.ts';`],
    ['src/gateway/a.ts', `import { b } from '../domain/b.ts';`],
    ['src/store/trip-store-postgres.ts', `import { b } from './sql-postgres.ts';`],
    ['src/node.ts', `import { b } from './store/trip-store-postgres.ts';`],
    ['src/sim/a.ts', `import { b } from '../node.ts';`],
    ['src/geo/a.ts', `import { latLngToCell } from 'h3-js';`],
  ])('is kept by %s with %s', (file, text) => {
    expect(offences(parseText(file, text))).toEqual([]);
  });
});

describe('time, randomness and the environment', () => {
  it('are touched by one file each; the rest takes them as parameters', () => {
    expect(sourcesOf('src').flatMap(worldOffences)).toEqual([]);
  });

  it.each([
    `setTimeout(f, 1)`,
    `const t = new Date();`,
    `const t = performance.now();`,
    `import { setTimeout as sleep } from 'node:timers/promises';`,
    `import { randomUUID } from 'node:crypto';`,
    `import crypto from 'node:crypto';`,
    `const id = crypto.randomUUID();`,
    `const x = Math.random();`,
    `const url = process.env.URL;`,
    `const url = process.env['URL'];`,
    `const { URL } = process.env;`,
  ])('would be missed without this test: %s', (text) => {
    expect(worldOffences(parseText('src/geo/a.ts', text))).not.toEqual([]);
  });

  it.each([`const d = new Date(nowMs);`, `clock.after(1, f)`, `import { createHmac } from 'node:crypto';`])(
    'allow %s',
    (text) => {
      expect(worldOffences(parseText('src/geo/a.ts', text))).toEqual([]);
    },
  );
});
