import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { inBounds } from '../../../src/domain/market.ts';
import { distanceM } from '../../../src/domain/place.ts';
import { CITY_NAMES, CITY_RECORDS, loadCity, loadTraceFiles } from '../../../src/sim/city/replay.ts';
import { positionAt } from '../../../src/sim/city/trace.ts';

// Files in the records' columns, but made up here: a few rows that hold one of everything.
const dir = mkdtempSync(join(tmpdir(), 'cities-'));
afterAll(() => rmSync(dir, { recursive: true }));

function put(name: string, lines: string[]): string {
  const text = `${lines.join('\n')}\n`;
  writeFileSync(join(dir, name), name.endsWith('.gz') ? gzipSync(text) : text);
  return join(dir, name);
}

const S0 = CITY_RECORDS['sf-2008'].startMs / 1000;

const sfTraces = [
  'unix_time,cab_id,latitude,longitude,occupied',
  `${S0 - 60},early,37.75,-122.42,0`,
  `${S0 + 60},abc,37.75,-122.42,0`,
  `${S0 + 60},far,50.3,-122.42,0`,
  `${S0 + 60},isle,0,0,0`,
  `${S0 + 90},xyz,37.76,-122.41,0`,
  `${S0 + 100},lone,37.76,-122.41,0`,
  `${S0 + 120},abc,37.751,-122.42,1`,
  `${S0 + 125},abc,37.85,-122.42,1`,
  `${S0 + 180},abc,37.752,-122.42,0`,
  `${S0 + 180},abc,37.752,-122.42,0`,
  `${S0 + 7200},abc,37.76,-122.43,0`,
  `${S0 + 7200},xyz,37.77,-122.41,0`,
];
const sfTrips = [
  'pickup_unix,cab_id,pickup_lat,pickup_lon,dropoff_unix,dropoff_lat,dropoff_lon,n_fixes,max_gap_s,s_before_pickup,s_after_dropoff',
  `${S0 - 500},abc,37.75,-122.42,${S0 - 100},37.77,-122.42,5,60,60,60`,
  `${S0 + 900},abc,37.75,-122.42,${S0 + 1500},37.77,-122.42,5,60,60,60`,
  `${S0 + 300},abc,37.78,-122.41,${S0 + 700},37.77,-122.42,5,60,60,60`,
  `${S0 + 310},abc,37.78,-122.41,${S0 + 310},37.78,-122.41,1,60,60,60`,
  `${S0 + 320},abc,37.78,-122.41,${S0 + 400},37.7801,-122.41,3,60,60,60`,
  `${S0 + 330},abc,37.78,-122.41,${S0 + 9000},37.77,-122.42,99,60,60,60`,
  `${S0 + 340},abc,37.78,-122.41,${S0 + 900},37.30,-122.42,9,60,60,60`,
  `${S0 + 350},abc,0,0,${S0 + 900},37.75,-122.42,9,60,60,60`,
  `oops,abc,37.75,-122.42,${S0 + 900},37.76,-122.42,9,60,60,60`,
];

describe('sf-2008', () => {
  put('sf-cab-traces-2008-06-06.csv.gz', sfTraces);
  put('sf-cab-trips-2008-06-02_06-06.csv.gz', sfTrips);
  const city = loadCity('sf-2008', { dataDir: dir });

  it('lets cabs follow their fixes, without the defects, off duty in long gaps', () => {
    expect(city.drivers.map((driver) => driver.driverId)).toEqual(['cab-abc', 'cab-xyz']);
    const [abc] = city.drivers;
    expect([...(abc?.trace.timesMs ?? [])].map((ms) => ms / 1000 - S0)).toEqual([60, 120, 180, 7200]);
    const place = abc && positionAt(abc.trace, (S0 + 90) * 1000);
    expect(place?.lat).toBeCloseTo(37.7505, 9);
    expect(abc && positionAt(abc.trace, (S0 + 3600) * 1000)).toBeNull();
  });

  it('asks for the day’s trips where and when they were boarded, without the defects', () => {
    expect(city.rides.map(({ requestedMs, durationS }) => [requestedMs / 1000 - S0, durationS])).toEqual([
      [300, 400],
      [900, 600],
    ]);
    expect(city.rides[0]?.pickup).toEqual({ lat: 37.78, lng: -122.41 });
    expect(city.rides[0]?.dropoff).toEqual({ lat: 37.77, lng: -122.42 });
  });

  it('counts what it left out', () => {
    expect(city.cleaning).toEqual({
      cabSingleFix: 1,
      fixFarAway: 1,
      fixImpossibleSpeed: 1,
      fixNullIsland: 1,
      fixSameTime: 1,
      tripNullIsland: 1,
      tripOutsideServiceArea: 1,
      tripShorterThan100M: 1,
      tripSingleFix: 1,
      tripStuckFlag: 1,
      tripUnreadable: 1,
    });
  });

  it('keeps only the window, and only the fleet asked for', () => {
    const fromMs = (S0 + 200) * 1000;
    const later = loadCity('sf-2008', { dataDir: dir, fromMs, toMs: (S0 + 800) * 1000 });
    expect(later.rides).toHaveLength(1);
    expect(later.drivers).toHaveLength(0);
    expect(later.startMs).toBe(fromMs);
    expect(loadCity('sf-2008', { dataDir: dir, fleet: 1 }).drivers).toHaveLength(1);
    expect(() => loadCity('sf-2008', { dataDir: dir, fleet: 3 })).toThrow(
      'The fleet cannot be 3: the record has 2 drivers',
    );
    expect(() => loadCity('sf-2008', { dataDir: dir, fromMs: 0, toMs: 1 })).toThrow(
      /^Nothing was recorded then/,
    );
  });
});

