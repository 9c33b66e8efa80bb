/** Redis for private runs: no npm package ships its program, so the system's packages must. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

import { installDebian, privilege, refreshApt, which } from './bootstrap-packages.mjs';
import { MissingPiece, step } from './bootstrap-step.mjs';

/** Sharded pub/sub and `set-proc-title` came with it. */
const REDIS_MAJOR_MIN = 7;

/** How to get it, where this program may not do it itself: first the system's program that is there, then what to type. */
const BY_HAND = {
  'apt-get': 'sudo apt-get install redis-server',
  dnf: 'sudo dnf install redis',
  apk: 'sudo apk add redis',
  pacman: 'sudo pacman -S redis',
  zypper: 'sudo zypper install redis',
};

const WHY = 'the run needs a Redis of its own';

/** Makes sure that there is a redis-server on PATH, new enough; installs it where that needs nobody's password. */
export async function ensureRedis() {
  if (which('redis-server') === null) await installRedis();
  const file = which('redis-server');
  if (file === null)
    throw new MissingPiece('redis-server was installed but is not on PATH: add its folder, or set REDIS_URL');
  const version = execFileSync(file, ['--version'], { encoding: 'utf8' });
  const major = Number(/v=(\d+)/.exec(version)?.[1]);
  if (major < REDIS_MAJOR_MIN)
    throw new MissingPiece(
      `Redis ${REDIS_MAJOR_MIN} or newer is needed and ${file} is "${version.trim()}": replace it, or set REDIS_URL`,
    );
}

async function installRedis() {
  if (which('brew') !== null)
    return step(`installing redis with Homebrew (${WHY})`, ['brew', 'install', 'redis']);
  const asRoot = which('apt-get') === null ? null : privilege();
  if (asRoot !== null) return installWithApt(asRoot);
  const manager = Object.keys(BY_HAND).find((name) => which(name) !== null);
  const how = manager ? `install it with "${BY_HAND[manager]}"` : 'install Redis';
  throw new MissingPiece(`redis-server is missing (${WHY}): ${how}, or set REDIS_URL to one that runs`);
}

async function installWithApt(asRoot) {
  const hint = `or install redis-server yourself, or set REDIS_URL`;
  await refreshApt(asRoot, 'redis-server', hint);
  await installDebian(asRoot, ['redis-server'], WHY, hint);
  // The package starts a service for the whole machine, on the usual port; nobody here asked for that.
  if (existsSync('/run/systemd/system'))
    await step('stopping the system-wide service that came with it', [
      ...asRoot,
      'systemctl',
      'disable',
      '--now',
      'redis-server',
    ]);
}
