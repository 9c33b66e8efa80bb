import type { DriverId, TripId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import type { VehicleClass } from '../domain/vehicle.ts';

/** What the matcher knows of a waiting rider. */
export interface MatchRequest {
  readonly tripId: TripId;
  readonly pickup: Place;
  /** When the rider asked, Unix ms: the age that starvation and windows go by. */
  readonly requestedMs: number;
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
  /** Drivers who declined, did not answer or gave this trip up: never again (R9). */
  readonly excluded: ReadonlySet<DriverId>;
  /** Present search radius; grown and shrunk by `adaptRadius`. */
  readonly radiusM: number;
}
