import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import { DRIVER_STATUSES } from '../../src/domain/driver-state.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { DriverSearch } from '../../src/geo/driver-search.ts';
import { NearestBuffer } from '../../src/geo/nearest-buffer.ts';
import { createAcceptance } from '../../src/matching/acceptance.ts';
import type { EligibilityRules } from '../../src/matching/eligibility.ts';
import { EligibleDrivers } from '../../src/matching/eligible-drivers.ts';
import { WeighedDrivers } from '../../src/matching/weighed-drivers.ts';
import { finish } from '../../src/matching/work.ts';
import { POLICY } from '../dispatch/downtown.ts';

const NOW_MS = 1_000_000;
const VEHICLE = { vehicleClass: 'economy', seats: 4 } as const;
const HORIZON_S = 45;

interface Cab {
  readonly lat: number;
  readonly lng: number;
  readonly status: (typeof DRIVER_STATUSES)[number];
  readonly freeInS: number;
  readonly silentMs: number;
}

/** Around San Francisco, Tromsø, and both sides of the antimeridian. */
const centre = fc.constantFrom([37.77, -122.42], [69.65, 18.95], [-17, 179.995]);
const offset = fc.double({ min: -0.04, max: 0.04, noNaN: true });
const cab = fc.record({
  lat: offset,
  lng: offset,
  status: fc.constantFrom(...DRIVER_STATUSES),
  freeInS: fc.integer({ min: 0, max: 120 }),
  silentMs: fc.constantFrom(0, 90_000),
});
const wrapped = (lng: number): number => ((lng + 540) % 360) - 180;

function townOf(cabs: readonly Cab[], [lat, lng]: readonly number[]): EligibilityRules {
  const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: 100 });
  const freeInS: number[] = [];
  cabs.forEach((one, n) => {
    const slot = index.add(`d${n}` as DriverId, VEHICLE, one.status, NOW_MS - one.silentMs);
    index.place(slot, lat! + one.lat, wrapped(lng! + one.lng));
    if (one.status === 'on_trip') index.setFree(slot, { lat: lat! + one.lat, lng: lng! });
    freeInS[slot] = one.freeInS;
  });
  return {
    index,
    staleMs: 60_000,
    isContested: () => false,
    freeInS: (slot) => freeInS[slot]!,
    horizonS: HORIZON_S,
  };
}

/** The list, or null when there are more than `max`. */
function survey(rules: EligibilityRules, max: number): EligibleDrivers | null {
  const eligible = new EligibleDrivers();
  const drivers = new WeighedDrivers();
  drivers.clear(rules.index.slotsEnd);
  const terms = { rules, acceptance: createAcceptance(10), policy: POLICY };
  return finish(eligible.survey(terms, drivers, NOW_MS, max)) ? eligible : null;
}

function found(buffer: NearestBuffer): [number, number][] {
  return Array.from({ length: buffer.count }, (_, i) => [buffer.slots[i]!, buffer.distancesM[i]!]);
}

describe('the list of eligible drivers', () => {
  it('finds whom the index finds, in the same order', () => {
    fc.assert(
      fc.property(
        // Up to several bands of the list.
        fc.array(cab, { maxLength: 90 }),
        centre,
        fc.record({
          lat: offset,
          lng: offset,
          radiusM: fc.integer({ min: 50, max: 9_000 }),
          max: fc.integer({ min: 1, max: 12 }),
        }),
        (cabs, at, asked) => {
          const rules = townOf(cabs, at);
          const { index } = rules;
          const accept = (slot: number): boolean => {
            const status = index.statusOf(slot);
            const isEligible =
              status === 'available' || (status === 'on_trip' && rules.freeInS(slot, NOW_MS) <= HORIZON_S);
            return isEligible && index.isFresh(slot, NOW_MS, rules.staleMs);
          };
          const place = { lat: at[0] + asked.lat, lng: wrapped(at[1] + asked.lng) };
          const query = { ...place, radiusM: asked.radiusM, max: asked.max, accept };
          const [listed, searched] = [new NearestBuffer(12), new NearestBuffer(12)];
          survey(rules, 100)!.nearest({ ...query, accept: () => true }, listed);
          new DriverSearch(index).nearest(query, searched);
          expect(found(listed)).toEqual(found(searched));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is given up when there are more than it is asked to hold (R10)', () => {
    const one: Cab = { lat: 0, lng: 0, status: 'available', freeInS: 0, silentMs: 0 };
    const rules = townOf([one, one, one], [37.77, -122.42]);
    expect(survey(rules, 2)).toBeNull();
    expect(survey(rules, 3)).not.toBeNull();
  });
});
