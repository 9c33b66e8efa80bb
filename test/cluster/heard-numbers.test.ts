import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeardNumbers } from '../../src/cluster/heard-numbers.ts';
import type { ReplicaId } from '../../src/domain/ids.ts';

const [A, B] = ['aaaaaaaa', 'bbbbbbbb'] as [ReplicaId, ReplicaId];
const OVERDUE_MS = 500;

describe('the numbers of news', () => {
  it('R6: lets each frame through once and names every loss, whatever is lost or repeated', () => {
    const fate = fc.record({ times: fc.integer({ min: 0, max: 3 }), beat: fc.boolean() });
    fc.assert(
      fc.property(fc.array(fate, { maxLength: 60 }), fc.nat(50), (fates, earlier) => {
        const numbers = new HeardNumbers(OVERDUE_MS);
        numbers.told(A, earlier, 0);
        numbers.begin();
        const taken: number[] = [];
        /** Up to here every loss has been named. */
        let named = earlier;
        fates.forEach(({ times, beat }, i) => {
          const number = earlier + 1 + i;
          const nowMs = (i + 1) * 1_000;
          for (let n = 0; n < times; n++) {
            const { isNew, isLost } = numbers.heard(A, number);
            expect(isNew).toBe(n === 0);
            if (isNew) {
              expect(isLost).toBe(number > named + 1);
              taken.push(number);
              named = number;
            } else expect(isLost).toBe(false);
          }
          if (!beat) return;
          numbers.told(A, number, nowMs);
          expect(numbers.takeLost(nowMs + OVERDUE_MS - 1)).toBe(false);
          expect(numbers.takeLost(nowMs + OVERDUE_MS)).toBe(number > named);
          named = number;
        });
        expect(taken).toEqual(fates.flatMap(({ times }, i) => (times > 0 ? [earlier + 1 + i] : [])));
      }),
    );
  });

  it('waits for what may be on its way', () => {
    const numbers = new HeardNumbers(OVERDUE_MS);
    numbers.begin();
    numbers.told(A, 2, 0);
    numbers.heard(A, 1);
    numbers.heard(A, 2);
    expect(numbers.takeLost(10_000)).toBe(false);
    numbers.told(A, 3, 10_000);
    numbers.told(A, 4, 10_400);
    expect(numbers.takeLost(10_500)).toBe(true);
    // 4 was named later, by the next beat again.
    numbers.told(A, 4, 11_400);
    numbers.heard(A, 4);
    expect(numbers.takeLost(20_000)).toBe(false);
  });

  it('counts those met on the first roll from where they are, and takes what of it still arrives', () => {
    const numbers = new HeardNumbers(OVERDUE_MS);
    numbers.told(A, 70, 0);
    numbers.begin();
    expect(numbers.heard(A, 70)).toEqual({ isNew: true, isLost: false });
    expect(numbers.heard(A, 71)).toEqual({ isNew: true, isLost: false });
    expect(numbers.takeLost(10_000)).toBe(false);
  });

  it('expects who comes later from the first', () => {
    const numbers = new HeardNumbers(OVERDUE_MS);
    numbers.begin();
    expect(numbers.heard(A, 2)).toEqual({ isNew: true, isLost: true });
    numbers.told(B, 1, 0);
    expect(numbers.takeLost(OVERDUE_MS)).toBe(true);
    expect(numbers.takeLost(OVERDUE_MS)).toBe(false);
  });
});