describe('loadTraceFiles', () => {
  it('takes any city in the same columns, plain or gzip, columns in any order', () => {
    const reordered = sfTraces.map((line) => line.split(',').reverse().join(','));
    const tracesFile = put('mine.csv', reordered);
    const tripsFile = put('mine-trips.csv.gz', sfTrips.slice(0, 4));
    const serviceArea = { south: 37, west: -123, north: 38, east: -122 };
    const city = loadTraceFiles({ tracesFile, tripsFile, serviceArea, name: 'mine', currency: 'EUR' });
    expect(city.name).toBe('mine');
    expect(city.drivers.map((driver) => driver.driverId)).toEqual(['cab-abc', 'cab-xyz']);
    expect(city.rides).toHaveLength(3);
    const boxed = loadTraceFiles({ tracesFile, tripsFile });
    for (const ride of boxed.rides) expect(inBounds(boxed.serviceArea, ride.pickup)).toBe(true);
  });
});

describe('manhattan-2013', () => {
  put('nyc-manhattan-requests-2013-11-18T16.csv.gz', [
    'request_id,pickup_datetime,passenger_count_capped4,pickup_latitude,pickup_longitude,dropoff_latitude,dropoff_longitude',
    ...Array.from({ length: 60 }, (_, id) => `${id},2013-11-18 16:05:00,2,40.75,-73.99,40.76,-74.0`),
    '60,2013-11-18 16:07:13,4,40.75,-73.99,40.77,-74.0',
    '61,2013-11-18 16:08:00,1,40.75,-73.99,40.75,-73.99',
  ]);
  put('nyc-manhattan-taxis-2013-11-18T16.csv.gz', [
    'taxi_id,available_datetime,latitude,longitude',
    '5,2013-11-18 14:06:17,40.77,-73.97',
    '6,2013-11-18 16:10:00,40.78,-73.95',
  ]);
  const { startMs } = CITY_RECORDS['manhattan-2013'];
  const city = loadCity('manhattan-2013', { dataDir: dir, seed: 4 });

  it('spreads requests of whole minutes over their minute, the same way for the same seed', () => {
    const offsets = city.rides.slice(0, 60).map((ride) => ride.requestedMs - startMs - 5 * 60_000);
    for (const offset of offsets) expect(offset >= 0 && offset < 60_000).toBe(true);
    expect(new Set(offsets.map((offset) => Math.floor(offset / 10_000))).size).toBe(6);
    expect(city.rides[60]?.requestedMs).toBeGreaterThanOrEqual(startMs + (7 * 60 + 13) * 1000);
    expect(city.rides[60]?.requestedMs).toBeLessThan(startMs + (7 * 60 + 14) * 1000);
    expect(city.rides[60]?.seats).toBe(4);
    expect(city.cleaning).toEqual({ tripShorterThan100M: 1 });
    expect(loadCity('manhattan-2013', { dataDir: dir, seed: 4 })).toEqual(city);
    expect(loadCity('manhattan-2013', { dataDir: dir, seed: 5 }).rides).not.toEqual(city.rides);
  });

  it('has every taxi wait at its place from the start, or from when it became free', () => {
    const [five, six] = city.drivers;
    expect(five && positionAt(five.trace, startMs)).toEqual({ lat: 40.77, lng: -73.97 });
    expect(six && positionAt(six.trace, city.endMs)).toEqual({ lat: 40.78, lng: -73.95 });
    const recorded = loadCity('manhattan-2013', { dataDir: dir, availability: 'asRecorded' });
    expect(recorded.drivers.map((driver) => driver.startsMs - startMs)).toEqual([0, 600_000]);
  });
});

