import type { DriverId, RiderId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import type { Result } from '../domain/rejection.ts';
import type { OperatorRole } from '../domain/role.ts';
import type {
  DriverMessage,
  NearbyDriver,
  RiderMessage,
  ServerMessage,
  Snapshot,
  TripView,
} from '../protocol/messages.ts';

/** A signed-in account, as its token says. Every command is authorised against it, per object. */
export type Principal =
  | { readonly role: 'driver'; readonly driverId: DriverId }
  | { readonly role: 'rider'; readonly riderId: RiderId }
  | { readonly role: OperatorRole; readonly operatorId: string };

/** The account's id, whatever its role. */
export function accountOf(principal: Principal): string {
  switch (principal.role) {
    case 'driver':
      return principal.driverId;
    case 'rider':
      return principal.riderId;
    default:
      return principal.operatorId;
  }
}

/** Who may hold a session: operators have no messages of their own. */
export type Member = Exclude<Principal, { role: OperatorRole }>;

export interface ConnectPlace {
  /** H3 name of the zone. */
  readonly zone: string;
  readonly url: string | null;
  /** True when it is this very replica. */
  readonly isHere: boolean;
}

export type DriverCommand = Exclude<DriverMessage, { t: 'ping' | 'pings' }>;
export type RiderCommand = RiderMessage;
/** By hand, over REST; `id` is the idempotency key. */
export type OperatorCommand =
  | { readonly t: 'cancel'; readonly id: string; readonly tripId: string; readonly reason: string }
  | { readonly t: 'assign'; readonly id: string; readonly tripId: string; readonly driverId: string };

/** What an `ack` carries besides the command's id. */
export type AckBody = Omit<Extract<ServerMessage, { t: 'ack' }>, 't' | 'id'>;

/**
 * Where every command comes in, whatever door it took (socket or REST). Messages have passed their schema. Answers are
 * values: a business "no" is a Rejection, also `unavailable` when a store is out of reach; a rejected promise is a bug.
 */
export interface Desk {
  /**
   * One fix or a batch in any order; never answered. `rows` holds `count` (1 to PINGS_MAX) fixes of FIX_WIDTH numbers each, laid
   * out as `FIX` in src/protocol/fix-rows.ts says, NaN for what the device did not tell, ranges already checked. The buffer is
   * the gateway's and is written over after the call: copy what is kept. (Numbers in one typed array cost no allocation.)
   *
   * Answers where the driver was found, -1 = nowhere: given as `hint` with the driver's next fixes it saves looking for them by name, and does
   * no harm when it has become wrong.
   */
  pings(driverId: DriverId, rows: Float64Array, count: number, hint?: number): number;
  driver(driverId: DriverId, command: DriverCommand): Promise<Result<AckBody>>;
  rider(riderId: RiderId, command: RiderCommand): Promise<Result<AckBody>>;
  /** Whoever calls has seen to it that this operator may. */
  operator(operatorId: string, command: OperatorCommand): Promise<Result<AckBody>>;
  snapshot(principal: Principal): Promise<Result<Snapshot>>;
  /**
   * The account has connected here and has no session yet: takes its seat from whichever replica had it, and answers the
   * snapshot. For a driver on duty this replica is the host from now on.
   */
  seat(member: Member): Promise<Result<Snapshot>>;
  /** Where clients at a place do best to connect: the zone (for a load balancer to hash on) and its owner's own address, if it has one. */
  connect(place: Place): Result<ConnectPlace>;
  /** A trip as this principal may see it (rider and driver: their own; operator: any), or `not_found`. */
  trip(principal: Principal, tripId: TripId): Promise<Result<TripView>>;
  /** A promise where the place's zone is another replica's to know. */
  nearby(place: Place, max: number): Result<NearbyDriver[]> | Promise<Result<NearbyDriver[]>>;
  /** Operators only: why each match of the trip went as it did, oldest first. */
  explain(principal: Principal, tripId: TripId): Promise<Result<Record<string, unknown>>>;
}
