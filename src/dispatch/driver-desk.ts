import type { DriverId, OfferId, TripId } from '../domain/ids.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Actor } from '../domain/trip.ts';
import { unreachable } from '../lib/assert.ts';
import type { PlainTransition, TripCommand } from '../store/trip-store.ts';
import { commandKey } from './command-key.ts';
import type { AckBody, DriverCommand } from './desk.ts';
import { statusInput } from './dispatch-input.ts';
import { publish, type Engine, type ServedMarket } from './engine.ts';
import { execute, settle } from './settlement.ts';
import { snapshotOfDriver } from './snapshots.ts';
import { owedOnNoShow, readMeter } from './trip-meter.ts';

type OnTripCommand = Extract<DriverCommand, { tripId: string }>;
type TransitionFields = Partial<Extract<TripCommand, { kind: 'transition' }>>;
const DRIVER: Actor = 'driver';

/** Runs one command of a driver; store failures reject. */
export async function driverCommand(
  engine: Engine,
  driverId: DriverId,
  command: DriverCommand,
): Promise<Result<AckBody>> {
  switch (command.t) {
    case 'online':
      return goOnline(engine, driverId, command);
    case 'offline':
      return goOffline(engine, driverId);
    case 'accept':
    case 'decline':
      return answerOffer(engine, driverId, command);
    case 'arrived':
      return moveOn(engine, driverId, command, 'arrived', {});
    case 'start':
      return start(engine, driverId, command);
    case 'complete':
      return complete(engine, driverId, command);
    case 'no_show':
      return declareNoShow(engine, driverId, command);
    case 'cancel':
      return giveUp(engine, driverId, command);
    case 'get_trip': {
      const trip = await engine.store.trip(command.tripId as TripId);
      if (trip?.driverId !== driverId) return rejected('not_found');
      return accepted({ trip: engine.views.forDriver(trip) });
    }
    case 'snapshot':
      return accepted({ snapshot: await snapshotOfDriver(engine, driverId) });
    default:
      return unreachable(command);
  }
}

type Online = Extract<DriverCommand, { t: 'online' }>;

async function goOnline(engine: Engine, driverId: DriverId, command: Online): Promise<Result<AckBody>> {
  const served = marketFor(engine, command);
  if (served === undefined) return rejected('bad_message', 'marketId is needed: this server has several');
  const { market, dispatcher } = served;
  const { vehicleClass, seats } = command;
  if (market.fares[vehicleClass] === undefined) return rejected('class_not_offered');
  const trip = await engine.store.activeTripOfDriver(driverId);
  const vehicle = { vehicleClass, seats };
  const sinceMs = engine.clock.nowMs();
  engine.seats.takeDriver(driverId, sinceMs);
  await engine.store.setDuty({ driverId, marketId: market.marketId, vehicle, onDuty: true, sinceMs });
  dispatcher.input({ kind: 'driver_on_duty', driverId, vehicle });
  if (engine.index.slotOf(driverId) < 0)
    return rejected('overloaded', 'this server has no room for more drivers');
  if (trip !== null) {
    engine.active.update(trip);
    dispatcher.input(statusInput(driverId, trip));
  }
  engine.log.info({ driverId, market: market.marketId, vehicleClass }, 'driver on duty');
  return accepted({});
}

function marketFor(engine: Engine, command: Online): ServedMarket | undefined {
  for (const served of engine.markets.values()) {
    if (
      command.marketId === undefined ? engine.markets.size === 1 : served.market.marketId === command.marketId
    )
      return served;
  }
  return undefined;
}

