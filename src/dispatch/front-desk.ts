import type { DriverId, RiderId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { reachOf } from '../domain/permission.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Vehicle } from '../domain/vehicle.ts';
import { createErrorLog } from '../lib/error-log.ts';
import { OverloadedError } from '../store/group-commit.ts';
import type { NearbyDriver, Snapshot, TripView } from '../protocol/messages.ts';
import type {
  AckBody,
  ConnectPlace,
  Desk,
  DriverCommand,
  Member,
  OperatorCommand,
  Principal,
  RiderCommand,
} from './desk.ts';
import { driverCommand } from './driver-desk.ts';
import type { Engine } from './engine.ts';
import { operatorCommand } from './operator-desk.ts';
import { nearbyDrivers } from './nearby.ts';
import { takePings } from './pings.ts';
import { riderCommand } from './rider-desk.ts';
import { connectPlace, seatDriver, seatRider } from './seating.ts';
import { riderSnapshot, snapshotOfDriver } from './snapshots.ts';

/** Whether a driver may go on duty so, or why not (`not_approved`, `location_suspect`); rejects when a store is out of reach. */
export type Approval = (
  driverId: DriverId,
  online: Vehicle & { readonly mockLocation?: boolean },
) => Promise<Result<null>>;

/** For accounts that are kept elsewhere: whoever signs a driver's token has approved of the driver. */
const APPROVED: Approval = () => Promise.resolve(accepted(null));

/** The desk over an engine: authorises, runs, and turns a store out of reach into `unavailable`. */
export class FrontDesk implements Desk {
  private readonly engine: Engine;
  private readonly approval: Approval;
  private readonly outOfReach: (error: unknown) => void;

  constructor(engine: Engine, approval = APPROVED) {
    this.engine = engine;
    this.approval = approval;
    const { log, clock } = engine;
    this.outOfReach = createErrorLog({ log, clock, what: 'commands met a store out of reach' });
  }

  pings(driverId: DriverId, rows: Float64Array, count: number, hint = -1): number {
    return takePings(this.engine, driverId, rows, count, hint);
  }

  driver(driverId: DriverId, command: DriverCommand): Promise<Result<AckBody>> {
    return this.guarded(() =>
      command.t === 'online'
        ? this.goOnline(driverId, command)
        : driverCommand(this.engine, driverId, command),
    );
  }

  rider(riderId: RiderId, command: RiderCommand): Promise<Result<AckBody>> {
    return this.guarded(() => riderCommand(this.engine, riderId, command));
  }

  operator(operatorId: string, command: OperatorCommand): Promise<Result<AckBody>> {
    return this.guarded(() => operatorCommand(this.engine, operatorId, command));
  }

  snapshot(principal: Principal): Promise<Result<Snapshot>> {
    return this.guarded(async () => {
      switch (principal.role) {
        case 'driver':
          return accepted(await snapshotOfDriver(this.engine, principal.driverId));
        case 'rider':
          return accepted(await riderSnapshot(this.engine, principal.riderId));
        default:
          return accepted({ status: null, offer: null, trip: null });
      }
    });
  }

  seat(member: Member): Promise<Result<Snapshot>> {
    return this.guarded(async () =>
      accepted(
        await (member.role === 'driver'
          ? seatDriver(this.engine, member.driverId)
          : seatRider(this.engine, member.riderId)),
      ),
    );
  }

  connect(place: Place): Result<ConnectPlace> {
    return connectPlace(this.engine, place);
  }

  trip(principal: Principal, tripId: TripId): Promise<Result<TripView>> {
    return this.guarded(async () => {
      const trip = await this.engine.store.trip(tripId);
      if (trip === null) return rejected('not_found');
      const { views } = this.engine;
      if (principal.role === 'rider' && trip.riderId === principal.riderId)
        return accepted(views.forRider(trip));
      if (principal.role === 'driver' && trip.driverId === principal.driverId)
        return accepted(views.forDriver(trip));
      return reachOf(principal.role, 'trip.read') === 'any'
        ? accepted(views.forDriver(trip))
        : rejected('not_found');
    });
  }

  nearby(place: Place, max: number): Result<NearbyDriver[]> | Promise<Result<NearbyDriver[]>> {
    return nearbyDrivers(this.engine, place, max);
  }

  explain(principal: Principal, tripId: TripId): Promise<Result<Record<string, unknown>>> {
    return this.guarded(async () => {
      if (reachOf(principal.role, 'trip.explain') !== 'any') return rejected('forbidden');
      const { store, views } = this.engine;
      const trip = await store.trip(tripId);
      if (trip === null) return rejected('not_found');
      const [decisions, offers, events] = await Promise.all([
        store.decisionsOf(tripId),
        store.offersOf(tripId),
        store.eventsOf(tripId),
      ]);
      return accepted({ trip: views.forDriver(trip), decisions, offers, events });
    });
  }

  private async goOnline(
    driverId: DriverId,
    command: Extract<DriverCommand, { t: 'online' }>,
  ): Promise<Result<AckBody>> {
    const before = await this.approval(driverId, command);
    if (!before.ok) return before;
    const answer = await driverCommand(this.engine, driverId, command);
    if (!answer.ok) return answer;
    // Suspended in between, the driver was told to go off duty perhaps before being on it.
    const after = await this.approval(driverId, command);
    if (after.ok) return answer;
    await driverCommand(this.engine, driverId, { t: 'offline', id: command.id });
    return after;
  }

  /** Errors with a code come from a store or the system: the caller may try again. All others are bugs and go up. */
  private async guarded<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof OverloadedError) return rejected('overloaded');
      if (!(error instanceof Error) || !('code' in error)) throw error;
      this.outOfReach(error);
      return rejected('unavailable');
    }
  }
}
