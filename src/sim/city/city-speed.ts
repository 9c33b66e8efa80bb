import type { DriveSpeed } from '../../domain/market.ts';
import { assert } from '../../lib/assert.ts';

/** How fast a city's cabs get on, fitted to records (bench/fit). */
export interface CitySpeed extends DriveSpeed {
  /** Seconds of a recorded trip in which the cab stands: boarding, paying, the first and last light. */
  readonly kerbS: number;
}

/** Hour of the local day, 0 to 23. */
export function localHour(timeMs: number, utcOffsetMs: number): number {
  const hours = Math.floor((timeMs + utcOffsetMs) / 3_600_000);
  return ((hours % 24) + 24) % 24;
}

/** Metres of straight line that a cab gains per second on a drive of up to `motorwayFromM`, in that local hour (0..23). */
export function straightSpeedMps(speed: DriveSpeed, hour: number): number {
  const roadMps = speed.speedMpsByHour[hour];
  assert(roadMps !== undefined, 'speedMpsByHour holds 24 hours');
  return roadMps / speed.detourFactor;
}

/** Seconds from kerb to kerb over `straightM` metres as the crow flies, begun in that local hour; standing time apart. */
export function driveTimeS(speed: CitySpeed, straightM: number, hour: number): number {
  const streetM = Math.min(straightM, speed.motorwayFromM);
  const motorwayM = straightM - streetM;
  return streetM / straightSpeedMps(speed, hour) + (motorwayM * speed.detourFactor) / speed.motorwaySpeedMps;
}

/** One recorded trip: straight line in metres, seconds from boarding to leaving, local hour of its start. */
export interface SpeedSample {
  readonly straightM: number;
  readonly durationS: number;
  readonly hour: number;
}

/** A trip is used for the fit when its length and time can be a real fare's. */
export function isSpeedSample(sample: SpeedSample): boolean {
  const { straightM, durationS } = sample;
  return straightM >= 500 && durationS >= 60 && durationS <= 5400 && straightM / durationS <= 35;
}

interface SpeedFitOptions {
  readonly detourFactor: number;
  readonly kerbS: number;
  /** Hours with fewer samples get the whole day's speed. */
  readonly samplesPerHourMin: number;
}

const MOTORWAY_FROM_M = 4000;
/** No cab keeps up more along a road (108 km/h), whatever a few odd trips say. */
const MOTORWAY_SPEED_MPS_MAX = 30;

/**
 * Fits a CitySpeed: per hour the metres driven over the seconds driven (sum over sum, which gives a long wait its weight) of
 * the trips shorter than 4 km, then the same for what is beyond 4 km of the longer ones. Fewer than 20 long trips: no faster
 * there than in the streets.
 */
export function fitCitySpeed(samples: readonly SpeedSample[], options: SpeedFitOptions): CitySpeed {
  const { detourFactor, kerbS, samplesPerHourMin } = options;
  const good = samples.filter(isSpeedSample);
  const short = good.filter((sample) => sample.straightM < MOTORWAY_FROM_M);
  assert(short.length > 0, 'a speed is fitted to at least one trip');
  const ratio = (from: readonly SpeedSample[]): number =>
    (detourFactor * from.reduce((sum, sample) => sum + sample.straightM, 0)) /
    from.reduce((sum, sample) => sum + Math.max(1, sample.durationS - kerbS), 0);
  const wholeDayMps = ratio(short);
  const speedMpsByHour = Array.from({ length: 24 }, (_, hour) => {
    const ofHour = short.filter((sample) => sample.hour === hour);
    return round2(ofHour.length < samplesPerHourMin ? wholeDayMps : ratio(ofHour));
  });
  const long = good.filter((sample) => sample.straightM >= MOTORWAY_FROM_M);
  let [beyondM, beyondS] = [0, 0];
  for (const { straightM, durationS, hour } of long) {
    beyondM += (straightM - MOTORWAY_FROM_M) * detourFactor;
    beyondS += durationS - kerbS - (MOTORWAY_FROM_M * detourFactor) / (speedMpsByHour[hour] as number);
  }
  const fastMps = beyondS <= 0 ? MOTORWAY_SPEED_MPS_MAX : Math.min(MOTORWAY_SPEED_MPS_MAX, beyondM / beyondS);
  const motorwaySpeedMps = round2(long.length < 20 ? wholeDayMps : fastMps);
  return { detourFactor, speedMpsByHour, motorwayFromM: MOTORWAY_FROM_M, motorwaySpeedMps, kerbS };
}

const round2 = (value: number): number => Math.round(value * 100) / 100;
