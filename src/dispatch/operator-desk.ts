import type { DriverId, OfferId, TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Trip } from '../domain/trip.ts';
import type { NewOffer, OfferOpening } from '../store/trip-store.ts';
import { commandKey } from './command-key.ts';
import type { AckBody, OperatorCommand } from './desk.ts';
import type { Engine } from './engine.ts';
import { execute, settle } from './settlement.ts';
import { readMeter } from './trip-meter.ts';

/** The offer behind an assignment is accepted within the same call; should that be lost, it ends like any other. */
const ASSIGNED_TTL_MS = 15_000;

type Cancel = Extract<OperatorCommand, { t: 'cancel' }>;
type Assign = Extract<OperatorCommand, { t: 'assign' }>;

/** Runs one command of an operator; store failures reject. Whether the operator may is decided before. */
export function operatorCommand(
  engine: Engine,
  operatorId: string,
  command: OperatorCommand,
): Promise<Result<AckBody>> {
  return command.t === 'cancel' ? cancel(engine, operatorId, command) : assign(engine, operatorId, command);
}

/** Ends anybody's trip; with the rider aboard it is paid as far as it was driven. */
async function cancel(engine: Engine, operatorId: string, command: Cancel): Promise<Result<AckBody>> {
  const tripId = command.tripId as TripId;
  const before = await engine.store.trip(tripId);
  const reading = before?.status === 'on_trip' ? await readMeter(engine, before) : {};
  const result = await execute(
    engine,
    {
      ...{ kind: 'transition', event: 'cancelled', tripId, actor: 'operator', actorId: operatorId },
      ...{ key: commandKey(operatorId, command), atMs: engine.clock.nowMs(), reason: command.reason },
      ...reading,
    },
    { tripId, driverId: before?.driverId ?? null },
  );
  if (!result.ok) return result;
  settle(engine, result.value, result.value.trip.driverId);
  return accepted({ trip: engine.views.forDriver(result.value.trip) });
}

/**
 * Gives a searching trip to a driver on duty, who is not asked: an offer that is accepted at once, so that the store's rules hold as for
 * any other (R2, R3, R9). `wrong_state` when the trip does not search any more, `driver_busy` when the driver has a trip or an offer.
 */
async function assign(engine: Engine, operatorId: string, command: Assign): Promise<Result<AckBody>> {
  const tripId = command.tripId as TripId;
  const driverId = command.driverId as DriverId;
  const trip = await engine.store.trip(tripId);
  if (trip === null) return rejected('not_found');
  const duty = await engine.store.dutyOf(driverId);
  if (duty === null) return rejected('not_found', 'no driver of this id has ever been on duty');
  if (!duty.onDuty) return rejected('wrong_state', 'the driver is not on duty');
  if (duty.vehicle.seats < trip.seats) return rejected('wrong_state', 'the car has too few seats');
  const offer = offerOf(engine, trip, driverId);
  const [opening] = await engine.store.openOffers([offer]);
  const refusal = refusalOf(opening!);
  if (refusal !== null) return refusal;
  // Also when the trip does not search any more: the same command may have done that, and has its answer (R5).
  const result = await execute(
    engine,
    {
      ...{ kind: 'accept', key: commandKey(operatorId, command), offerId: offer.offerId },
      ...{ driverId, atMs: engine.clock.nowMs() },
    },
    { tripId, driverId },
  );
  if (!result.ok)
    return opening!.opened ? result : rejected('wrong_state', 'the trip does not search a driver any more');
  settle(engine, result.value, null);
  return accepted({ trip: engine.views.forDriver(result.value.trip) });
}

function offerOf(engine: Engine, trip: Trip, driverId: DriverId): NewOffer {
  const slot = engine.index.slotOf(driverId);
  const place = slot < 0 ? null : engine.index.placeOf(slot);
  const offeredMs = engine.clock.nowMs();
  return {
    offerId: engine.ids.newId() as OfferId,
    ...{ tripId: trip.tripId, driverId, offeredMs, expiresMs: offeredMs + ASSIGNED_TTL_MS },
    etaS: place === null ? 0 : engine.views.etaS(trip, place),
  };
}

function refusalOf(opening: OfferOpening): Result<AckBody> | null {
  if (opening.opened || opening.why === 'trip_not_searching') return null;
  if (opening.why === 'driver_excluded')
    return rejected('wrong_state', 'the driver has declined or given up this trip');
  return rejected('driver_busy');
}
