import { createHmac, timingSafeEqual } from 'node:crypto';

/** What a refresh token says, once it is known to be one of ours. */
export interface RefreshClaim {
  readonly sessionId: string;
  readonly generation: number;
}

const ID_BYTES = 16;
const HEAD_BYTES = ID_BYTES + 4;
const MAC_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{70}$/;

/**
 * A refresh token: the session's id, its generation, and a keyed hash of both with the session's salt, as base64url. Nothing of it need be kept,
 * and none can be made without the key and the salt; one of an earlier generation is known for what it is.
 */
export function refreshTokenOf(claim: RefreshClaim, salt: Uint8Array, key: Uint8Array): string {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(claim.sessionId.replaceAll('-', ''), 'hex');
  head.writeUInt32BE(claim.generation, ID_BYTES);
  return Buffer.concat([head, macOf(head, salt, key)]).toString('base64url');
}

/** What the text claims to be, not proven yet; null when it is no refresh token at all. */
export function refreshClaimIn(token: string): RefreshClaim | null {
  if (!TOKEN.test(token)) return null;
  const bytes = Buffer.from(token, 'base64url');
  if (bytes.length !== HEAD_BYTES + MAC_BYTES) return null;
  const hex = bytes.toString('hex', 0, ID_BYTES);
  const sessionId = [0, 8, 12, 16, 20].map((at, n, all) => hex.slice(at, all[n + 1])).join('-');
  return { sessionId, generation: bytes.readUInt32BE(ID_BYTES) };
}

/** Whether one of the keys has made the token for the session of this salt. */
export function isRefreshToken(token: string, salt: Uint8Array, keys: readonly Uint8Array[]): boolean {
  const bytes = Buffer.from(token, 'base64url');
  const head = bytes.subarray(0, HEAD_BYTES);
  return keys.some((key) => timingSafeEqual(macOf(head, salt, key), bytes.subarray(HEAD_BYTES)));
}

function macOf(head: Uint8Array, salt: Uint8Array, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(salt).update(head).digest();
}
