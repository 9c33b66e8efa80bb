import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaProblem, isInside } from '../../src/domain/area.ts';
import { feesOfPlaces, forbiddingPickup } from '../../src/domain/district.ts';
import type { Place } from '../../src/domain/place.ts';

const corner = (lat: number, lng: number): Place => ({ lat, lng });
/** A box of degrees. */
const box = (south: number, west: number, size: number): Place[] => [
  corner(south, west),
  corner(south, west + size),
  corner(south + size, west + size),
  corner(south + size, west),
];
const unit = fc.double({ min: 0, max: 1, noNaN: true });

describe('an area', () => {
  it('holds what lies within it, whichever way round its corners go', () => {
    const star = fc.record({
      lat: fc.double({ min: -60, max: 60, noNaN: true }),
      lng: fc.double({ min: -170, max: 170, noNaN: true }),
      radii: fc.array(fc.double({ min: 0.5, max: 1, noNaN: true }), { minLength: 3, maxLength: 30 }),
      turned: fc.boolean(),
    });
    fc.assert(
      fc.property(star, unit, unit, ({ lat, lng, radii, turned }, far, turn) => {
        const at = (radius: number, angle: number): Place =>
          corner(lat + radius * Math.sin(angle), lng + radius * Math.cos(angle));
        const corners = radii.map((radius, i) => at(radius, (2 * Math.PI * i) / radii.length));
        const area = turned ? corners.toReversed() : corners;
        expect(areaProblem(area)).toBeNull();
        // The straight edge between two corners comes no nearer to the middle than this.
        const inner = 0.5 * Math.cos(Math.PI / radii.length);
        expect(isInside(area, at(far * inner * 0.99, 2 * Math.PI * turn))).toBe(true);
        expect(isInside(area, at(1.01 + far, 2 * Math.PI * turn))).toBe(false);
      }),
    );
  });

  it('is told from what is none', () => {
    expect(areaProblem(box(0, 0, 1).slice(0, 2))).toBe('needs 3 corners or more');
    const [a, b, c, d] = box(0, 0, 1);
    expect(areaProblem([a!, c!, b!, d!])).toBe(
      'crosses itself: the edge from corner 1 and the one from corner 3',
    );
    expect(areaProblem([corner(0, 0), corner(1, 1), corner(2, 2)])).toBe('has nothing inside');
  });
});

describe('the rules of places', () => {
  const airport = { name: 'airport', area: box(0, 0, 1), pickupFeeMinor: 500, dropoffFeeMinor: 300 };
  const kerb = { name: 'kerb', area: box(0.4, 0.4, 0.2), pickupFeeMinor: 0, dropoffFeeMinor: 0 };
  const rules = {
    districts: [
      { ...airport, isPickupForbidden: false },
      { ...kerb, isPickupForbidden: true },
    ],
    tolls: [{ name: 'bridge', from: box(0, 0, 1), to: box(2, 2, 1), amountMinor: 825 }],
  };
  const [inAirport, atKerb, across] = [corner(0.1, 0.1), corner(0.5, 0.5), corner(2.5, 2.5)];

  it('add the fees of both ends, and tolls one way', () => {
    expect(feesOfPlaces(rules, inAirport, across)).toEqual([
      { kind: 'pickup_fee', amountMinor: 500, about: 'airport' },
      { kind: 'toll', amountMinor: 825, about: 'bridge' },
    ]);
    expect(feesOfPlaces(rules, across, atKerb)).toEqual([
      { kind: 'dropoff_fee', amountMinor: 300, about: 'airport' },
    ]);
  });

  it('forbid pickups, not dropoffs', () => {
    expect(forbiddingPickup(rules, atKerb)?.name).toBe('kerb');
    expect(forbiddingPickup(rules, inAirport)).toBeUndefined();
  });
});
