import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createAcceptance } from '../../src/matching/acceptance.ts';
import { fairnessS, refusalS, UNMATCHED_S, unmatchedCost } from '../../src/matching/costs.ts';
import { adaptRadius } from '../../src/matching/search-radius.ts';
import { driverId, POLICY } from '../dispatch/downtown.ts';

describe('acceptance', () => {
  it('starts high, falls with each no, rises with each yes, and stays a probability', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 100 }), (answers) => {
        const acceptance = createAcceptance(10);
        for (const answer of answers) {
          const before = acceptance.rate(driverId(1));
          acceptance.answered(driverId(1), answer);
          const after = acceptance.rate(driverId(1));
          expect(answer ? after >= before : after < before).toBe(true);
          expect(after >= 0 && after <= 1).toBe(true);
        }
      }),
    );
  });

  it('remembers at most driversMax drivers (R10)', () => {
    const acceptance = createAcceptance(2);
    for (const n of [1, 2, 3]) acceptance.answered(driverId(n), false);
    expect(acceptance.rate(driverId(1))).toBe(createAcceptance(1).rate(driverId(1)));
    expect(acceptance.rate(driverId(3))).toBeLessThan(acceptance.rate(driverId(1)));
  });
});

describe('the search radius', () => {
  it('grows while few are free and shrinks while many are, within its bounds', () => {
    const policy = { ...POLICY, radiusM: 500, radiusMMax: 2_000 };
    const grown = [500, 1_000, 1_999, 2_000].map((radiusM) => adaptRadius(radiusM, 0, policy));
    expect(grown).toEqual([800, 1_600, 2_000, 2_000]);
    expect(adaptRadius(1_000, 50, policy)).toBe(800);
    expect(adaptRadius(550, 50, policy)).toBe(500);
  });

  it('stays where there are neither few nor many (hysteresis)', () => {
    for (const freeCount of [3, 8, 12]) expect(adaptRadius(700, freeCount, POLICY)).toBe(700);
  });
});

describe('cost terms', () => {
  it('a refusal costs half of an offer’s life times its chance', () => {
    expect(refusalS(0.8, { ...POLICY, offerTtlMs: 10_000 })).toBeCloseTo(1);
    expect(refusalS(1, POLICY)).toBe(0);
  });

  it('fairness grows with idle hours up to its ceiling, and is nothing for who is not idle', () => {
    const policy = { ...POLICY, fairnessSPerIdleHour: 40, fairnessSMax: 60 };
    expect([0, 3_600_000, 36_000_000, NaN].map((idleMs) => fairnessS(idleMs, policy))).toEqual([
      0, 40, 60, 0,
    ]);
  });

  it('leaving a starved request costs more than leaving any other', () => {
    const policy = { ...POLICY, starvationMs: 60_000 };
    expect(unmatchedCost(59_999, policy)).toBe(UNMATCHED_S);
    expect(unmatchedCost(60_000, policy)).toBeGreaterThan(UNMATCHED_S);
  });
});
