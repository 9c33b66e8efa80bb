import type { Bounds } from '../../domain/market.ts';
import { inBounds } from '../../domain/market.ts';
import { distanceM } from '../../domain/place.ts';
import type { Prng } from '../../lib/prng.ts';
import { createPrng } from '../../lib/prng.ts';
import type { City, CityDriver, CityRide } from './city.ts';
import { CleaningCount, PATIENCE_S, centreOf, chooseFleet } from './city.ts';
import { localHour } from './city-speed.ts';
import { CITY_SPEEDS } from './city-speeds.ts';
import { dataPath, readCsv } from './csv-file.ts';
import type { ReplayOptions } from './replay-options.ts';
import { spanOf } from './replay-options.ts';
import { SF_FIGURES } from './sf-figures.ts';
import { quantileAt } from './sf-figures-shape.ts';
import { positionAt } from './trace.ts';
import { FleetBuilder } from './trace-files.ts';

/** The file of one hour of fixes, and its columns. */
export const BEIJING_FILE = 'beijing-taxi-traces-2008-02-04T18.csv.gz';
export const BEIJING_COLUMNS = ['local_datetime', 'taxi_id', 'longitude', 'latitude'];
/** Monday 2008-02-04, 18:00 to 19:00 local. */
export const BEIJING_RECORD = {
  startMs: Date.parse('2008-02-04T18:00:00+08:00'),
  endMs: Date.parse('2008-02-04T19:00:00+08:00'),
  busyMs: Date.parse('2008-02-04T18:00:00+08:00'),
};

const UTC_OFFSET_MS = 8 * 3_600_000;
/** The city within its sixth ring road. */
const SERVICE_AREA: Bounds = { south: 39.68, west: 116.08, north: 40.18, east: 116.72 };
/** Fixes come 168 s apart in the middle, 549 s at the 95th percentile: a longer silence is off duty. */
const GAP_MS_MAX = 20 * 60_000;
const DRAWS_PER_RIDE_MAX = 200;

/**
 * One hour of Beijing: 8,828 taxis that follow their fixes. No trips were recorded, so the rides are derived (seeded): a random
 * taxi at a random moment stands for a rider, who goes where that taxi was one trip's time later (near the hour's end: where
 * it had been one trip's time before). Times are San Francisco's trip times, the number of rides per taxi and hour is San
 * Francisco's at the same hour. Both are borrowed; the places and their order are Beijing's own.
 */
export function loadBeijing2008(options: ReplayOptions): City {
  const span = spanOf(BEIJING_RECORD, options);
  const cleaning = new CleaningCount();
  const prng = createPrng(options.seed ?? 1);
  const fleetPrng = prng.fork();
  const fleet = new FleetBuilder({
    window: { fromMs: span.startMs, toMs: span.endMs },
    centre: centreOf(SERVICE_AREA),
    reachM: 120_000,
    gapMsMax: GAP_MS_MAX,
    cleaning,
  });
  readCsv(dataPath(options.dataDir, BEIJING_FILE), BEIJING_COLUMNS, ([time = '', cabId = '', lng, lat]) => {
    const timeMs = Date.parse(`${time.replace(' ', 'T')}+08:00`);
    fleet.add({ cabId, timeMs, lat: Number(lat), lng: Number(lng) });
  });
  const drivers = fleet.build();
  return {
    name: 'beijing-2008',
    ...span,
    timeZone: 'Asia/Shanghai',
    utcOffsetMs: UTC_OFFSET_MS,
    currency: 'CNY',
    centre: centreOf(SERVICE_AREA),
    serviceArea: SERVICE_AREA,
    driveSpeed: CITY_SPEEDS['beijing-2008'],
    patienceS: PATIENCE_S,
    drivers: chooseFleet(drivers, options.fleet, fleetPrng),
    rides: deriveRides(drivers, span, prng, cleaning),
    cleaning: cleaning.toRecord(),
  };
}

function deriveRides(
  drivers: readonly CityDriver[],
  span: { startMs: number; endMs: number },
  prng: Prng,
  cleaning: CleaningCount,
): CityRide[] {
  const hour = localHour(span.startMs, UTC_OFFSET_MS);
  const perTaxiHour =
    (SF_FIGURES.requestsByHour[hour] as number) / (SF_FIGURES.cabsOnDutyByHour[hour] as number);
  const wanted = Math.round((drivers.length * perTaxiHour * (span.endMs - span.startMs)) / 3_600_000);
  const rides: Omit<CityRide, 'rideId'>[] = [];
  for (let draws = 0; rides.length < wanted && draws < wanted * DRAWS_PER_RIDE_MAX; draws += 1) {
    const ride = drawRide(drivers[prng.int(drivers.length)] as CityDriver, span, prng);
    if (ride === null) cleaning.add('drawRejected');
    else rides.push(ride);
  }
  rides.sort((a, b) => a.requestedMs - b.requestedMs);
  return rides.map((ride, index) => ({ rideId: `ride-${index}`, ...ride }));
}

function drawRide(
  { trace }: CityDriver,
  { startMs, endMs }: { startMs: number; endMs: number },
  prng: Prng,
): Omit<CityRide, 'rideId'> | null {
  const requestedMs = startMs + prng.int(endMs - startMs);
  const tripMs = quantileAt(SF_FIGURES.tripSQuantiles, prng.float()) * 1000;
  const otherMs = requestedMs + tripMs < endMs ? requestedMs + tripMs : requestedMs - tripMs;
  const pickup = positionAt(trace, requestedMs);
  const dropoff = positionAt(trace, otherMs);
  if (pickup === null || dropoff === null || distanceM(pickup, dropoff) < 500) return null;
  if (!inBounds(SERVICE_AREA, pickup) || !inBounds(SERVICE_AREA, dropoff)) return null;
  return { requestedMs, pickup, dropoff, seats: 1 };
}
