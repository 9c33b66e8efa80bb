/** A driver's duty as the engine sees it; append only, the index stores the position in this list. */
export const DRIVER_STATUSES = [
  'offline',
  'available',
  'offered',
  'to_pickup',
  'at_pickup',
  'on_trip',
] as const;
export type DriverStatus = (typeof DRIVER_STATUSES)[number];

/**
 * What may follow what. `available` to `to_pickup` is an operator's assignment, or an acceptance that the store let win
 * over our own time-out; `offline` to a status with a trip is a server that takes up again what was under way.
 */
export const DRIVER_TRANSITIONS: Readonly<Record<DriverStatus, readonly DriverStatus[]>> = {
  offline: ['available', 'offered', 'to_pickup', 'at_pickup', 'on_trip'],
  available: ['offline', 'offered', 'to_pickup'],
  offered: ['offline', 'available', 'to_pickup'],
  to_pickup: ['offline', 'available', 'at_pickup'],
  at_pickup: ['offline', 'available', 'on_trip'],
  on_trip: ['offline', 'available'],
};

export const canBecome = (from: DriverStatus, to: DriverStatus): boolean =>
  DRIVER_TRANSITIONS[from].includes(to);

/** The number the index's column and the mirror's record hold for a status. */
export const statusCode = (status: DriverStatus): number => DRIVER_STATUSES.indexOf(status);
