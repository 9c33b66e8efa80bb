import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import { createPrng } from '../../lib/prng.ts';
import type { City, CityDriver, CityRide } from './city.ts';
import { PATIENCE_S, STAY_MS, centreOf } from './city.ts';
import { localHour } from './city-speed.ts';
import { Demand, cumulate, drawIndex } from './demand.ts';
import { IdleDrift } from './idle-drift.ts';
import { SF_SERVICE_AREA, SF_TIME_ZONE, SF_UTC_OFFSET_MS } from './san-francisco.ts';
import { SF_FIGURES } from './sf-figures.ts';
import { joinTraces } from './trace.ts';

const HOUR_MS = 3_600_000;
/** Local midnight at the start of the fitted Friday. */
const FRIDAY_MS = Date.parse('2008-06-06T00:00:00-07:00');
/** The curve of cabs on duty is looked at so often to find when each comes and goes. */
const DUTY_STEP_MS = 5 * 60_000;
/** A cab that goes off duty does so for at least this long. */
const PAUSE_MS_MIN = 15 * 60_000;

/** What to generate. */
export interface GenerateOptions {
  /** The same seed and options give the same city, to the bit. */
  readonly seed: number | bigint;
  /** How long riders ask, milliseconds, up to a day. */
  readonly durationMs: number;
  /** Local hour of the Friday at which it begins, 0 up to 24, fractions allowed; default 18, when the evening fills. */
  readonly startHour?: number | undefined;
  /** Number of drivers; default: as many as were on duty at the fullest moment of that stretch. */
  readonly fleet?: number | undefined;
  /** Requests, times the recorded rate; default 1. */
  readonly demandFactor?: number | undefined;
}

/**
 * A Friday in San Francisco that never was: demand by hour and cell, trip lengths, speeds, cabs on duty, their drift and
 * their pings all drawn from SF_FIGURES. After midnight the figures of the same Friday's first hours stand in. Requests are the
 * recorded boardings (what nobody served, nobody recorded) and come as a Poisson process.
 */
export function generateCity(options: GenerateOptions): City {
  const { durationMs, startHour = 18, demandFactor = 1 } = options;
  assert(durationMs > 0 && durationMs <= 24 * HOUR_MS, 'durationMs is up to a day');
  assert(startHour >= 0 && startHour < 24, 'startHour is 0 up to 24');
  const startMs = Math.round(FRIDAY_MS + startHour * HOUR_MS);
  const endMs = startMs + Math.round(durationMs);
  const prng = createPrng(options.seed);
  const demand = new Demand(SF_FIGURES);
  const [ridesPrng, driversPrng] = [prng.fork(), prng.fork()];
  const fleet = options.fleet ?? Math.round(Math.max(...dutyCurve(startMs, endMs)));
  assert(Number.isInteger(fleet) && fleet >= 0, 'fleet is a whole number from 0');
  return {
    name: 'san-francisco',
    startMs,
    endMs,
    timeZone: SF_TIME_ZONE,
    utcOffsetMs: SF_UTC_OFFSET_MS,
    currency: 'USD',
    centre: centreOf(SF_SERVICE_AREA),
    serviceArea: SF_SERVICE_AREA,
    driveSpeed: SF_FIGURES.speed,
    patienceS: PATIENCE_S,
    drivers: drawDrivers({ startMs, endMs, fleet, demand, prng: driversPrng }),
    rides: drawRides({ startMs, endMs, demandFactor, demand, prng: ridesPrng }),
    cleaning: {},
  };
}

interface DrawSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly demand: Demand;
  readonly prng: Prng;
}

const hourOf = (timeMs: number): number => localHour(timeMs, SF_UTC_OFFSET_MS);

