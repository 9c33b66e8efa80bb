import { describe, expect, it } from 'vitest';
import { latLngToCell } from 'h3-js';
import { inBounds } from '../../../src/domain/market.ts';
import { distanceM } from '../../../src/domain/place.ts';
import { localHour } from '../../../src/sim/city/city-speed.ts';
import { generateCity } from '../../../src/sim/city/generated.ts';
import { SF_FIGURES } from '../../../src/sim/city/sf-figures.ts';
import { parseDemandCell, quantileAt } from '../../../src/sim/city/sf-figures-shape.ts';
import { positionAt } from '../../../src/sim/city/trace.ts';

const HOUR_MS = 3_600_000;
const evening = generateCity({ seed: 7, durationMs: 4 * HOUR_MS });
const day = generateCity({ seed: 11, startHour: 0, durationMs: 24 * HOUR_MS });

describe('the generated city', () => {
  it('is the same to the bit for the same seed, and another for another', () => {
    const again = generateCity({ seed: 7, durationMs: 4 * HOUR_MS });
    expect(again).toEqual(evening);
    const other = generateCity({ seed: 8, durationMs: 4 * HOUR_MS });
    expect(other.rides[0]).not.toEqual(evening.rides[0]);
    expect(other.drivers[0]?.trace.lats[0]).not.toBe(evening.drivers[0]?.trace.lats[0]);
  });

  it('asks for as many rides per hour as were recorded (within 4.5 sigma of a Poisson count)', () => {
    const counts = new Array<number>(24).fill(0);
    for (const ride of day.rides) {
      const hour = localHour(ride.requestedMs, day.utcOffsetMs);
      counts[hour] = (counts[hour] as number) + 1;
    }
    counts.forEach((count, hour) => {
      const expected = SF_FIGURES.requestsByHour[hour] as number;
      expect(Math.abs(count - expected), `hour ${hour}`).toBeLessThan(4.5 * Math.sqrt(expected));
    });
  });

  it('picks up where riders are: every cell of the evening within 5 sigma of its share', () => {
    const late = generateCity({ seed: 3, startHour: 20, durationMs: 4 * HOUR_MS, demandFactor: 3 });
    const counts = new Map<string, number>();
    for (const { pickup } of late.rides) {
      const cell = latLngToCell(pickup.lat, pickup.lng, 8);
      counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
    const cells = SF_FIGURES.cells.map(parseDemandCell);
    const whole = cells.reduce((sum, cell) => sum + (cell.pickupWeights[4] as number), 0);
    for (const { cell, pickupWeights } of cells) {
      const expected = (late.rides.length * (pickupWeights[4] as number)) / whole;
      // Children of a cell reach a little over its edge, so a neighbour may get some of its rides.
      const tolerance = 5 * Math.sqrt(expected) + 0.15 * expected + 25;
      expect(Math.abs((counts.get(cell) ?? 0) - expected), cell).toBeLessThan(tolerance);
    }
  });

  it('has trips as long as the recorded ones: quartiles within 12 %, mean within 8 %', () => {
    const lengths = day.rides.map((ride) => distanceM(ride.pickup, ride.dropoff)).sort((a, b) => a - b);
    for (const share of [0.25, 0.5, 0.75]) {
      const ratio =
        (lengths[Math.floor(share * lengths.length)] as number) /
        quantileAt(SF_FIGURES.tripMQuantiles, share);
      expect(Math.abs(ratio - 1), `quantile ${share}`).toBeLessThan(0.12);
    }
    const mean = lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
    expect(Math.abs(mean / SF_FIGURES.meanTripM - 1)).toBeLessThan(0.08);
  });

  it('keeps every pickup, dropoff and fix inside the service area, and every ride inside its time', () => {
    for (const city of [evening, day]) {
      for (const ride of city.rides) {
        expect(inBounds(city.serviceArea, ride.pickup) && inBounds(city.serviceArea, ride.dropoff)).toBe(
          true,
        );
        expect(ride.requestedMs >= city.startMs && ride.requestedMs < city.endMs).toBe(true);
        expect([1, 2, 3, 4]).toContain(ride.seats);
      }
      for (const { trace } of city.drivers) {
        trace.lats.forEach((lat, index) => {
          if (!inBounds(city.serviceArea, { lat, lng: trace.lngs[index] as number }))
            expect.fail('a cab outside');
        });
      }
    }
  });

  it('sorts rides by time and gives every driver and ride an id of its own', () => {
    const times = evening.rides.map((ride) => ride.requestedMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Set(evening.rides.map((ride) => ride.rideId)).size).toBe(evening.rides.length);
    expect(new Set(evening.drivers.map((driver) => driver.driverId)).size).toBe(evening.drivers.length);
  });
});

describe('its cabs', () => {
  it('are as many as were on duty, hour by hour (within 6)', () => {
    for (let hour = 0; hour < 24; hour += 1) {
      const middleMs = day.startMs + (hour + 0.5) * HOUR_MS;
      const onDuty = day.drivers.filter(({ trace }) => positionAt(trace, middleMs) !== null).length;
      const expected = SF_FIGURES.cabsOnDutyByHour[hour] as number;
      expect(Math.abs(onDuty - expected), `hour ${hour}: ${onDuty}`).toBeLessThanOrEqual(6);
    }
  });

  it.each([0, 1, 37, 1200])(
    'are %i when the fleet is set so, and all on duty at the fullest moment',
    (fleet) => {
      const city = generateCity({ seed: 5, durationMs: 10 * 60_000, fleet });
      expect(city.drivers).toHaveLength(fleet);
      for (const driver of city.drivers) expect(driver.endsMs).toBeGreaterThan(driver.startsMs);
    },
  );

  it('move at speeds a cab can have, and stand about as large a share of the time as the recorded vacant ones', () => {
    let [stillMs, totalMs] = [0, 0];
    for (const { trace } of evening.drivers) {
      for (let index = 1; index < trace.timesMs.length; index += 1) {
        const [a, b] = [index - 1, index].map((at) => ({
          lat: trace.lats[at] as number,
          lng: trace.lngs[at] as number,
        })) as [{ lat: number; lng: number }, { lat: number; lng: number }];
        const elapsedMs = (trace.timesMs[index] as number) - (trace.timesMs[index - 1] as number);
        expect(elapsedMs).toBeGreaterThan(0);
        if (elapsedMs > trace.gapMsMax) continue;
        const movedM = distanceM(a, b);
        expect(movedM).toBeLessThanOrEqual(0.015 * elapsedMs);
        totalMs += elapsedMs;
        if (movedM < 30) stillMs += elapsedMs;
      }
    }
    const expected = (SF_FIGURES.idle.stillShareByHour[20] as number) - 0.02;
    expect(Math.abs(stillMs / totalMs - expected)).toBeLessThan(0.12);
  });
});
