import { describe, expect, it } from 'vitest';
import { fitOtherCities } from '../../../bench/fit/other-cities-fit.ts';
import { fitSanFrancisco } from '../../../bench/fit/sf-fit.ts';
import { inBounds } from '../../../src/domain/market.ts';
import { distanceM } from '../../../src/domain/place.ts';
import type { City } from '../../../src/sim/city/city.ts';
import { STAY_MS } from '../../../src/sim/city/city.ts';
import { driveTimeS, localHour, straightSpeedMps } from '../../../src/sim/city/city-speed.ts';
import { CITY_SPEEDS } from '../../../src/sim/city/city-speeds.ts';
import { CITY_NAMES, CITY_RECORDS, loadCity } from '../../../src/sim/city/replay.ts';
import { SF_FIGURES } from '../../../src/sim/city/sf-figures.ts';
import { parseDemandCell } from '../../../src/sim/city/sf-figures-shape.ts';

/** Numbers of the committed tables may differ by this much from a new fit: another machine's last digit, rounded. */
function expectClose(actual: unknown, expected: unknown, path: string): void {
  if (typeof expected === 'number') {
    const difference = Math.abs((actual as number) - expected);
    expect(difference, path).toBeLessThanOrEqual(0.011 + 0.005 * Math.abs(expected));
  } else if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(actual as object), path).toEqual(Object.keys(expected));
    for (const [key, value] of Object.entries(expected))
      expectClose((actual as Record<string, unknown>)[key], value, `${path}.${key}`);
  } else expect(actual, path).toEqual(expected);
}

const sumOf = (city: City, prefix: string): number =>
  Object.entries(city.cleaning).reduce(
    (sum, [reason, count]) => sum + (reason.startsWith(prefix) ? count : 0),
    0,
  );
const fixesOf = (city: City): number =>
  city.drivers.reduce((sum, { trace }) => sum + trace.timesMs.length, 0);

const dataDir = process.env.HEXDISPATCH_DATA;

describe('the committed figures', () => {
  it('are whole: 24 hours, 20 rising quantiles, weights for each band', () => {
    for (const hours of [
      SF_FIGURES.requestsByHour,
      SF_FIGURES.cabsOnDutyByHour,
      SF_FIGURES.speed.speedMpsByHour,
    ])
      expect(hours).toHaveLength(24);
    for (const quantiles of [
      SF_FIGURES.tripMQuantiles,
      SF_FIGURES.tripSQuantiles,
      SF_FIGURES.pingGapSQuantiles,
    ]) {
      expect(quantiles).toHaveLength(20);
      expect(quantiles).toEqual([...quantiles].sort((a, b) => a - b));
    }
    for (const cell of SF_FIGURES.cells.map(parseDemandCell)) {
      expect(cell.childWeights).toHaveLength(7);
      expect(cell.pickupWeights).toHaveLength(SF_FIGURES.bandStarts.length);
      expect(cell.dropoffWeights).toHaveLength(SF_FIGURES.bandStarts.length);
    }
  });

  it('hold speeds of cabs in towns, at every hour of every city', () => {
    for (const speed of [SF_FIGURES.speed, ...Object.values(CITY_SPEEDS)])
      for (let hour = 0; hour < 24; hour += 1) {
        expect(straightSpeedMps(speed, hour)).toBeGreaterThan(3);
        expect(straightSpeedMps(speed, hour)).toBeLessThan(10);
        expect(driveTimeS(speed, 8000, hour)).toBeGreaterThan(driveTimeS(speed, 4000, hour));
      }
  });
});

// Only where the records are at hand; what the loaders do is tested without them in replay.test.ts.
if (dataDir !== undefined && dataDir !== '') {
  describe('fitted again to the records', () => {
    const figures = fitSanFrancisco(dataDir);

    it('San Francisco comes out as committed', () => {
      expectClose(
        { ...figures, cells: figures.cells.map(parseDemandCell) },
        {
          ...SF_FIGURES,
          cells: SF_FIGURES.cells.map(parseDemandCell),
        },
        'sf',
      );
    });

    it('the other cities’ speeds come out as committed', () => {
      expectClose(fitOtherCities(dataDir, figures.speed), CITY_SPEEDS, 'speeds');
    });
  });

  describe('the records themselves', () => {
    it('sf-2008: every row of SOURCES.md is there or counted as left out', () => {
      const city = loadCity('sf-2008', { dataDir });
      expect(city.drivers).toHaveLength(503);
      expect(fixesOf(city) + sumOf(city, 'fix')).toBe(507_231);
      expect(city.rides.length + sumOf(city, 'trip')).toBe(23_151);
      const modelledS = city.rides.reduce((sum, ride) => {
        const hour = localHour(ride.requestedMs, city.utcOffsetMs);
        return (
          sum +
          city.driveSpeed.kerbS +
          driveTimeS(city.driveSpeed, distanceM(ride.pickup, ride.dropoff), hour)
        );
      }, 0);
      const recordedS = city.rides.reduce((sum, ride) => sum + (ride.durationS ?? 0), 0);
      expect(Math.abs(modelledS / recordedS - 1)).toBeLessThan(0.1);
    });

    it('sf-2008: half an hour of it is that half hour', () => {
      const fromMs = CITY_RECORDS['sf-2008'].busyMs;
      const toMs = fromMs + 30 * 60_000;
      const city = loadCity('sf-2008', { dataDir, fromMs, toMs });
      const whole = loadCity('sf-2008', { dataDir });
      expect(city.rides.length).toBe(
        whole.rides.filter((ride) => ride.requestedMs >= fromMs && ride.requestedMs < toMs).length,
      );
      for (const { startsMs, endsMs } of city.drivers)
        expect(startsMs >= fromMs && endsMs < toMs + STAY_MS).toBe(true);
    });

    it('manhattan-2013, porto-2013, beijing-2008: likewise', () => {
      const manhattan = loadCity('manhattan-2013', { dataDir });
      expect(manhattan.drivers).toHaveLength(6874);
      expect(manhattan.rides.length + sumOf(manhattan, 'trip')).toBe(16_010);
      expect(loadCity('manhattan-2013', { dataDir, fleet: 3500 }).drivers).toHaveLength(3500);
      const porto = loadCity('porto-2013', { dataDir });
      expect(porto.rides.length + sumOf(porto, 'trip')).toBe(999);
      const beijing = loadCity('beijing-2008', { dataDir });
      expect(fixesOf(beijing) + sumOf(beijing, 'fix') + (beijing.cleaning.cabSingleFix ?? 0)).toBe(144_162);
      expect(beijing.rides.length).toBeGreaterThan(20_000);
    });

    it.each(CITY_NAMES)('%s: every ride begins and ends inside the service area, in time order', (name) => {
      const city = loadCity(name, { dataDir });
      let lastMs = city.startMs;
      for (const ride of city.rides) {
        if (!inBounds(city.serviceArea, ride.pickup) || !inBounds(city.serviceArea, ride.dropoff))
          expect.fail(`${ride.rideId} is outside`);
        if (ride.requestedMs < lastMs || ride.requestedMs >= city.endMs) expect.fail(`${ride.rideId}: time`);
        lastMs = ride.requestedMs;
      }
    });
  });
}
