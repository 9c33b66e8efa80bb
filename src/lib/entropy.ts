import { randomBytes } from 'node:crypto';

/**
 * A word nobody can guess, for passwords and for names that must not clash: `bytes` from the operating system's generator as
 * lower-case hex (2 characters a byte), safe in URLs, file names and SQL names. For what a seed need not repeat; decisions
 * take a Prng.
 */
export function randomToken(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
