import { hkdfSync } from 'node:crypto';

/**
 * A key of 32 bytes for one purpose (HKDF with SHA-256, RFC 5869): who learns of it learns nothing of the secret, nor of the keys for other
 * purposes. The same on every replica that has the secret.
 */
export function deriveKey(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, new Uint8Array(0), `hexdispatch ${purpose}`, 32));
}
