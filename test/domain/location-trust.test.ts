import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSuspect, type Misfixes, noteMisfix } from '../../src/domain/location-trust.ts';

const kinds = fc.constantFrom('refused' as const, 'jump' as const);
const play = (steps: readonly (readonly ['refused' | 'jump', number])[]): Misfixes | null => {
  let nowMs = 0;
  let misfixes: Misfixes | null = null;
  for (const [kind, afterMs] of steps) misfixes = noteMisfix(misfixes, kind, (nowMs += afterMs));
  return misfixes;
};

describe('trust in places', () => {
  it('is lost by three jumps or twelve refused fixes within a moment, and not by fewer', () => {
    const suspectAfter = (kind: 'refused' | 'jump', count: number) =>
      isSuspect(play(Array.from({ length: count }, () => [kind, 0]))!);
    expect([suspectAfter('jump', 2), suspectAfter('jump', 3)]).toEqual([false, true]);
    expect([suspectAfter('refused', 11), suspectAfter('refused', 12)]).toEqual([false, true]);
  });

  it('is never lost by one bad fix every ten minutes, however long', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 600_000, max: 1e7 }), { minLength: 1, maxLength: 300 }),
        (gaps) => {
          expect(isSuspect(play(gaps.map((ms) => ['refused', ms] as const))!)).toBe(false);
        },
      ),
    );
  });

  it('counts all, never less for more, and forgets with time', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kinds, fc.nat(1e6)), { minLength: 1, maxLength: 50 }),
        kinds,
        (steps, kind) => {
          const before = play(steps)!;
          expect(before.refused + before.jumps).toBe(steps.length);
          const soon = noteMisfix(before, kind, before.atMs);
          const later = noteMisfix(before, kind, before.atMs + 600_000);
          expect(soon.score).toBeGreaterThan(before.score);
          expect(later.score).toBeCloseTo(soon.score - before.score / 2);
        },
      ),
    );
  });
});
