import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createPrng } from '../../../src/lib/prng.ts';
import { type Fault, planFaults } from '../../../src/sim/chaos/schedule.ts';

const MINUTE_MS = 60_000;
const plan = (seed: number, replicas: number, forMs: number): Fault[] =>
  planFaults({ prng: createPrng(seed), replicas, forMs });

/** Replicas with a fault of their own at that moment. */
const busyAt = (faults: readonly Fault[], atMs: number): Set<number> =>
  new Set(
    faults.flatMap((fault) =>
      fault.replica !== null && fault.atMs <= atMs && fault.atMs + fault.forMs >= atMs ? [fault.replica] : [],
    ),
  );

describe('the faults of a run', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(plan(7, 3, MINUTE_MS)).toEqual(plan(7, 3, MINUTE_MS));
    expect(plan(7, 3, MINUTE_MS)).not.toEqual(plan(8, 3, MINUTE_MS));
  });

  it('are in order, over in time, never of all replicas at once, one of a store at a time', () => {
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 1, max: 5 }), (seed, replicas) => {
        const faults = plan(seed, replicas, 3 * MINUTE_MS);
        faults.forEach((fault, index) => {
          expect(fault.atMs).toBeGreaterThanOrEqual(faults[index - 1]?.atMs ?? 0);
          expect(fault.atMs + fault.forMs).toBeLessThanOrEqual(3 * MINUTE_MS + 1);
          if (fault.replica !== null)
            expect(busyAt(faults, fault.atMs).size).toBeLessThanOrEqual(Math.max(1, replicas - 1));
        });
        const ofStores = faults.filter(({ replica }) => replica === null);
        ofStores.forEach((fault, index) =>
          expect(fault.atMs - (ofStores[index - 1]?.atMs ?? -Infinity)).toBeGreaterThan(1_000),
        );
      }),
      { numRuns: 200 },
    );
  });

  it('hold more than 30 kills in 10 minutes, and one of every kind', () => {
    for (let seed = 0; seed < 50; seed++) {
      const kinds = plan(seed, 3, 10 * MINUTE_MS).map(({ kind }) => kind);
      expect(kinds.filter((kind) => kind === 'kill').length).toBeGreaterThanOrEqual(30);
      expect(new Set(kinds).size).toBeGreaterThanOrEqual(14);
    }
  });
});
