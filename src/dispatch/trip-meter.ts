import { distanceM } from '../domain/place.ts';
import { feeInstead, type FareLine, type FareTerms, NO_CHARGES, rideFare } from '../domain/fare.ts';
import type { Trip } from '../domain/trip.ts';
import { assert } from '../lib/assert.ts';
import type { PathPoint } from '../store/trip-store.ts';
import type { Engine } from './engine.ts';

/** Steps shorter than this are a standing car's GPS noise. */
const NOISE_M = 3;

/** What was driven and what is owed when a trip with the rider aboard ends now. */
export interface MeterReading {
  readonly distanceM: number;
  readonly fareLines: readonly FareLine[];
}

/** Length of a path in metres, points in order of time; steps within the noise are gathered until they leave it. */
function pathLengthM(points: readonly PathPoint[]): number {
  let total = 0;
  let from = points[0];
  for (const point of points) {
    const stepM = distanceM(from!, point);
    if (stepM < NOISE_M) continue;
    total += stepM;
    from = point;
  }
  return total;
}

/**
 * Reads the meter from the stored path, which survives any restart. A trip whose app sent fewer than two fixes is charged by the
 * quote's distance: there is nothing else to go by.
 */
export async function readMeter(engine: Engine, trip: Trip): Promise<MeterReading> {
  await engine.active.flush();
  const points = await engine.store.pathOf(trip.tripId);
  const drivenM = points.length < 2 ? trip.quote.distanceM : pathLengthM(points);
  const durationS = (engine.clock.nowMs() - (trip.startedMs ?? engine.clock.nowMs())) / 1000;
  return {
    distanceM: Math.round(drivenM),
    fareLines: rideFare(termsOf(engine, trip), drivenM, Math.max(0, durationS)),
  };
}

type Owed = MeterReading | Pick<MeterReading, 'fareLines'> | Record<never, never>;

/** What a rider owes who cancels now: what was driven, or the fee once a driver has been on the way for long enough. */
export async function owedOnCancel(engine: Engine, trip: Trip): Promise<Owed> {
  if (trip.status === 'on_trip') return readMeter(engine, trip);
  const terms = termsOf(engine, trip);
  if (trip.acceptedMs === null || engine.clock.nowMs() - trip.acceptedMs <= terms.cancellationFreeMs)
    return {};
  return owed(feeInstead(terms, 'cancellation'));
}

/** What a rider owes who has not come. */
export const owedOnNoShow = (engine: Engine, trip: Trip): Owed =>
  owed(feeInstead(termsOf(engine, trip), 'no_show'));

const owed = (fareLines: readonly FareLine[]): Owed => (fareLines.length === 0 ? {} : { fareLines });

/** As agreed; trips from before terms were kept go by the market's prices and nothing else. */
function termsOf(engine: Engine, { quote, marketId, vehicleClass }: Trip): FareTerms {
  if (quote.terms !== null) return quote.terms;
  const table = engine.markets.get(marketId)?.market.fares[vehicleClass];
  assert(table !== undefined, 'a trip has a market that prices its class');
  return { table, surgeFactor: 1, fees: [], ...NO_CHARGES };
}
