import { describe, expect, it } from 'vitest';
import { totpStep, totpUri } from '../../src/accounts/totp.ts';

/** The secret and the codes of RFC 6238, appendix B (SHA-1), to six digits. */
const SECRET = Buffer.from('12345678901234567890');
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
] as const;

describe('a code', () => {
  it.each(VECTORS)('is the one of RFC 6238 at %i s', (atS, code) => {
    expect(totpStep(SECRET, code, atS * 1_000)).toBe(Math.floor(atS / 30));
  });

  it.each(VECTORS)('of %i s is good one step before and after, and no longer', (atS, code) => {
    const step = Math.floor(atS / 30);
    const at = (steps: number) => totpStep(SECRET, code, (step + steps) * 30_000 + 5_000);
    expect([at(-2), at(-1), at(0), at(1), at(2)]).toEqual([null, step, step, step, null]);
  });

  it.each(['', '28708', '2870820', '28708x', ' 287082', '２８７０８２'])('is not: %j', (code) => {
    expect(totpStep(SECRET, code, 59_000)).toBeNull();
  });
});

it('a code app is told all it needs', () => {
  const url = new URL(totpUri(SECRET, 'ann@example.com'));
  expect(decodeURIComponent(url.pathname)).toContain('hexdispatch:ann@example.com');
  expect(url.searchParams.get('secret')).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  expect([url.searchParams.get('digits'), url.searchParams.get('period')]).toEqual(['6', '30']);
});
