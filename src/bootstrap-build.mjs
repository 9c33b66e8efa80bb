/**
 * Builds dist: every TypeScript file by itself, types stripped, at the same place below dist as below src (`src/a/b.ts` becomes
 * `dist/a/b.js`), so that paths from a file to its neighbours hold in both. Bundles were tried: no faster to start at this
 * size, and they break exactly those paths. Files that are not TypeScript (Lua, HTML) are copied.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { build } from 'esbuild';

import { MissingPiece } from './bootstrap-step.mjs';

/** Folders of program code, and where their files go below dist. Benchmarks share some of the tests' generators. */
const SOURCES = { src: '', bench: 'bench', sdk: 'sdk', test: 'test' };
/** Not part of the program: the set-up, which runs before there is a dist, and the tests, which run without one. */
const isLeftOut = (file) => path.basename(file).startsWith('bootstrap') || file.endsWith('.test.ts');
const outputOf = (file) => {
  const [folder, ...rest] = file.split(path.sep);
  return path.join('dist', SOURCES[folder], ...rest).replace(/\.ts$/, '.js');
};

/** Builds if any source has changed since the last time; about 0.2 s for 200 files, 20 ms when there is nothing to do. */
export async function buildProgram(root) {
  const files = Object.keys(SOURCES)
    .flatMap((folder) => filesBelow(root, folder))
    .filter((file) => !isLeftOut(file));
  const key = keyOf(root, files);
  const stamp = path.join(root, 'dist', '.stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  const outputs = new Map();
  for (const file of files)
    if (!file.endsWith('.ts')) outputs.set(outputOf(file), readFileSync(path.join(root, file)));
  const programs = files.filter((file) => file.endsWith('.ts'));
  for (const { path: file, contents } of await transpile(root, programs))
    outputs.set(path.relative(root, file), contents);
  for (const [file, contents] of outputs) writeIfChanged(path.join(root, file), contents);
  for (const file of filesBelow(root, 'dist')) if (!outputs.has(file)) rmSync(path.join(root, file));
  writeFileSync(stamp, key);
}

function filesBelow(root, folder) {
  if (!existsSync(path.join(root, folder))) return [];
  const entries = readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name)))
    .sort();
}

/** Of the contents, not of the times: a checkout that goes back and forth must not run a stale program. */
function keyOf(root, files) {
  const hash = createHash('sha256');
  for (const file of ['tsconfig.json', 'package-lock.json', ...files])
    hash
      .update(`${file}\0`)
      .update(readFileSync(path.join(root, file)))
      .update('\0');
  return hash.digest('hex');
}

/** esbuild rewrites imports only where it resolves them: so it resolves each relative one, to the output and no further. */
async function transpile(root, files) {
  const rewriteImports = {
    name: 'rewrite-imports',
    setup(builder) {
      builder.onResolve({ filter: /^\.\.?\/.*\.ts$/ }, ({ path: wanted, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        const from = path.dirname(outputOf(path.relative(root, importer)));
        const to = outputOf(path.relative(root, path.resolve(path.dirname(importer), wanted)));
        const relative = path.relative(from, to).split(path.sep).join('/');
        return { path: relative.startsWith('.') ? relative : `./${relative}`, external: true };
      });
    },
  };
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: files.map((file) => ({
      in: file,
      out: outputOf(file).slice('dist/'.length, -'.js'.length),
    })),
    outdir: 'dist',
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    sourcesContent: false,
    plugins: [rewriteImports],
    write: false,
    logLevel: 'warning',
  }).catch((cause) => {
    if (!cause.errors) throw cause;
    throw new MissingPiece('the sources do not compile (see above)', 'build');
  });
  return outputFiles;
}

/** By renaming, so that a program that is starting never reads half a file. */
function writeIfChanged(file, contents) {
  if (existsSync(file) && readFileSync(file).equals(contents)) return;
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(`${file}.draft`, contents);
  renameSync(`${file}.draft`, file);
}
