import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MatchMode, MatchPolicy } from '../../src/domain/market.ts';
import { createAssignmentSolver } from '../../src/matching/assignment.ts';
import { Candidates } from '../../src/matching/candidates.ts';
import { choose } from '../../src/matching/choose.ts';
import { finish } from '../../src/matching/work.ts';
import { totalCost, UNMATCHED_S } from '../../src/matching/costs.ts';
import { Downtown, driverId, POLICY, tripId } from '../dispatch/downtown.ts';
import { statusInput } from '../../src/dispatch/dispatch-input.ts';

/** What a mode decides for requests and free drivers at these places, metres east of the centre; a second apart in age. */
function pairs(
  mode: MatchMode,
  requestsM: readonly number[],
  driversM: readonly number[],
  policy: Partial<MatchPolicy> = {},
): string[] {
  const town = new Downtown({ mode, ...policy });
  driversM.forEach((eastM, n) => town.driver(n, eastM));
  requestsM.forEach((eastM, n) => {
    town.request(n, eastM);
    town.nowMs += 1_000;
  });
  return town.tick(0).map(({ offer }) => `${offer.tripId.slice(5)}-${offer.driverId.slice(7)}`);
}

describe('choose', () => {
  // Riders at 0 and 300, drivers at 200 and 900: the nearest pair is the younger rider's, which leaves the older one far off.
  it('nearest makes the closest pair first', () => {
    expect(pairs('nearest', [0, 300], [200, 900])).toEqual(['0-1', '1-0']);
  });

  it('fifo gives the oldest request its nearest driver', () => {
    expect(pairs('fifo', [0, 300], [200, 900])).toEqual(['0-0', '1-1']);
  });

  // 0 to 200 and 300 to 900 cost 80 s; 300 to 200 and 0 to 900 cost 100 s.
  it('batch makes the least sum, though it is nobody’s closest pair', () => {
    expect(pairs('batch', [0, 300], [200, 900])).toEqual(['0-0', '1-1']);
  });

  it('broadcast asks several for the oldest, each driver once', () => {
    expect(pairs('broadcast', [0, 50], [10, 20, 30, 40], { broadcastWidth: 3 })).toEqual([
      '0-0',
      '0-1',
      '0-2',
      '1-3',
    ]);
  });

  it.each(['batch', 'nearest', 'fifo', 'broadcast'] as const)('%s matches nobody out of reach', (mode) => {
    expect(pairs(mode, [0], [1_500], { radiusM: 1_000, radiusMMax: 1_000 })).toEqual([]);
  });
});

/** The least total by trying everything: rows may stay unmatched at their price. */
function leastTotal(costs: readonly (readonly number[])[], row = 0, taken = new Set<number>()): number {
  if (row === costs.length) return 0;
  let least = UNMATCHED_S + leastTotal(costs, row + 1, taken);
  costs[row]!.forEach((cost, column) => {
    if (taken.has(column)) return;
    least = Math.min(least, cost + leastTotal(costs, row + 1, new Set([...taken, column])));
  });
  return least;
}

const placesM = (max: number) =>
  fc.array(fc.integer({ min: -2_000, max: 2_000 }), { minLength: 1, maxLength: max });

describe('batch', () => {
  it('is optimal, with drivers about to be free planned with and never committed (exhaustive search)', () => {
    fc.assert(
      fc.property(placesM(4), placesM(3), placesM(2), (requestsM, freeM, busyM) => {
        const town = new Downtown({ horizonS: 600, radiusM: 5_000 });
        freeM.forEach((eastM, n) => town.driver(n, eastM));
        busyM.forEach((eastM, i) => {
          const n = freeM.length + i;
          town.driver(n, eastM);
          const dropoff = town.trip(9, eastM + 100).pickup;
          const about = {
            status: 'on_trip',
            driverId: driverId(n),
            version: 4,
            acceptedMs: 1,
            dropoff,
          } as const;
          town.learn(statusInput(driverId(n), town.trip(100 + n, 0, about)));
        });
        const requests = requestsM.map((eastM, n) => ({
          ...town.trip(n, eastM),
          tripId: tripId(n),
          excluded: new Set<never>(),
          radiusM: 5_000,
        }));
        const candidates = new Candidates(POLICY.candidatesMax);
        finish(candidates.gather(town.state.weighing, requests, town.nowMs));
        const plan = finish(
          choose('batch', {
            candidates,
            requests,
            policy: town.state.market.match,
            solver: createAssignmentSolver(),
            nowMs: town.nowMs,
          }),
        );
        const made = [...plan.choices, ...plan.held];
        const total =
          made.reduce((sum, { at }) => sum + candidates.costs[at]!, 0) +
          (requests.length - made.length) * UNMATCHED_S;
        const matrix = requests.map((_, row) => {
          const costs = Array.from({ length: candidates.drivers.count }, () => Infinity);
          for (let at = candidates.rowStart[row]!; at < candidates.rowStart[row + 1]!; at++)
            costs[candidates.columns[at]!] = candidates.costs[at]!;
          return costs;
        });
        expect(total).toBeCloseTo(leastTotal(matrix), 6);
        for (const { at } of plan.choices) expect(candidates.drivers.isFree[candidates.columns[at]!]).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});

describe('costs', () => {
  it('add up in seconds: drive, waiting to be free, refusals to expect, less fairness', () => {
    expect(totalCost({ pickupS: 60, freeInS: 30, refusalS: 5, fairnessS: 20 })).toBe(75);
  });

  it('of a driver who often declines are higher by the time that asking in vain takes', () => {
    const town = new Downtown({ mode: 'nearest' });
    town.driver(0, 300);
    town.driver(1, -310);
    for (let n = 0; n < 10; n++) town.state.acceptance.answered(driverId(0), false);
    town.request(1, 0);
    expect(town.tick()).toMatchObject([{ offer: { driverId: driverId(1) } }]);
  });

  it('of a driver long idle are lower, up to the policy’s ceiling', () => {
    const idle = (fairnessSMax: number) => {
      const town = new Downtown({ fairnessSPerIdleHour: 60, fairnessSMax });
      town.driver(0, 600);
      town.nowMs += 3_600_000;
      town.driver(1, 300);
      town.hear(0, 600);
      town.request(1, 0);
      return town.tick()[0]?.offer.driverId;
    };
    expect([idle(10), idle(60)]).toEqual([driverId(1), driverId(0)]);
  });
});
