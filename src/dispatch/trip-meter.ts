import { distanceM } from '../domain/place.ts';
import { fareMinor } from '../domain/fare.ts';
import type { Trip } from '../domain/trip.ts';
import { assert } from '../lib/assert.ts';
import type { PathPoint } from '../store/trip-store.ts';
import type { Engine } from './engine.ts';

/** Steps shorter than this are a standing car's GPS noise. */
const NOISE_M = 3;

/** What was driven and what is owed when a trip with the rider aboard ends now. */
export interface MeterReading {
  readonly distanceM: number;
  readonly fareMinor: number;
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
  const table = engine.markets.get(trip.marketId)?.market.fares[trip.vehicleClass];
  assert(table !== undefined, 'a trip has a market that prices its class');
  const durationS = (engine.clock.nowMs() - (trip.startedMs ?? engine.clock.nowMs())) / 1000;
  return { distanceM: Math.round(drivenM), fareMinor: fareMinor(table, drivenM, durationS) };
}