describe('porto-2013', () => {
  const line = (taxi: number, at: string, polyline: string): string =>
    `"T","C","","","${taxi}","${Date.parse(at) / 1000}","A","False","${polyline}"`;
  put('porto-trips-2013-07-01.csv.gz', [
    '"TRIP_ID","CALL_TYPE","ORIGIN_CALL","ORIGIN_STAND","TAXI_ID","TIMESTAMP","DAY_TYPE","MISSING_DATA","POLYLINE"',
    line(7, '2013-07-01T01:00:00Z', '[[-8.61,41.14],[-8.611,41.141],[-8.612,41.142]]'),
    line(7, '2013-07-01T01:30:00Z', '[]'),
    line(7, '2013-07-01T02:00:00Z', '[[-8.62,41.15],[-8.621,41.151]]'),
  ]);
  const city = loadCity('porto-2013', { dataDir: dir });

  it('makes rides and taxis of the polylines', () => {
    expect(city.rides).toHaveLength(2);
    expect(city.rides[0]).toMatchObject({
      requestedMs: Date.parse('2013-07-01T01:00:00Z'),
      pickup: { lat: 41.14, lng: -8.61 },
      dropoff: { lat: 41.142, lng: -8.612 },
      durationS: 30,
    });
    expect(city.cleaning).toEqual({ tripSingleFix: 1 });
    const [taxi] = city.drivers;
    const half = taxi && positionAt(taxi.trace, Date.parse('2013-07-01T01:00:07.500Z'));
    expect(half?.lat).toBeCloseTo(41.1405, 9);
    expect(taxi && positionAt(taxi.trace, Date.parse('2013-07-01T00:50:00Z'))).toEqual({
      lat: 41.14,
      lng: -8.61,
    });
    expect(taxi && positionAt(taxi.trace, Date.parse('2013-07-01T02:20:00Z'))).toBeNull();
  });
});

describe('beijing-2008', () => {
  const { startMs } = CITY_RECORDS['beijing-2008'];
  const rows: string[] = [];
  for (let minute = 0; minute < 60; minute += 1)
    for (let taxi = 0; taxi < 40; taxi += 1) {
      const [lat, lng] = [39.8 + taxi / 200 + minute / 1000, 116.3 + taxi / 200];
      rows.push(`2008-02-04 18:${String(minute).padStart(2, '0')}:00,${taxi},${lng},${lat}`);
    }
  put('beijing-taxi-traces-2008-02-04T18.csv.gz', ['local_datetime,taxi_id,longitude,latitude', ...rows]);
  const city = loadCity('beijing-2008', { dataDir: dir, seed: 2, fleet: 10 });

  it('derives rides from places where its taxis were, as many however small the fleet', () => {
    expect(city.drivers).toHaveLength(10);
    expect(city.rides.length).toBe(Math.round((40 * 1356) / 436));
    const all = loadCity('beijing-2008', { dataDir: dir, seed: 2 });
    expect(all.rides).toEqual(city.rides);
    for (const ride of city.rides) {
      expect(distanceM(ride.pickup, ride.dropoff)).toBeGreaterThanOrEqual(500);
      const wasThere = all.drivers.some(({ trace }) => {
        const place = positionAt(trace, ride.requestedMs);
        return place !== null && distanceM(place, ride.pickup) < 0.01;
      });
      expect(wasThere).toBe(true);
      expect(ride.requestedMs >= startMs && ride.requestedMs < city.endMs).toBe(true);
    }
  });
});

describe('every recorded city', () => {
  it.each(CITY_NAMES)('%s says in one sentence which file is missing', (name) => {
    const sentence =
      /^[a-z]+-[\w-]+\.csv\.gz cannot be read in .*: set HEXDISPATCH_DATA to the folder that holds it\.$/;
    expect(() => loadCity(name, { dataDir: join(dir, 'nowhere') })).toThrow(sentence);
    expect(() => loadCity(name, { dataDir: undefined })).toThrow(
      /^This city needs .*\.csv\.gz: set HEXDISPATCH_DATA/,
    );
  });
});
