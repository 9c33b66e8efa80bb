import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveKey } from '../../src/lib/derived-key.ts';

const SECRET = Buffer.from('a secret of 32 bytes or even more');

describe('a derived key', () => {
  it('is HKDF’s (RFC 5869), step by step', () => {
    const extracted = createHmac('sha256', Buffer.alloc(32)).update(SECRET).digest();
    const info = Buffer.from('hexdispatch shares');
    const expanded = createHmac('sha256', extracted)
      .update(Buffer.concat([info, Buffer.of(1)]))
      .digest();
    expect(deriveKey(SECRET, 'shares').equals(expanded)).toBe(true);
  });

  it('is another one for each purpose and each secret', () => {
    const keys = [deriveKey(SECRET, 'a'), deriveKey(SECRET, 'b'), deriveKey(SECRET.subarray(1), 'a')];
    expect(new Set(keys.map((key) => key.toString('hex'))).size).toBe(3);
  });
});
