import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isRefreshToken, refreshClaimIn, refreshTokenOf } from '../../src/accounts/refresh-token.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const claims = fc.record({ sessionId: fc.uuid(), generation: fc.integer({ min: 1, max: 2 ** 32 - 1 }) });

describe('a refresh token', () => {
  it('says its session and generation, and is good with its salt and any of the keys', () => {
    fc.assert(
      fc.property(claims, bytes(16), bytes(32), bytes(32), (claim, salt, key, older) => {
        const token = refreshTokenOf(claim, salt, older);
        expect(refreshClaimIn(token)).toEqual(claim);
        expect(isRefreshToken(token, salt, [key, older])).toBe(true);
      }),
    );
  });

  it('is none with another salt, another key, or any bit changed', () => {
    fc.assert(
      fc.property(claims, bytes(16), bytes(32), fc.nat(52 * 8 - 1), (claim, salt, key, bit) => {
        const token = refreshTokenOf(claim, salt, key);
        const flip = (from: Uint8Array, at: number) => {
          const changed = Buffer.from(from);
          changed[at >> 3]! ^= 1 << (at & 7);
          return changed;
        };
        expect(isRefreshToken(token, flip(salt, bit % 128), [key])).toBe(false);
        expect(isRefreshToken(token, salt, [flip(key, bit % 256)])).toBe(false);
        const forged = flip(Buffer.from(token, 'base64url'), bit).toString('base64url');
        expect(refreshClaimIn(forged)).not.toBeNull();
        expect(isRefreshToken(forged, salt, [key])).toBe(false);
      }),
    );
  });

  it('is not seen in what is none', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (text) => {
        fc.pre(!/^[\w-]{70}$/.test(text));
        expect(refreshClaimIn(text)).toBeNull();
      }),
    );
  });
});
