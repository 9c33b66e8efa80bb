import { distanceM } from '../../src/domain/place.ts';
import type { SpeedSample } from '../../src/sim/city/city-speed.ts';
import { fitCitySpeed, isSpeedSample, localHour } from '../../src/sim/city/city-speed.ts';
import { dataPath, readCsv } from '../../src/sim/city/csv-file.ts';
import { SF_SERVICE_AREA, SF_UTC_OFFSET_MS } from '../../src/sim/city/san-francisco.ts';
import type { SfFigures } from '../../src/sim/city/sf-figures-shape.ts';
import type { RecordedTrip } from '../../src/sim/city/trace-files.ts';
import { readRecordedTrips, tripDefect } from '../../src/sim/city/trace-files.ts';
import type { TimedTrip } from './demand-fit.ts';
import { fitDemand } from './demand-fit.ts';
import { fitTraces, readOccupiedTraces } from './sf-traces-fit.ts';
import { interceptOf, meanOf, medianOf, roundTo, twentyQuantiles } from './statistics.ts';

const TRACES = 'sf-cab-traces-2008-06-06.csv.gz';
const TRIPS = 'sf-cab-trips-2008-06-02_06-06.csv.gz';
const SEATS = 'nyc-manhattan-requests-2013-11-18T16.csv.gz';
const FRIDAY_MS = Date.parse('2008-06-06T00:00:00-07:00');
/** Night hours: where nothing queues, the time that does not grow with the distance is the time at the kerb. */
const KERB_HOURS = [0, 1, 2, 3, 4, 5, 6];

const straightM = (trip: RecordedTrip): number => distanceM(trip.pickup, trip.dropoff);
const durationS = (trip: RecordedTrip): number => (trip.dropoffMs - trip.pickupMs) / 1000;

/** Fits everything a generated San Francisco is made of, from the folder of the records. Deterministic. */
export function fitSanFrancisco(dataDir: string): SfFigures {
  const timed = readRecordedTrips(dataPath(dataDir, TRIPS))
    .filter((trip) => tripDefect(trip, SF_SERVICE_AREA) === null)
    .map((trip): TimedTrip => ({ trip, hour: localHour(trip.pickupMs, SF_UTC_OFFSET_MS) }));
  const traces = fitTraces(readOccupiedTraces(dataPath(dataDir, TRACES)), SF_UTC_OFFSET_MS);
  const samples = timed.map(({ trip, hour }) => ({
    straightM: straightM(trip),
    durationS: durationS(trip),
    hour,
  }));
  const kerbS = fitKerbS(samples);
  return {
    sources: [TRACES, TRIPS, SEATS],
    licence:
      'Figures only, no records. GPS: CRAWDAD epfl/mobility (v. 2009-02-24), Piorkowski, Sarafijanovic-Djukic, Grossglauser; ' +
      'the copy states no licence. Passengers: NYC TLC trip data 2013.',
    requestsByHour: requestsOfFriday(timed),
    cabsOnDutyByHour: traces.cabsOnDutyByHour,
    occupiedShareByHour: traces.occupiedShareByHour,
    speed: fitCitySpeed(samples, { detourFactor: traces.detourFactor, kerbS, samplesPerHourMin: 100 }),
    idle: {
      speedMpsByHour: traces.idleSpeedMpsByHour,
      stillShareByHour: traces.stillShareByHour,
      standS: traces.standS,
    },
    pingGapSQuantiles: traces.pingGapSQuantiles,
    tripMQuantiles: twentyQuantiles(samples.map((sample) => sample.straightM)),
    tripSQuantiles: twentyQuantiles(samples.map((sample) => sample.durationS)),
    meanTripM: Math.round(meanOf(samples.map((sample) => sample.straightM))),
    seatShares: fitSeats(dataDir),
    ...fitDemand(timed),
  };
}

function requestsOfFriday(timed: readonly TimedTrip[]): number[] {
  const counts = new Array<number>(24).fill(0);
  for (const { trip, hour } of timed)
    if (trip.pickupMs >= FRIDAY_MS && trip.pickupMs < FRIDAY_MS + 86_400_000)
      counts[hour] = (counts[hour] as number) + 1;
  return counts;
}

function fitKerbS(samples: readonly SpeedSample[]): number {
  const intercepts = KERB_HOURS.map((hour) => {
    const short = samples.filter((s) => s.hour === hour && s.straightM < 5000 && isSpeedSample(s));
    return interceptOf(short.map((sample) => ({ x: sample.straightM, y: sample.durationS })));
  });
  return Math.round(medianOf(intercepts));
}

function fitSeats(dataDir: string): number[] {
  const counts = [0, 0, 0, 0];
  readCsv(dataPath(dataDir, SEATS), ['passenger_count_capped4'], ([seats]) => {
    const index = Number(seats) - 1;
    counts[index] = (counts[index] ?? 0) + 1;
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => roundTo(count / total, 3));
}
