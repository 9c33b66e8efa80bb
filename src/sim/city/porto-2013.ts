import type { Bounds } from '../../domain/market.ts';
import type { Place } from '../../domain/place.ts';
import { isPlace } from '../../domain/place.ts';
import { createPrng } from '../../lib/prng.ts';
import type { City, CityDriver, CityRide } from './city.ts';
import { CleaningCount, PATIENCE_S, centreOf, chooseFleet } from './city.ts';
import { CITY_SPEEDS } from './city-speeds.ts';
import { dataPath, readCsv } from './csv-file.ts';
import type { ReplayOptions } from './replay-options.ts';
import { spanOf } from './replay-options.ts';
import { FleetBuilder, inWindow, tripDefect } from './trace-files.ts';

/** The file of 999 trips. */
export const PORTO_FILE = 'porto-trips-2013-07-01.csv.gz';
/** Western European summer time. */
export const PORTO_UTC_OFFSET_MS = 3_600_000;
/** Monday 2013-07-01, 01:00 to 10:30 local: the last trip begins at 10:12; 08:00 to 10:00 is the busiest. */
export const PORTO_RECORD = {
  startMs: Date.parse('2013-07-01T00:00:00Z'),
  endMs: Date.parse('2013-07-01T09:30:00Z'),
  busyMs: Date.parse('2013-07-01T07:30:00Z'),
};

const SERVICE_AREA: Bounds = { south: 41.0, west: -8.72, north: 41.27, east: -8.48 };
const STEP_MS = 15_000;
/** Between two of its trips a taxi makes its way to the next pickup; a longer pause is off duty. */
const GAP_MS_MAX = 2 * 3_600_000;
/** The file shows taxis only with a fare: each is taken to wait so long before its first and after its last. */
const WAIT_MS = 15 * 60_000;

/** A trip as recorded: one place every 15 s. */
export interface PortoTrip {
  readonly taxiId: string;
  readonly startMs: number;
  readonly path: readonly Place[];
}

/** All rows in file order; points that are no places are left out of the path. */
export function readPortoTrips(path: string): PortoTrip[] {
  const trips: PortoTrip[] = [];
  readCsv(path, ['TAXI_ID', 'TIMESTAMP', 'POLYLINE'], ([taxiId = '', timestamp, polyline = '[]']) =>
    trips.push({ taxiId, startMs: Number(timestamp) * 1000, path: parsePolyline(polyline) }),
  );
  return trips;
}

function parsePolyline(text: string): Place[] {
  const points: unknown = JSON.parse(text);
  if (!Array.isArray(points)) return [];
  return points.flatMap((point: unknown) => {
    if (!Array.isArray(point)) return [];
    const [lng, lat] = (point as unknown[]).map(Number);
    return lat !== undefined && lng !== undefined && isPlace(lat, lng) ? [{ lat, lng }] : [];
  });
}

/**
 * Nine hours of Porto: 999 trips as rides, and their 309 taxis, which follow their own trips and make their way straight from
 * each to the next.
 */
export function loadPorto2013(options: ReplayOptions): City {
  const span = spanOf(PORTO_RECORD, options);
  const window = { fromMs: span.startMs, toMs: span.endMs };
  const cleaning = new CleaningCount();
  const trips = readPortoTrips(dataPath(options.dataDir, PORTO_FILE));
  trips.sort((a, b) => a.startMs - b.startMs);
  const rides = trips.flatMap((trip): CityRide[] => {
    if (!inWindow(window, trip.startMs)) return [];
    const ride = toRide(trip, cleaning);
    return ride === null ? [] : [ride];
  });
  const fleet = new FleetBuilder({
    window,
    centre: centreOf(SERVICE_AREA),
    reachM: 60_000,
    gapMsMax: GAP_MS_MAX,
    cleaning,
  });
  addPaths(fleet, trips);
  return {
    name: 'porto-2013',
    ...span,
    timeZone: 'Europe/Lisbon',
    utcOffsetMs: PORTO_UTC_OFFSET_MS,
    currency: 'EUR',
    centre: centreOf(SERVICE_AREA),
    serviceArea: SERVICE_AREA,
    driveSpeed: CITY_SPEEDS['porto-2013'],
    patienceS: PATIENCE_S,
    drivers: chooseFleet(fleet.build().map(asTaxi), options.fleet, createPrng(options.seed ?? 1)),
    rides: rides.map((ride, index) => ({ ...ride, rideId: `ride-${index}` })),
    cleaning: cleaning.toRecord(),
  };
}

const asTaxi = (driver: CityDriver): CityDriver => ({
  ...driver,
  driverId: driver.driverId.replace(/^cab-/, 'taxi-'),
});

function toRide(trip: PortoTrip, cleaning: CleaningCount): CityRide | null {
  const [pickup, dropoff] = [trip.path[0], trip.path.at(-1)];
  if (pickup === undefined || dropoff === undefined) {
    cleaning.add('tripSingleFix');
    return null;
  }
  const durationS = ((trip.path.length - 1) * STEP_MS) / 1000;
  const dropoffMs = trip.startMs + durationS * 1000;
  const recorded = { pickupMs: trip.startMs, dropoffMs, pickup, dropoff, fixes: trip.path.length };
  const defect = tripDefect(recorded, SERVICE_AREA);
  if (defect !== null) cleaning.add(defect);
  return defect === null
    ? { rideId: '', requestedMs: trip.startMs, pickup, dropoff, seats: 1, durationS }
    : null;
}

function addPaths(fleet: FleetBuilder, trips: readonly PortoTrip[]): void {
  const lasts = new Map<string, { readonly timeMs: number; readonly place: Place }>();
  for (const { taxiId, startMs, path } of trips) {
    const first = path[0];
    if (first === undefined) continue;
    if (!lasts.has(taxiId)) fleet.add({ cabId: taxiId, timeMs: startMs - WAIT_MS, ...first });
    path.forEach((place, index) => {
      const timeMs = startMs + index * STEP_MS;
      fleet.add({ cabId: taxiId, timeMs, ...place });
      lasts.set(taxiId, { timeMs, place });
    });
  }
  for (const [cabId, { timeMs, place }] of lasts) fleet.add({ cabId, timeMs: timeMs + WAIT_MS, ...place });
}
