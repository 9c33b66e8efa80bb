import type { Bounds } from '../../domain/market.ts';
import type { Place } from '../../domain/place.ts';
import { distanceM } from '../../domain/place.ts';
import { createPrng } from '../../lib/prng.ts';
import { BEIJING_RECORD, loadBeijing2008 } from './beijing-2008.ts';
import type { City } from './city.ts';
import { CleaningCount, PATIENCE_S, STAY_MS, centreOf, chooseFleet } from './city.ts';
import type { CitySpeed, SpeedSample } from './city-speed.ts';
import { fitCitySpeed, isSpeedSample, localHour } from './city-speed.ts';
import { MANHATTAN_RECORD, loadManhattan2013 } from './manhattan-2013.ts';
import type { ManhattanOptions } from './manhattan-2013.ts';
import { PORTO_RECORD, loadPorto2013 } from './porto-2013.ts';
import { CAB_GAP_MS_MAX, CAB_REACH_M, SF_RECORD, loadSf2008 } from './sf-2008.ts';
import { SF_FIGURES } from './sf-figures.ts';
import type { RecordedTrip, TimeWindow } from './trace-files.ts';
import { readRecordedTrips, readTraces, ridesOfTrips } from './trace-files.ts';

/** Cities that can be replayed from the folder of the records. */
export const CITY_NAMES = ['sf-2008', 'manhattan-2013', 'beijing-2008', 'porto-2013'] as const;
export type CityName = (typeof CITY_NAMES)[number];

/** Span of each record, Unix ms, and where in it a short demonstration best begins (`busyMs`). */
export const CITY_RECORDS: Readonly<
  Record<CityName, { readonly startMs: number; readonly endMs: number; readonly busyMs: number }>
> = {
  'sf-2008': SF_RECORD,
  'manhattan-2013': MANHATTAN_RECORD,
  'beijing-2008': BEIJING_RECORD,
  'porto-2013': PORTO_RECORD,
};

/** Loads a recorded city, whole or a stretch of it. Error, in one sentence, when a file is missing or the window is empty. */
export function loadCity(name: CityName, options: ManhattanOptions): City {
  switch (name) {
    case 'sf-2008':
      return loadSf2008(options);
    case 'manhattan-2013':
      return loadManhattan2013(options);
    case 'beijing-2008':
      return loadBeijing2008(options);
    case 'porto-2013':
      return loadPorto2013(options);
  }
}

/** Files of any city in the columns of the San Francisco ones, .csv or .csv.gz. */
export interface TraceFilesOptions extends TimeWindow {
  /** unix_time (s), cab_id, latitude, longitude; sorted by time. */
  readonly tracesFile: string;
  /** pickup_unix, pickup_lat, pickup_lon, dropoff_unix, dropoff_lat, dropoff_lon, n_fixes. */
  readonly tripsFile: string;
  readonly name?: string | undefined;
  /** IANA name and its offset in the record; default UTC. */
  readonly timeZone?: string | undefined;
  readonly utcOffsetMs?: number | undefined;
  /** ISO 4217; default USD. */
  readonly currency?: string | undefined;
  /** Default: the box that holds 99 % of the trip ends in each direction, and 2 km around it. */
  readonly serviceArea?: Bounds | undefined;
  readonly fleet?: number | undefined;
  readonly seed?: number | bigint | undefined;
}

/** Fewer good trips than this tell no speed: San Francisco's is used. */
const SPEED_SAMPLES_MIN = 200;

/** Loads a city from two files; its speeds are fitted to its own trips. Errors as `loadCity`. */
export function loadTraceFiles(options: TraceFilesOptions): City {
  const trips = readRecordedTrips(options.tripsFile);
  if (trips.length === 0) throw new Error(`${options.tripsFile} holds no trips.`);
  const serviceArea = options.serviceArea ?? serviceAreaOf(trips);
  const centre = centreOf(serviceArea);
  const utcOffsetMs = options.utcOffsetMs ?? 0;
  const window = { fromMs: options.fromMs, toMs: options.toMs };
  const cleaning = new CleaningCount();
  const drivers = readTraces(options.tracesFile, {
    window: { ...window, toMs: window.toMs === undefined ? undefined : window.toMs + STAY_MS },
    centre,
    reachM: CAB_REACH_M,
    gapMsMax: CAB_GAP_MS_MAX,
    cleaning,
  });
  const rides = ridesOfTrips(trips, { window, serviceArea, cleaning });
  const times = [...drivers.flatMap((d) => [d.startsMs, d.endsMs]), ...rides.map((ride) => ride.requestedMs)];
  if (times.length === 0) throw new Error('Neither file holds anything in that stretch of time.');
  return {
    name: options.name ?? 'trace-files',
    startMs: options.fromMs ?? times.reduce((a, b) => Math.min(a, b)),
    endMs: options.toMs ?? times.reduce((a, b) => Math.max(a, b)) + 1,
    timeZone: options.timeZone ?? 'UTC',
    utcOffsetMs,
    currency: options.currency ?? 'USD',
    centre,
    serviceArea,
    driveSpeed: speedOf(trips, utcOffsetMs),
    patienceS: PATIENCE_S,
    drivers: chooseFleet(drivers, options.fleet, createPrng(options.seed ?? 1)),
    rides,
    cleaning: cleaning.toRecord(),
  };
}

function speedOf(trips: readonly RecordedTrip[], utcOffsetMs: number): CitySpeed {
  const samples = trips.map((trip): SpeedSample => ({
    straightM: distanceM(trip.pickup, trip.dropoff),
    durationS: (trip.dropoffMs - trip.pickupMs) / 1000,
    hour: localHour(trip.pickupMs, utcOffsetMs),
  }));
  const { detourFactor, kerbS } = SF_FIGURES.speed;
  const short = samples.filter((sample) => isSpeedSample(sample) && sample.straightM < 4000);
  if (short.length < SPEED_SAMPLES_MIN) return SF_FIGURES.speed;
  return fitCitySpeed(samples, { detourFactor, kerbS, samplesPerHourMin: 100 });
}

function serviceAreaOf(trips: readonly RecordedTrip[]): Bounds {
  const ends: Place[] = trips.flatMap((trip) => [trip.pickup, trip.dropoff]);
  const range = (values: number[], margin: number): [number, number] => {
    const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number;
    return [at(0.005) - margin, at(0.995) + margin];
  };
  const [south, north] = range(
    ends.map((place) => place.lat),
    0.02,
  );
  const marginLng = 0.02 / Math.cos((((south + north) / 2) * Math.PI) / 180);
  const [west, east] = range(
    ends.map((place) => place.lng),
    marginLng,
  );
  return { south, west, north, east };
}
