import type { Bounds } from '../../domain/market.ts';
import type { Place } from '../../domain/place.ts';
import type { Prng } from '../../lib/prng.ts';
import { createPrng } from '../../lib/prng.ts';
import type { City, CityDriver, CityRide } from './city.ts';
import { CleaningCount, PATIENCE_S, STAY_MS, centreOf, chooseFleet } from './city.ts';
import { CITY_SPEEDS } from './city-speeds.ts';
import { dataPath, readCsv } from './csv-file.ts';
import type { ReplayOptions } from './replay-options.ts';
import { spanOf } from './replay-options.ts';
import { standingTrace } from './trace.ts';
import { inWindow, tripDefect } from './trace-files.ts';

/** The two files of the hour. */
export const MANHATTAN_FILES = {
  requests: 'nyc-manhattan-requests-2013-11-18T16.csv.gz',
  taxis: 'nyc-manhattan-taxis-2013-11-18T16.csv.gz',
} as const;

/** Monday 2013-11-18, 16:00 to 17:00; one minute more, because 138 requests carry the time 17:00:00. */
export const MANHATTAN_RECORD = {
  startMs: Date.parse('2013-11-18T16:00:00-05:00'),
  endMs: Date.parse('2013-11-18T17:01:00-05:00'),
  busyMs: Date.parse('2013-11-18T16:00:00-05:00'),
};

/** Eastern standard time. */
const UTC_OFFSET_MS = -5 * 3_600_000;
/** Holds all requests and all taxis, some of which wait across the rivers. */
const SERVICE_AREA: Bounds = { south: 40.67, west: -74.04, north: 40.89, east: -73.88 };

/** A request as recorded. */
export interface ManhattanRequest {
  readonly rideId: string;
  /** Unix ms; on 53 % of the rows a whole minute. */
  readonly recordedMs: number;
  readonly pickup: Place;
  readonly dropoff: Place;
  readonly seats: number;
}

const localMs = (text: string): number => Date.parse(`${text.replace(' ', 'T')}-05:00`);

/** All rows of the requests file, uncleaned. */
export function readManhattanRequests(path: string): ManhattanRequest[] {
  const columns = [
    'request_id',
    'pickup_datetime',
    'passenger_count_capped4',
    'pickup_latitude',
    'pickup_longitude',
    'dropoff_latitude',
    'dropoff_longitude',
  ];
  const requests: ManhattanRequest[] = [];
  readCsv(path, columns, ([id, time = '', seats, ...places]) => {
    const [pickupLat, pickupLng, dropoffLat, dropoffLng] = places.map(Number);
    requests.push({
      rideId: `ride-${id}`,
      recordedMs: localMs(time),
      pickup: { lat: pickupLat as number, lng: pickupLng as number },
      dropoff: { lat: dropoffLat as number, lng: dropoffLng as number },
      seats: Number(seats),
    });
  });
  return requests;
}

/** A taxi and when and where it became free. */
export interface ManhattanTaxi {
  readonly taxiId: string;
  readonly availableMs: number;
  readonly place: Place;
}

/** All rows of the taxis file. */
export function readManhattanTaxis(path: string): ManhattanTaxi[] {
  const taxis: ManhattanTaxi[] = [];
  readCsv(
    path,
    ['taxi_id', 'available_datetime', 'latitude', 'longitude'],
    ([taxiId = '', time = '', lat, lng]) =>
      taxis.push({ taxiId, availableMs: localMs(time), place: { lat: Number(lat), lng: Number(lng) } }),
  );
  return taxis;
}

/** Manhattan's own choice. */
export interface ManhattanOptions extends ReplayOptions {
  /**
   * `fromStart` (default): the whole fleet is free at 16:00, as the record's publisher means it (a snapshot of places).
   * `asRecorded`: a taxi comes when the record says it became free; 3,121 are there at 16:00, 90 % by 16:20. The rides whose
   * end the file shows did end at those times, so this is the truer start, with a fleet that is busy at first.
   */
  readonly availability?: 'fromStart' | 'asRecorded' | undefined;
}

/**
 * One hour of Manhattan: 16,010 requests and 6,874 taxis. A taxi has one recorded place: idle it waits there. Half of the
 * meters record whole minutes, so requests would bunch at each minute's start; those are spread evenly (seeded) over theirs.
 */
export function loadManhattan2013(options: ManhattanOptions): City {
  const span = spanOf(MANHATTAN_RECORD, options);
  const cleaning = new CleaningCount();
  const prng = createPrng(options.seed ?? 1);
  const fleetPrng = prng.fork();
  const requests = readManhattanRequests(dataPath(options.dataDir, MANHATTAN_FILES.requests));
  const rides = toRides(requests, prng.fork()).filter((ride) => {
    if (
      Number.isFinite(ride.requestedMs) &&
      !inWindow({ fromMs: span.startMs, toMs: span.endMs }, ride.requestedMs)
    )
      return false;
    const { requestedMs, pickup, dropoff } = ride;
    const trip = { pickupMs: requestedMs, dropoffMs: requestedMs, pickup, dropoff, fixes: Infinity };
    const defect = tripDefect(trip, SERVICE_AREA);
    if (defect !== null) cleaning.add(defect);
    return defect === null;
  });
  const taxis = readManhattanTaxis(dataPath(options.dataDir, MANHATTAN_FILES.taxis));
  const drivers = taxis.map((taxi) => toDriver(taxi, span, options.availability ?? 'fromStart'));
  drivers.sort((a, b) => (a.driverId < b.driverId ? -1 : 1));
  return {
    name: 'manhattan-2013',
    ...span,
    timeZone: 'America/New_York',
    utcOffsetMs: UTC_OFFSET_MS,
    currency: 'USD',
    centre: centreOf(SERVICE_AREA),
    serviceArea: SERVICE_AREA,
    driveSpeed: CITY_SPEEDS['manhattan-2013'],
    patienceS: PATIENCE_S,
    drivers: chooseFleet(drivers, options.fleet, fleetPrng),
    rides: rides.sort((a, b) => a.requestedMs - b.requestedMs),
    cleaning: cleaning.toRecord(),
  };
}

function toRides(requests: readonly ManhattanRequest[], prng: Prng): CityRide[] {
  return requests.map(({ rideId, recordedMs, pickup, dropoff, seats }) => {
    const spreadMs = recordedMs % 60_000 === 0 ? prng.int(60_000) : prng.int(1000);
    return { rideId, requestedMs: recordedMs + spreadMs, pickup, dropoff, seats };
  });
}

function toDriver(
  taxi: ManhattanTaxi,
  span: { startMs: number; endMs: number },
  availability: 'fromStart' | 'asRecorded',
): CityDriver {
  const startsMs =
    availability === 'fromStart'
      ? span.startMs
      : Math.min(span.endMs, Math.max(span.startMs, taxi.availableMs));
  const endsMs = span.endMs + STAY_MS;
  return {
    driverId: `taxi-${taxi.taxiId}`,
    startsMs,
    endsMs,
    trace: standingTrace(taxi.place, startsMs, endsMs),
  };
}
