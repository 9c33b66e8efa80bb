import fc from 'fast-check';
import { expect, it } from 'vitest';
import { statusInput } from '../../src/dispatch/dispatch-input.ts';
import { distanceM } from '../../src/domain/place.ts';
import { Candidates } from '../../src/matching/candidates.ts';
import { chooseClosest, chooseOldest } from '../../src/matching/choose-greedily.ts';
import { ruleOut } from '../../src/matching/eligibility.ts';
import type { MatchRequest } from '../../src/matching/match-request.ts';
import { finish } from '../../src/matching/work.ts';
import { Downtown, driverId, POLICY, tripId } from '../dispatch/downtown.ts';

const placeM = fc.integer({ min: -3_000, max: 3_000 });
/** With one request and so many drivers the index is searched, with more requests the list of eligible drivers. */
const drivers = fc.array(
  fc.record({
    eastM: placeM,
    status: fc.constantFrom('available', 'available', 'on_trip', 'offered', 'silent'),
  }),
  { maxLength: 90 },
);
const requests = fc.array(
  fc.record({ eastM: placeM, radiusM: fc.integer({ min: 100, max: 4_000 }), excluded: fc.nat(90) }),
  { minLength: 1, maxLength: 6 },
);
type Drivers = typeof drivers extends fc.Arbitrary<infer T> ? T : never;
type Requests = typeof requests extends fc.Arbitrary<infer T> ? T : never;

function gathered(
  cabs: Drivers,
  rides: Requests,
): { town: Downtown; asked: MatchRequest[]; made: Candidates } {
  const town = new Downtown({ horizonS: 60 });
  cabs.forEach(({ eastM, status }, n) => {
    town.driver(n, eastM);
    const slot = town.state.index.slotOf(driverId(n));
    if (status === 'offered') town.state.index.setStatus(slot, 'offered', town.nowMs);
    if (status === 'silent') town.state.index.columns.receivedMs[slot] = town.nowMs - 3_600_000;
    if (status !== 'on_trip') return;
    const ride = { status, driverId: driverId(n), version: 4, acceptedMs: 1 } as const;
    const dropoff = town.trip(0, eastM + 8 * n).pickup;
    town.learn(statusInput(driverId(n), town.trip(100 + n, 0, { ...ride, dropoff })));
  });
  const asked = rides.map(({ eastM, radiusM, excluded }, n) => ({
    ...town.trip(n, eastM, { requestedMs: town.nowMs - (n % 3) * 1_000 }),
    ...{ tripId: tripId(n), excluded: new Set([driverId(excluded)]), radiusM },
  }));
  const made = new Candidates(POLICY.candidatesMax);
  finish(made.gather(town.state.weighing, asked, town.nowMs));
  return { town, asked, made };
}

it('candidates are the nearest of those not ruled out, whichever way they are found', () => {
  fc.assert(
    fc.property(drivers, requests, (cabs, rides) => {
      const { town, asked, made } = gathered(cabs, rides);
      const { index, weighing } = town.state;
      asked.forEach((request, row) => {
        const found: number[] = [];
        for (let at = made.rowStart[row]!; at < made.rowStart[row + 1]!; at++)
          found.push(made.drivers.slots[made.columns[at]!]!);
        const nearest = Array.from({ length: index.slotsEnd }, (_, slot) => ({
          slot,
          awayM: distanceM(request.pickup, index.placeOf(slot)!),
        }))
          .filter(({ slot, awayM }) => {
            const isNear = awayM <= request.radiusM;
            return isNear && ruleOut(weighing.rules, request, slot, town.nowMs) === null;
          })
          .sort((a, b) => a.awayM - b.awayM || a.slot - b.slot)
          .slice(0, POLICY.candidatesMax);
        expect(found).toEqual(nearest.map(({ slot }) => slot));
      });
    }),
    { numRuns: 200 },
  );
});

it('greedy modes make what going through all pairs in order makes', () => {
  fc.assert(
    fc.property(drivers, requests, fc.integer({ min: 1, max: 3 }), (cabs, rides, width) => {
      const { asked, made } = gathered(cabs, rides);
      const pairs = asked.flatMap((_, row) => {
        const ats = Array.from(
          { length: made.rowStart[row + 1]! - made.rowStart[row]! },
          (_, i) => made.rowStart[row]! + i,
        );
        return ats.filter((at) => made.drivers.isFree[made.columns[at]!] === 1).map((at) => ({ row, at }));
      });
      const take = (sorted: typeof pairs, perRow: number): typeof pairs => {
        const [taken, got] = [new Set<number>(), new Map<number, number>()];
        const chosen = sorted.filter(({ row, at }) => {
          const column = made.columns[at]!;
          if (taken.has(column) || (got.get(row) ?? 0) >= perRow) return false;
          taken.add(column);
          got.set(row, (got.get(row) ?? 0) + 1);
          return true;
        });
        return chosen.sort((a, b) => a.row - b.row || a.at - b.at);
      };
      const cost = ({ at }: { at: number }): number => made.costs[at]!;
      const byCost = [...pairs].sort((a, b) => cost(a) - cost(b) || a.row - b.row || a.at - b.at);
      expect(finish(chooseClosest(made))).toEqual(take(byCost, 1));
      const asks = ({ row }: { row: number }): number => asked[row]!.requestedMs;
      const byAge = [...byCost].sort((a, b) => asks(a) - asks(b) || a.row - b.row);
      expect(finish(chooseOldest(made, asked, width))).toEqual(take(byAge, width));
    }),
    { numRuns: 200 },
  );
});
