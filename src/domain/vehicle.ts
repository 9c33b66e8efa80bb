/** Vehicle classes a rider can ask for; a market offers a subset. Order is the wire's and the index's: append only. */
export const VEHICLE_CLASSES = ['economy', 'comfort', 'xl', 'accessible'] as const;
export type VehicleClass = (typeof VEHICLE_CLASSES)[number];

/** What a driver drives. `seats` are those for riders, 1 to 8. */
export interface Vehicle {
  readonly vehicleClass: VehicleClass;
  readonly seats: number;
}

export const SEATS_MAX = 8;
