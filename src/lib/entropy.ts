import { randomBytes, randomInt } from 'node:crypto';

/**
 * A word nobody can guess, for passwords and for names that must not clash: `bytes` from the operating system's generator as
 * lower-case hex (2 characters a byte), safe in URLs, file names and SQL names. For what a seed need not repeat; decisions
 * take a Prng.
 */
export function randomToken(bytes: number): string {
  return secretBytes(bytes).toString('hex');
}

/** Bytes from the operating system's generator, for keys and nonces. */
export const secretBytes = (bytes: number): Buffer => randomBytes(bytes);

/** A UUID of version 7 (RFC 9562): 48 bits of `nowMs`, 74 random bits, so that ids made later sort later. */
export function randomUuidV7(nowMs: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes[6] = 0x70 | (bytes[6]! & 0x0f);
  bytes[8] = 0x80 | (bytes[8]! & 0x3f);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Four decimal digits, uniform. */
export function randomPin(): string {
  return String(randomInt(10_000)).padStart(4, '0');
}

/** Six decimal digits, uniform. */
export function randomSignInCode(): string {
  return String(randomInt(1_000_000)).padStart(6, '0');
}
