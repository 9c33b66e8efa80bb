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

/** The number the index's column and the mirror's record hold for a status. */
export const statusCode = (status: DriverStatus): number => DRIVER_STATUSES.indexOf(status);
