import { feesOfPlaces, forbiddingPickup } from '../domain/district.ts';
import { rideFare, totalMinor } from '../domain/fare.ts';
import { zoneAt } from '../domain/cell.ts';
import type { RiderId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { TripCommand } from '../store/trip-store.ts';
import type { Quote } from '../domain/trip.ts';
import { unreachable } from '../lib/assert.ts';
import { commandKey } from './command-key.ts';
import type { AckBody, RiderCommand } from './desk.ts';
import { marketOf, type Engine, type ServedMarket } from './engine.ts';
import { nearbyDrivers } from './nearby.ts';
import { execute, settle } from './settlement.ts';
import { riderSnapshot } from './snapshots.ts';
import { owedOnCancel } from './trip-meter.ts';
import { quoteView } from './trip-view.ts';

type RideFields = Omit<Extract<RiderCommand, { t: 'quote' }>, 't' | 'id'>;
const NEARBY_MAX = 20;

/** Runs one command of a rider; store failures reject. */
export async function riderCommand(
  engine: Engine,
  riderId: RiderId,
  command: RiderCommand,
): Promise<Result<AckBody>> {
  switch (command.t) {
    case 'quote': {
      const priced = price(engine, command);
      return priced.ok ? accepted({ quote: quoteView(priced.value.quote) }) : priced;
    }
    case 'request':
      return requestRide(engine, riderId, command);
    case 'cancel':
      return cancelRide(engine, riderId, command);
    case 'nearby': {
      const drivers = await nearbyDrivers(engine, command.place, NEARBY_MAX);
      return drivers.ok ? accepted({ drivers: drivers.value }) : drivers;
    }
    case 'get_trip': {
      const trip = await engine.store.trip(command.tripId as TripId);
      if (trip?.riderId !== riderId) return rejected('not_found');
      return accepted({ trip: engine.views.forRider(trip) });
    }
    case 'snapshot':
      return accepted({ snapshot: await riderSnapshot(engine, riderId) });
    default:
      return unreachable(command);
  }
}

/** The upfront price: the route's distance and time, metered. */
function price(engine: Engine, ride: RideFields): Result<{ quote: Quote; served: ServedMarket }> {
  const served = marketOf(engine, ride.pickup, ride.dropoff);
  if (served === undefined) return rejected('outside_area');
  const { market } = served;
  const forbidding = forbiddingPickup(market, ride.pickup);
  if (forbidding !== undefined) return rejected('pickup_forbidden', forbidding.name);
  const table = market.fares[ride.vehicleClass];
  if (table === undefined) return rejected('class_not_offered');
  const route = served.eta.route(ride.pickup, ride.dropoff, engine.clock.nowMs());
  const terms = {
    table,
    surgeFactor: 1,
    fees: feesOfPlaces(market, ride.pickup, ride.dropoff),
    ...market.charges,
  };
  const lines = rideFare(terms, route.distanceM, route.durationS);
  const quote: Quote = {
    fareMinor: totalMinor(lines),
    currency: market.currency,
    distanceM: Math.round(route.distanceM),
    durationS: Math.round(route.durationS),
    lines,
    terms,
  };
  return accepted({ quote, served });
}

async function requestRide(
  engine: Engine,
  riderId: RiderId,
  command: Extract<RiderCommand, { t: 'request' }>,
): Promise<Result<AckBody>> {
  const priced = price(engine, command);
  if (!priced.ok) return priced;
  const { quote, served } = priced.value;
  const { dispatcher, market } = served;
  if (openRequestsAt(engine, served, command.pickup) >= engine.limits.openRequestsMax)
    return rejected('overloaded');
  const { pickup, dropoff, vehicleClass, seats } = command;
  const requestedMs = engine.clock.nowMs();
  const trip = {
    tripId: engine.ids.newId() as TripId,
    marketId: market.marketId,
    riderId,
    vehicleClass,
    seats,
    pickup,
    dropoff,
    pin: engine.ids.newPin(),
    quote,
    requestedMs,
  };
  return dispatcher.whileStoring(() =>
    storeRequest(engine, { kind: 'request', key: commandKey(riderId, command), trip }),
  );
}

/** Requests that wait where this one would: here, or at the owner of the pickup's zone. */
function openRequestsAt(engine: Engine, { dispatcher }: ServedMarket, pickup: Place): number {
  const zone = zoneAt(pickup.lat, pickup.lng, engine.index.grid);
  return engine.peers.owns(zone) ? dispatcher.openRequests : engine.peers.openRequestsAt(zone);
}

async function storeRequest(
  engine: Engine,
  command: Extract<TripCommand, { kind: 'request' }>,
): Promise<Result<AckBody>> {
  const result = await engine.store.execute(command);
  if (!result.ok) return result;
  // A repetition: whoever stored it has told, or the sweep has found it.
  if (!result.value.replayed) settle(engine, result.value, null);
  return accepted({ trip: engine.views.forRider(result.value.trip) });
}

async function cancelRide(
  engine: Engine,
  riderId: RiderId,
  command: Extract<RiderCommand, { t: 'cancel' }>,
): Promise<Result<AckBody>> {
  const tripId = command.tripId as TripId;
  const before = await engine.store.trip(tripId);
  const owed = before?.riderId === riderId ? await owedOnCancel(engine, before) : {};
  const result = await execute(
    engine,
    {
      kind: 'transition',
      key: commandKey(riderId, command),
      event: 'cancelled',
      tripId,
      actor: 'rider',
      actorId: riderId,
      atMs: engine.clock.nowMs(),
      reason: command.reason,
      ...owed,
    },
    { tripId, driverId: null },
  );
  if (!result.ok) return result;
  settle(engine, result.value, result.value.trip.driverId);
  return accepted({ trip: engine.views.forRider(result.value.trip) });
}
