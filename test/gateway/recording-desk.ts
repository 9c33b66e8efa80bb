import type {
  AckBody,
  ConnectPlace,
  Desk,
  DriverCommand,
  Member,
  OperatorCommand,
  Principal,
  RiderCommand,
} from '../../src/dispatch/desk.ts';
import type { DriverId, RiderId, TripId } from '../../src/domain/ids.ts';
import type { Place } from '../../src/domain/place.ts';
import { accepted, rejected, type Result } from '../../src/domain/rejection.ts';
import { isOperatorRole } from '../../src/domain/role.ts';
import { FIX_WIDTH } from '../../src/protocol/fix-rows.ts';
import type { NearbyDriver, Snapshot, TripView } from '../../src/protocol/messages.ts';

/** A gate that holds whoever comes until it is opened. */
export class Gate {
  private waiting: (() => void)[] = [];
  private isOpen = true;
  /** How many have come while it was shut, ever. */
  arrived = 0;

  shut(): void {
    this.isOpen = false;
  }

  open(): void {
    this.isOpen = true;
    for (const go of this.waiting.splice(0)) go();
  }

  async pass(): Promise<void> {
    if (this.isOpen) return;
    this.arrived += 1;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

export const TRIP_ID = '0192f3a4-7c00-7000-8000-000000000001' as TripId;
const PLACE = { lat: 37.77, lng: -122.41 };
const QUOTE: TripView['quote'] = {
  fareMinor: 1_250,
  currency: 'USD',
  distanceM: 3_000.5,
  durationS: 600,
  lines: [{ kind: 'base', amountMinor: 1_250 }],
};
export const TRIP: TripView = {
  ...{ tripId: TRIP_ID, status: 'searching', version: 1, pickup: PLACE, dropoff: PLACE },
  ...{ vehicleClass: 'economy', seats: 1, quote: QUOTE, driverId: null, riderId: 'rider-1', pin: '1234' },
  ...{ driverAt: null, etaS: null, requestedMs: 1_000, acceptedMs: null, arrivedMs: null, startedMs: null },
  ...{ endedMs: null, distanceM: null, fareMinor: null, fareLines: null, endedBy: null, endReason: null },
};

/**
 * A whole desk in memory: it answers every command as its contract says, keeps answers by idempotency key, and writes down
 * what it was asked. Gates hold it where a test wants to be in between.
 */
export class RecordingDesk implements Desk {
  readonly commands: { account: string; command: DriverCommand | RiderCommand | OperatorCommand }[] = [];
  readonly fixes: { driverId: string; fix: number[] }[] = [];
  readonly commandGate = new Gate();
  readonly snapshotGate = new Gate();
  /** What the next snapshots hold. */
  state: Snapshot = { status: 'available', offer: null, trip: null };
  failsWith: Error | null = null;
  calls = 0;
  private readonly answers = new Map<string, Result<AckBody>>();

  pings(driverId: DriverId, rows: Float64Array, count: number): number {
    this.calls += 1;
    for (let row = 0; row < count; row++) {
      this.fixes.push({ driverId, fix: [...rows.subarray(row * FIX_WIDTH, (row + 1) * FIX_WIDTH)] });
    }
    return -1;
  }

  driver(driverId: DriverId, command: DriverCommand): Promise<Result<AckBody>> {
    return this.perform(driverId, command);
  }

  rider(riderId: RiderId, command: RiderCommand): Promise<Result<AckBody>> {
    return this.perform(riderId, command);
  }

  operator(operatorId: string, command: OperatorCommand): Promise<Result<AckBody>> {
    return this.perform(operatorId, command);
  }

  private async perform(
    account: string,
    command: DriverCommand | RiderCommand | OperatorCommand,
  ): Promise<Result<AckBody>> {
    this.calls += 1;
    this.commands.push({ account, command });
    if (this.failsWith !== null) throw this.failsWith;
    await this.commandGate.pass();
    const key = `${account} ${command.id}`;
    const answer = this.answers.get(key) ?? this.answerTo(command);
    this.answers.set(key, answer);
    return answer;
  }

  private answerTo(command: DriverCommand | RiderCommand | OperatorCommand): Result<AckBody> {
    switch (command.t) {
      case 'request':
        return accepted({ trip: { ...TRIP, pickup: command.pickup, dropoff: command.dropoff } });
      case 'cancel':
        if (command.tripId !== TRIP_ID) return rejected('not_found');
        return accepted({ trip: { ...TRIP, status: 'cancelled', version: 2, endReason: command.reason } });
      case 'quote':
        return accepted({ quote: QUOTE });
      case 'snapshot':
        return accepted({ snapshot: this.state });
      case 'accept':
        return rejected('offer_gone');
      default:
        return accepted({});
    }
  }

  /** Accounts whose seat was taken, in order. */
  readonly seated: string[] = [];

  async seat(member: Member): Promise<Result<Snapshot>> {
    this.seated.push(member.role === 'driver' ? member.driverId : member.riderId);
    return this.snapshot();
  }

  /** North of 60 degrees there is no service; east of -122 it is another replica's. */
  connect(place: Place): Result<ConnectPlace> {
    this.calls += 1;
    if (place.lat > 60) return rejected('outside_area');
    const isHere = place.lng <= -122;
    return accepted({ zone: '862830827ffffff', url: isHere ? null : 'ws://127.0.0.1:9', isHere });
  }

  async snapshot(): Promise<Result<Snapshot>> {
    this.calls += 1;
    const state = this.state;
    await this.snapshotGate.pass();
    return accepted(state);
  }

  async trip(_principal: Principal, tripId: TripId): Promise<Result<TripView>> {
    this.calls += 1;
    if (this.failsWith !== null) throw this.failsWith;
    return tripId === TRIP_ID ? accepted(TRIP) : rejected('not_found');
  }

  nearby(place: Place, max: number): Result<NearbyDriver[]> {
    this.calls += 1;
    const driver = { ...place, headingDeg: null, vehicleClass: 'economy', etaS: 30 } as const;
    return accepted(Array.from({ length: max }, () => driver));
  }

  async explain(principal: Principal, tripId: TripId): Promise<Result<Record<string, unknown>>> {
    this.calls += 1;
    return isOperatorRole(principal.role) ? accepted({ tripId }) : rejected('forbidden');
  }
}
