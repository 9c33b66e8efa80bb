/** Redis for private runs: no npm package ships its program, so the system's packages must. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import path from 'node:path';

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

/** The program's file in the first folder of PATH that has it; null without. */
function which(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const folder of folders.filter((name) => name !== '')) {
    const file = path.join(folder, program);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch (cause) {
      if (!['ENOENT', 'EACCES', 'ENOTDIR'].includes(cause.code)) throw cause;
    }
  }
  return null;
}

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
  const privilege = process.getuid() === 0 ? [] : mayUseSudo() ? ['sudo', '-n'] : null;
  if (which('apt-get') !== null && privilege !== null) return installWithApt(privilege);
  const manager = Object.keys(BY_HAND).find((name) => which(name) !== null);
  const how = manager ? `install it with "${BY_HAND[manager]}"` : 'install Redis';
  throw new MissingPiece(`redis-server is missing (${WHY}): ${how}, or set REDIS_URL to one that runs`);
}

function mayUseSudo() {
  if (which('sudo') === null) return false;
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    // It wants a password: then the person decides, not this program.
    return false;
  }
}

async function installWithApt(privilege) {
  // RUNLEVEL keeps the package's scripts from starting a service where systemd is not in charge.
  const apt = [
    ...privilege,
    'env',
    'DEBIAN_FRONTEND=noninteractive',
    'RUNLEVEL=1',
    'apt-get',
    '-q',
    '-o',
    'DPkg::Lock::Timeout=120',
  ];
  const hint = `or install redis-server yourself, or set REDIS_URL`;
  await step("refreshing the system's list of packages (for redis-server)", [...apt, 'update'], { hint });
  const install = ['install', '-y', '--no-install-recommends', 'redis-server'];
  await step(`installing the system package redis-server (${WHY})`, [...apt, ...install], { hint });
  // The package starts a service for the whole machine, on the usual port; nobody here asked for that.
  if (existsSync('/run/systemd/system'))
    await step('stopping the system-wide service that came with it', [
      ...privilege,
      'systemctl',
      'disable',
      '--now',
      'redis-server',
    ]);
}
