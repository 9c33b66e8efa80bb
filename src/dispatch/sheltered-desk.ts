import type { DriverId, RiderId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { rejected, type Result } from '../domain/rejection.ts';
import { assert } from '../lib/assert.ts';
import type { Clock } from '../lib/clock.ts';
import { withDeadline } from '../lib/deadline.ts';
import { Turnstile } from '../lib/turnstile.ts';
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
import type { LoadLevel } from './load-level.ts';

/** How much a desk takes on, and for how long it is waited for. */
export interface ShelterLimits {
  /** The longest that an answer takes, wall ms; then it is `unavailable`, and what was asked may still be done. */
  readonly answerMsMax: number;
  /** What is begun and not settled, also when its answer was given up on; one more is answered `overloaded`. */
  readonly inFlightMax: number;
  /** The same for new requests and for looking things up: what is above is kept for trips under way. */
  readonly optionalInFlightMax: number;
  /** Snapshots of new connections loaded at once, those that wait for it, and for how long, wall ms; others are `overloaded`. */
  readonly snapshotsLoadingMax: number;
  readonly snapshotsWaitingMax: number;
  readonly snapshotWaitMsMax: number;
}

/**
 * A client has its answer within five seconds: one to wait for its turn (the gateway's `turnMsMax`), four for this. A snapshot
 * is three short reads: 200 keep a pool of ten connections busy, and 2,000 more are through within its waiting time.
 */
const SHELTER_LIMITS: ShelterLimits = {
  answerMsMax: 4_000,
  inFlightMax: 20_000,
  optionalInFlightMax: 15_000,
  snapshotsLoadingMax: 200,
  snapshotsWaitingMax: 2_000,
  snapshotWaitMsMax: 3_000,
};

export interface ShelteredDeskOptions {
  readonly desk: Desk;
  readonly load: { readonly level: LoadLevel };
  /** The machine's own time: stores are no faster in a demo. */
  readonly wallClock: Clock;
  readonly limits?: Partial<ShelterLimits>;
  /** What broke after its answer had been given up on. */
  readonly onLateError: (error: unknown) => void;
}

/** What has been held off, since the start. */
export interface ShelterCounts {
  /** New requests refused because the server was full. */
  requestsShed: number;
  /** Anything refused because too much was in flight. */
  overloaded: number;
  /** Snapshots of new connections that were not loaded. */
  snapshotsShed: number;
  /** Answers given up on. */
  late: number;
}

/**
 * The desk as all doors see it, under any load and before stores of any speed: every answer comes in time, what is in flight is
 * bounded, and a full server refuses new requests, never what a trip under way needs.
 */
export class ShelteredDesk implements Desk {
  readonly counts: ShelterCounts = { requestsShed: 0, overloaded: 0, snapshotsShed: 0, late: 0 };
  inFlight = 0;
  readonly snapshots: Turnstile;
  private readonly options: ShelteredDeskOptions;
  private readonly limits: ShelterLimits;

  constructor(options: ShelteredDeskOptions) {
    const limits = { ...SHELTER_LIMITS, ...options.limits };
    assert(limits.optionalInFlightMax <= limits.inFlightMax, 'trips under way come first');
    this.options = options;
    this.limits = limits;
    this.snapshots = new Turnstile({
      clock: options.wallClock,
      runningMax: limits.snapshotsLoadingMax,
      waitingMax: limits.snapshotsWaitingMax,
      waitMsMax: limits.snapshotWaitMsMax,
    });
  }

  pings(driverId: DriverId, rows: Float64Array, count: number, hint?: number): number {
    return this.options.desk.pings(driverId, rows, count, hint);
  }

  driver(driverId: DriverId, command: DriverCommand): Promise<Result<AckBody>> {
    return this.answer(this.limits.inFlightMax, () => this.options.desk.driver(driverId, command));
  }

  rider(riderId: RiderId, command: RiderCommand): Promise<Result<AckBody>> {
    const { desk, load } = this.options;
    const { inFlightMax, optionalInFlightMax } = this.limits;
    if (command.t === 'request' && load.level === 'full') {
      this.counts.requestsShed += 1;
      return Promise.resolve(rejected('overloaded'));
    }
    const isOptional = command.t === 'request' || command.t === 'quote' || command.t === 'nearby';
    return this.answer(isOptional ? optionalInFlightMax : inFlightMax, () => desk.rider(riderId, command));
  }

  operator(operatorId: string, command: OperatorCommand): Promise<Result<AckBody>> {
    return this.answer(this.limits.inFlightMax, () => this.options.desk.operator(operatorId, command));
  }

  snapshot(principal: Principal): Promise<Result<Snapshot>> {
    return this.loadSnapshot(() => this.options.desk.snapshot(principal));
  }

  seat(member: Member): Promise<Result<Snapshot>> {
    return this.loadSnapshot(() => this.options.desk.seat(member));
  }

  connect(place: Place): Result<ConnectPlace> {
    return this.options.desk.connect(place);
  }

  trip(principal: Principal, tripId: TripId): Promise<Result<TripView>> {
    return this.answer(this.limits.inFlightMax, () => this.options.desk.trip(principal, tripId));
  }

  nearby(place: Place, max: number): Result<NearbyDriver[]> | Promise<Result<NearbyDriver[]>> {
    const found = this.options.desk.nearby(place, max);
    return found instanceof Promise ? this.answer(this.limits.optionalInFlightMax, () => found) : found;
  }

  explain(principal: Principal, tripId: TripId): Promise<Result<Record<string, unknown>>> {
    return this.answer(this.limits.optionalInFlightMax, () => this.options.desk.explain(principal, tripId));
  }

  private loadSnapshot(load: () => Promise<Result<Snapshot>>): Promise<Result<Snapshot>> {
    return this.answer(this.limits.inFlightMax, async () => {
      const loaded = await this.snapshots.run(load);
      if (loaded !== null) return loaded;
      this.counts.snapshotsShed += 1;
      return rejected('overloaded');
    });
  }

  private async answer<T>(inFlightMax: number, work: () => Promise<Result<T>>): Promise<Result<T>> {
    if (this.inFlight >= inFlightMax) {
      this.counts.overloaded += 1;
      return rejected('overloaded');
    }
    const { wallClock } = this.options;
    let isLate = false;
    return withDeadline(
      wallClock,
      this.limits.answerMsMax,
      this.settled(work, () => isLate),
      () => {
        isLate = true;
        this.counts.late += 1;
        return rejected('unavailable', 'no answer in time; send it again with the same id');
      },
    );
  }

  /** In flight until it is settled, whoever still waits for it. */
  private async settled<T>(work: () => Promise<Result<T>>, isLate: () => boolean): Promise<Result<T>> {
    this.inFlight += 1;
    try {
      return await work();
    } catch (error) {
      if (isLate()) this.options.onLateError(error);
      throw error;
    } finally {
      this.inFlight -= 1;
    }
  }
}
