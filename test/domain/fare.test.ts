import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { feeInstead, type FareTerms, NO_CHARGES, rideFare, totalMinor } from '../../src/domain/fare.ts';
import { isCurrency, minorDigits, roundHalfUp } from '../../src/domain/money.ts';

const TABLE = { baseMinor: 350, perKmMinor: 170, perMinuteMinor: 55, minimumMinor: 700 };
const PLAIN: FareTerms = { table: TABLE, surgeFactor: 1, fees: [], ...NO_CHARGES };

const amount = fc.integer({ min: 0, max: 100_000 });
const terms: fc.Arbitrary<FareTerms> = fc.record({
  table: fc.record({ baseMinor: amount, perKmMinor: amount, perMinuteMinor: amount, minimumMinor: amount }),
  surgeFactor: fc.integer({ min: 100, max: 500 }).map((percent) => percent / 100),
  fees: fc.array(fc.record({ kind: fc.constantFrom('toll', 'pickup_fee'), amountMinor: amount }), {
    maxLength: 3,
  }),
  cashStepMinor: fc.constantFrom(1, 5, 10, 50, 100),
  cancellationFeeMinor: amount,
  cancellationFreeMs: fc.constant(0),
  noShowFeeMinor: amount,
});
const distanceM = fc.double({ min: 0, max: 300_000, noNaN: true });
const durationS = fc.double({ min: 0, max: 36_000, noNaN: true });

describe('a fare', () => {
  it('is what it was before it had lines: base, distance and time rounded once, and never below the minimum', () => {
    fc.assert(
      fc.property(terms, distanceM, durationS, ({ table }, m, s) => {
        const metered = table.baseMinor + (table.perKmMinor * m) / 1000 + (table.perMinuteMinor * s) / 60;
        const before = Math.max(table.minimumMinor, Math.round(metered));
        expect(totalMinor(rideFare({ ...PLAIN, table }, m, s))).toBe(before);
      }),
    );
  });

  it('has whole lines, none below 0 but the rounding, which is less than a step, to a total of whole steps', () => {
    fc.assert(
      fc.property(terms, distanceM, durationS, (agreed, m, s) => {
        const lines = rideFare(agreed, m, s);
        for (const { kind, amountMinor } of lines) {
          expect(Number.isSafeInteger(amountMinor)).toBe(true);
          if (kind === 'rounding') expect(Math.abs(amountMinor)).toBeLessThan(agreed.cashStepMinor);
          else expect(amountMinor).toBeGreaterThanOrEqual(0);
        }
        expect(totalMinor(lines) % agreed.cashStepMinor).toBe(0);
        expect(totalMinor(lines)).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('never falls with distance, time or surge', () => {
    fc.assert(
      fc.property(terms, distanceM, durationS, distanceM, durationS, (agreed, m, s, moreM, moreS) => {
        const total = totalMinor(rideFare(agreed, m, s));
        expect(totalMinor(rideFare(agreed, m + moreM, s))).toBeGreaterThanOrEqual(total);
        expect(totalMinor(rideFare(agreed, m, s + moreS))).toBeGreaterThanOrEqual(total);
        const surged = { ...agreed, surgeFactor: agreed.surgeFactor + 0.1 };
        expect(totalMinor(rideFare(surged, m, s))).toBeGreaterThanOrEqual(total);
      }),
    );
  });

  it('surges the ride with its minimum, and not the fees; the factor is exact', () => {
    const fees = [{ kind: 'toll', amountMinor: 825, about: 'bridge' }] as const;
    expect(rideFare({ ...PLAIN, surgeFactor: 1.15, fees, cashStepMinor: 5 }, 1_000, 60)).toEqual([
      { kind: 'base', amountMinor: 350 },
      { kind: 'distance', amountMinor: 170 },
      { kind: 'time', amountMinor: 55 },
      { kind: 'minimum', amountMinor: 125 },
      { kind: 'surge', amountMinor: 105, about: '1.15' },
      { kind: 'toll', amountMinor: 825, about: 'bridge' },
    ]);
  });

  it('without a ride is the fee, as cash can pay it, or nothing', () => {
    const agreed = { ...PLAIN, cancellationFeeMinor: 501, noShowFeeMinor: 0, cashStepMinor: 5 };
    expect(feeInstead(agreed, 'cancellation')).toEqual([
      { kind: 'cancellation', amountMinor: 501 },
      { kind: 'rounding', amountMinor: -1 },
    ]);
    expect(feeInstead(agreed, 'no_show')).toEqual([]);
  });
});

describe('money', () => {
  it('has the digits of its currency', () => {
    expect(['USD', 'JPY', 'KWD'].map(minorDigits)).toEqual([2, 0, 3]);
    expect([isCurrency('EUR'), isCurrency('ZZZ')]).toEqual([true, false]);
  });

  it('is rounded half up', () => {
    expect([2.5, 2.49, -2.5, 0].map((one) => roundHalfUp(one))).toEqual([3, 2, -2, 0]);
    expect([102, 103, 7.5].map((one) => roundHalfUp(one, 5))).toEqual([100, 105, 10]);
  });
});
