import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The system's own first: only it sees the packages of the distribution (`python3` on PATH may be another one). */
const PYTHONS = ['/usr/bin/python3', 'python3'];
const IMPORT_MS_MAX = 30_000;
/** Exit codes that mean no: Python's own after an uncaught exception (a module is not there), and that of a shim with no Python behind it. */
const NOES: readonly unknown[] = ['ENOENT', 1, 127];

/**
 * A Python 3 that can import all of `modules` (`['scipy.optimize']`, `['channels', 'daphne']`): its path, or the name to be found on PATH.
 * Null without one: then a peer that needs it is skipped. `pythons` are the ones to try, in order. Rejects when a Python is there but cannot be asked.
 */
export async function pythonWith(modules: readonly string[], pythons = PYTHONS): Promise<string | null> {
  for (const python of pythons) if (await canImport(python, modules)) return python;
  return null;
}

async function canImport(python: string, modules: readonly string[]): Promise<boolean> {
  try {
    await run(python, ['-c', modules.map((name) => `import ${name}\n`).join('')], { timeout: IMPORT_MS_MAX });
    return true;
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    if (NOES.includes(code)) return false;
    throw new Error(`${python} cannot be asked for ${modules.join(', ')}`, { cause });
  }
}
