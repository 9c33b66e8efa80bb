/** A driver's duty as the engine sees it; append only, the index stores the position in this list. */
export const DRIVER_STATUSES = ['offline', 'available', 'offered', 'to_pickup', 'at_pickup', 'on_trip'] as const;
export type DriverStatus = (typeof DRIVER_STATUSES)[number];
