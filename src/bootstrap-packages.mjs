/** The system's packages: what is there, and installing more where that needs nobody's password. */
import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

import { step } from './bootstrap-step.mjs';

/** The program's file in the first folder of PATH that has it; null without. */
export function which(program) {
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

/** What goes before a command to run it as root: nothing, or sudo where it asks for no password. Null when neither works. */
export function privilege() {
  if (process.getuid() === 0) return [];
  if (which('sudo') === null) return null;
  try {
    execFileSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
    return ['sudo', '-n'];
  } catch {
    // It wants a password: then the person decides, not this program.
    return null;
  }
}

/** apt-get as root, without questions. */
function apt(asRoot) {
  // RUNLEVEL keeps the packages' scripts from starting a service where systemd is not in charge.
  const env = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1'];
  return [...asRoot, ...env, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=120'];
}

/** Fetches anew which packages there are. `hint` is what to do instead when it fails. */
export function refreshApt(asRoot, what, hint) {
  return step(`refreshing the system's list of packages (for ${what})`, [...apt(asRoot), 'update'], { hint });
}

/** Installs Debian packages and what they cannot do without. */
export function installDebian(asRoot, names, why, hint) {
  const install = ['install', '-y', '--no-install-recommends', ...names];
  const what = names.length === 1 ? 'the system package' : 'the system packages';
  return step(`installing ${what} ${names.join(', ')} (${why})`, [...apt(asRoot), ...install], { hint });
}
