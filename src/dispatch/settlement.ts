import type { DriverId } from '../domain/ids.ts';
import type { Result } from '../domain/rejection.ts';
import { isFinal, type Trip } from '../domain/trip.ts';
import { NeverSentError, OverloadedError } from '../store/group-commit.ts';
import type { TripChange, TripCommand } from '../store/trip-store.ts';
import type { Doubt } from './doubts.ts';
import { publish, type Engine } from './engine.ts';
import { learn } from './learn.ts';

/**
 * What follows from a trip as the store has it, when nobody here has told how it came to be so (see Doubts); the other replicas
 * are told as well, unless they were when it changed.
 */
export function catchUp(engine: Engine, trip: Trip, { driverId, isTold }: Doubt): void {
  const found = { kind: 'trip_found', trip, driverId } as const;
  if (isTold === true) learn(engine, found, null);
  else publish(engine, found);
}

/**
 * Runs a command that changes a trip. When its answer is lost nobody knows whether it was done: the trip is in doubt until it
 * has been looked up.
 */
export async function execute(
  engine: Engine,
  command: TripCommand,
  about: Doubt,
): Promise<Result<TripChange>> {
  try {
    return await engine.store.execute(command);
  } catch (error) {
    const isCertain = error instanceof OverloadedError || error instanceof NeverSentError;
    if (!isCertain) engine.doubts.add(about);
    throw error;
  }
}

/**
 * What follows from a stored change of a trip: the matchers learn it, then both sides are told, wherever they are (R6).
 * `driverId` is the driver before the change, where there was one. A replayed answer has had its consequences already.
 */
export function settle(engine: Engine, change: TripChange, driverId: DriverId | null): void {
  const { trip, closedOffers, event } = change;
  // Its consequences may have been another server's, which died of it or was deposed: look the trip up.
  if (change.replayed) return engine.doubts.add({ tripId: trip.tripId, driverId: trip.driverId ?? driverId });
  engine.markets.get(trip.marketId)?.dispatcher.countClosed(closedOffers);
  publish(engine, { kind: 'trip_changed', change: { trip, closedOffers, event }, driverId });
  if (event === null) return;
  const { tripId, status, endReason } = trip;
  const fields = { tripId, driverId: trip.driverId, riderId: trip.riderId, status, version: trip.version };
  engine.log.info(isFinal(status) ? { ...fields, endReason } : fields, `trip ${event.kind}`);
}
