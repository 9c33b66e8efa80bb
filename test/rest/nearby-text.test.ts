import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VEHICLE_CLASSES } from '../../src/domain/vehicle.ts';
import { nearbyText } from '../../src/rest/nearby-text.ts';

const degrees = (most: number) =>
  fc.integer({ min: -most * 1e5, max: most * 1e5 }).map((steps) => steps / 1e5);
const driver = fc.record({
  lat: degrees(90),
  lng: degrees(180),
  headingDeg: fc.option(fc.integer({ min: 0, max: 359 })),
  vehicleClass: fc.constantFrom(...VEHICLE_CLASSES),
  etaS: fc.integer({ min: 0, max: 100_000 }),
});

it('nearby’s text says what JSON.stringify would say', () => {
  fc.assert(
    fc.property(fc.array(driver, { maxLength: 50 }), (drivers) => {
      const text = nearbyText(drivers);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify({ drivers })));
    }),
    { numRuns: 2_000 },
  );
});

it('no vehicle class holds what JSON would escape', () => {
  for (const vehicleClass of VEHICLE_CLASSES) expect(JSON.stringify(vehicleClass)).toBe(`"${vehicleClass}"`);
});

it('places with more decimals are told to five, the nearest', () => {
  fc.assert(
    fc.property(
      fc.double({ min: -90, max: 90, noNaN: true }),
      fc.double({ min: -180, max: 180, noNaN: true }),
      (lat, lng) => {
        const text = nearbyText([{ lat, lng, headingDeg: null, vehicleClass: 'economy', etaS: 1 }]);
        const [told] = (JSON.parse(text) as { drivers: { lat: number; lng: number }[] }).drivers;
        expect(told!.lat).toBeCloseTo(lat, 5);
        expect(told!.lng).toBeCloseTo(lng, 5);
      },
    ),
    { numRuns: 2_000 },
  );
});