function drawRides(span: DrawSpan & { demandFactor: number }): CityRide[] {
  const { startMs, endMs, demand, prng } = span;
  const seatSums = cumulate(SF_FIGURES.seatShares);
  const rides: CityRide[] = [];
  // Thinning: candidates at the fullest hour's rate, kept in proportion to their own hour's.
  const most = Math.max(...SF_FIGURES.requestsByHour);
  const meanGapMs = HOUR_MS / (most * span.demandFactor);
  for (let timeMs = startMs; ;) {
    timeMs += prng.exponential(meanGapMs);
    if (!(timeMs < endMs)) return rides;
    const requestedMs = Math.floor(timeMs);
    const hour = hourOf(requestedMs);
    if (!prng.chance((SF_FIGURES.requestsByHour[hour] as number) / most)) continue;
    const trip = demand.drawTrip(hour, prng);
    rides.push({
      rideId: `ride-${rides.length}`,
      requestedMs,
      ...trip,
      seats: drawIndex(seatSums, prng) + 1,
    });
  }
}

/** Cabs on duty every DUTY_STEP_MS, straight between the middles of the hours. */
function dutyCurve(startMs: number, endMs: number): number[] {
  const steps = Math.ceil((endMs - startMs) / DUTY_STEP_MS);
  return Array.from({ length: steps + 1 }, (_, step) => {
    const sinceMiddleMs = Math.min(endMs, startMs + step * DUTY_STEP_MS) - HOUR_MS / 2;
    const share = (sinceMiddleMs - Math.floor(sinceMiddleMs / HOUR_MS) * HOUR_MS) / HOUR_MS;
    const before = SF_FIGURES.cabsOnDutyByHour[hourOf(sinceMiddleMs)] as number;
    const after = SF_FIGURES.cabsOnDutyByHour[hourOf(sinceMiddleMs + HOUR_MS)] as number;
    return before + (after - before) * share;
  });
}

/**
 * Driver number i is needed whenever more than a share i/fleet of the fullest moment's cabs are on duty, so the fleet follows the
 * recorded curve; who is needed again after a lull comes back at another place.
 */
function drawDrivers(span: DrawSpan & { fleet: number }): CityDriver[] {
  const { startMs, endMs, fleet, demand, prng } = span;
  const drift = new IdleDrift(SF_FIGURES, demand);
  const curve = dutyCurve(startMs, endMs);
  const most = Math.max(...curve);
  const digits = String(Math.max(0, fleet - 1)).length;
  return Array.from({ length: fleet }, (_, index) => {
    const needed = curve.map((onDuty) => onDuty > ((index + 0.5) / fleet) * most);
    const shifts = stretchesOf(needed).map(({ first, last }) => {
      const jitterMs = prng.int(DUTY_STEP_MS);
      const startsMs = first === 0 ? startMs : startMs + (first - 1) * DUTY_STEP_MS + jitterMs;
      const endsMs = last === curve.length - 1 ? endMs + STAY_MS : startMs + last * DUTY_STEP_MS + jitterMs;
      const from = demand.drawDropoff(hourOf(startsMs), prng);
      return drift.trace({ from, startMs: startsMs, endMs: endsMs, prng: prng.fork() });
    });
    const trace = joinTraces(shifts, PAUSE_MS_MIN - 1);
    return {
      driverId: `cab-${String(index).padStart(digits, '0')}`,
      startsMs: trace.timesMs[0] as number,
      endsMs: trace.timesMs.at(-1) as number,
      trace,
    };
  });
}

/** First and last index of each run of true; runs less than PAUSE_MS_MIN apart are one. */
function stretchesOf(needed: readonly boolean[]): { first: number; last: number }[] {
  const stretches: { first: number; last: number }[] = [];
  needed.forEach((isNeeded, step) => {
    const before = stretches.at(-1);
    if (!isNeeded) return;
    // Two steps to spare: either end may be shifted by up to one.
    if (before !== undefined && (step - before.last - 2) * DUTY_STEP_MS < PAUSE_MS_MIN) before.last = step;
    else stretches.push({ first: step, last: step });
  });
  return stretches;
}