async function goOffline(engine: Engine, driverId: DriverId): Promise<Result<AckBody>> {
  const [trip, duty] = await Promise.all([
    engine.store.activeTripOfDriver(driverId),
    engine.store.dutyOf(driverId),
  ]);
  if (trip !== null) return rejected('driver_busy');
  if (duty === null) return accepted({});
  const atMs = engine.clock.nowMs();
  const dispatcher = engine.markets.get(duty.marketId)?.dispatcher;
  if (duty.onDuty) {
    await engine.store.setDuty({ ...duty, onDuty: false, sinceMs: atMs });
    engine.log.info({ driverId, market: duty.marketId }, 'driver off duty');
  }
  publish(engine, { kind: 'off_duty', driverId });
  // Looked up last, and again when the command is repeated: an offer stored before is seen here, one stored after is taken back
  // by the dispatcher.
  const offer = await engine.store.liveOfferOfDriver(driverId);
  if (offer !== null) {
    // Going away is an answer: the trip looks for somebody else at once, not after the time-out.
    const closed = await engine.store.closeOffers([{ offerId: offer.offerId, status: 'timed_out', atMs }]);
    dispatcher?.countClosed(closed);
    if (closed.length > 0) publish(engine, { kind: 'offers_closed', offers: closed });
  }
  return accepted({});
}

async function answerOffer(
  engine: Engine,
  driverId: DriverId,
  command: Extract<DriverCommand, { t: 'accept' | 'decline' }>,
): Promise<Result<AckBody>> {
  const offerId = command.offerId as OfferId;
  const result = await execute(
    engine,
    { kind: command.t, key: commandKey(driverId, command), offerId, driverId, atMs: engine.clock.nowMs() },
    { tripId: null, driverId },
  );
  if (!result.ok) return result;
  settle(engine, result.value, null);
  return accepted(command.t === 'accept' ? { trip: engine.views.forDriver(result.value.trip) } : {});
}

async function moveOn(
  engine: Engine,
  driverId: DriverId,
  command: OnTripCommand,
  event: PlainTransition,
  fields: TransitionFields,
): Promise<Result<AckBody>> {
  const tripId = command.tripId as TripId;
  const result = await execute(
    engine,
    {
      kind: 'transition',
      key: commandKey(driverId, command),
      event,
      tripId,
      actor: DRIVER,
      actorId: driverId,
      atMs: engine.clock.nowMs(),
      ...fields,
    },
    { tripId, driverId },
  );
  if (!result.ok) return result;
  settle(engine, result.value, driverId);
  return accepted({ trip: engine.views.forDriver(result.value.trip) });
}

async function start(
  engine: Engine,
  driverId: DriverId,
  command: Extract<DriverCommand, { t: 'start' }>,
): Promise<Result<AckBody>> {
  const { pinTries, clock } = engine;
  if (pinTries.isEmpty(command.tripId, clock.nowMs())) return rejected('rate_limited', 'too many wrong PINs');
  const result = await moveOn(engine, driverId, command, 'started', { pin: command.pin });
  if (!result.ok && result.code === 'wrong_pin') pinTries.take(command.tripId, clock.nowMs());
  return result;
}

async function complete(
  engine: Engine,
  driverId: DriverId,
  command: OnTripCommand,
): Promise<Result<AckBody>> {
  const trip = await engine.store.trip(command.tripId as TripId);
  const isAboard = trip?.driverId === driverId && trip.status === 'on_trip';
  return moveOn(engine, driverId, command, 'completed', isAboard ? await readMeter(engine, trip) : {});
}

async function declareNoShow(
  engine: Engine,
  driverId: DriverId,
  command: OnTripCommand,
): Promise<Result<AckBody>> {
  const trip = await engine.store.trip(command.tripId as TripId);
  const noShowMs = trip === null ? 0 : (engine.markets.get(trip.marketId)?.market.noShowMs ?? 0);
  const arrivedBeforeMs = engine.clock.nowMs() - noShowMs;
  const owed = trip?.driverId === driverId ? owedOnNoShow(engine, trip) : {};
  return moveOn(engine, driverId, command, 'no_show', { arrivedBeforeMs, ...owed });
}

/** Before the rider is aboard the trip is given back to the matcher; after that it ends, paid as far as it was driven. */
async function giveUp(
  engine: Engine,
  driverId: DriverId,
  command: Extract<DriverCommand, { t: 'cancel' }>,
): Promise<Result<AckBody>> {
  const trip = await engine.store.trip(command.tripId as TripId);
  const reason = command.reason;
  if (trip?.driverId === driverId && trip.status === 'on_trip')
    return moveOn(engine, driverId, command, 'cancelled', { reason, ...(await readMeter(engine, trip)) });
  return moveOn(engine, driverId, command, 'released', { reason });
}
