import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VEHICLE_CLASSES } from '../../src/domain/vehicle.ts';
import { nearbyJson } from '../../src/rest/nearby-json.ts';

const degrees = (most: number) =>
  fc.integer({ min: -most * 1e5, max: most * 1e5 }).map((steps) => steps / 1e5);
const driver = fc.record({
  lat: degrees(90),
  lng: degrees(180),
  headingDeg: fc.option(fc.integer({ min: 0, max: 359 })),
  vehicleClass: fc.constantFrom(...VEHICLE_CLASSES),
  etaS: fc.integer({ min: 0, max: 100_000 }),
});

it('nearby’s bytes say what JSON.stringify would say', () => {
  fc.assert(
    fc.property(fc.array(driver, { maxLength: 50 }), (drivers) => {
      const text = Buffer.from(nearbyJson(drivers)).toString();
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
        const text = Buffer.from(
          nearbyJson([{ lat, lng, headingDeg: null, vehicleClass: 'economy', etaS: 1 }]),
        ).toString();
        const [told] = (JSON.parse(text) as { drivers: { lat: number; lng: number }[] }).drivers;
        expect(told!.lat).toBeCloseTo(lat, 5);
        expect(told!.lng).toBeCloseTo(lng, 5);
      },
    ),
    { numRuns: 2_000 },
  );
});

it('numbers that are not whole, negative or long, as another replica might tell, are written as they are', () => {
  for (const odd of [0.5, -3, 2 ** 31, 1e21, 2 ** 31 - 1]) {
    const told = {
      lat: -0.00001,
      lng: -180,
      headingDeg: odd,
      vehicleClass: 'accessible',
      etaS: odd,
    } as const;
    const drivers = Array.from({ length: 60 }, () => told);
    expect(JSON.parse(Buffer.from(nearbyJson(drivers)).toString())).toEqual({ drivers });
  }
});
