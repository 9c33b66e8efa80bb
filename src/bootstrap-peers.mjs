/**
 * Debian packages of the peers that the benchmark holds the engine against. Never needed: where they are not to be had, the benchmark
 * leaves those peers out and says so.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

import { installDebian, privilege, refreshApt, which } from './bootstrap-packages.mjs';
import { MissingPiece } from './bootstrap-step.mjs';

const PACKAGES = [
  // The sparse and dense solvers of the row `assignment`.
  'python3-scipy',
  // The Django Channels server of the other rows, set up as a competent engineer would.
  ...['python3-django', 'python3-django-channels', 'daphne', 'python3-channels-redis'],
  ...['python3-redis', 'python3-hiredis', 'python3-wsaccel', 'python3-uvloop'],
];
/** Runs that measure no peer of these, or must be quick, or must not change the machine. */
const WITHOUT = ['--quick', '--no-install', '--list', '--help', '--plots-only'];
const HINT = 'the benchmark leaves out the peers that need them';

/** Installs what is missing, where this is Debian and needs nobody's password; never fails. */
export async function ensurePeers(root, args) {
  if (args.some((arg) => WITHOUT.includes(arg))) return;
  if (which('apt-get') === null || which('dpkg-query') === null) return;
  const missing = PACKAGES.filter((name) => !isInstalled(name));
  const triedFile = path.join(root, '.data', 'peers-tried');
  // Once is enough: with no network each attempt takes a while.
  if (
    missing.length === 0 ||
    (existsSync(triedFile) && readFileSync(triedFile, 'utf8') === missing.join(' '))
  )
    return;
  const asRoot = privilege();
  if (asRoot === null) {
    console.error(`set-up: for the peers in Python: sudo apt-get install ${missing.join(' ')} (${HINT})`);
    return;
  }
  console.error(
    'set-up: packages of peers for the benchmark; may take minutes, once (--no-install does without)',
  );
  try {
    await refreshApt(asRoot, "the benchmark's peers", HINT);
    const offered = missing.filter(isOffered);
    if (offered.length > 0) await installDebian(asRoot, offered, "peers of the benchmark's", HINT);
  } catch (cause) {
    if (!(cause instanceof MissingPiece)) throw cause;
    console.error(`set-up: ${cause.message}`);
  }
  const left = PACKAGES.filter((name) => !isInstalled(name));
  if (left.length === 0) return;
  mkdirSync(path.dirname(triedFile), { recursive: true });
  writeFileSync(triedFile, left.join(' '));
  console.error(`set-up: not installed: ${left.join(', ')}; not tried again until ${triedFile} is removed`);
}

function isInstalled(name) {
  return answers(['dpkg-query', '-W', '-f=${db:Status-Status}', name]) === 'installed';
}

/** Whether this release of the system has the package: one that it does not know would stop all the others. */
function isOffered(name) {
  return answers(['apt-cache', 'show', '--no-all-versions', name]) !== '';
}

/** What a program prints; nothing when it says no. */
function answers([command, ...args]) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (cause) {
    if (typeof cause.status !== 'number') throw cause;
    return '';
  }
}
