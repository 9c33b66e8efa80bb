/** A frame begins with the driver's number, little endian; an ordinary ping follows. */
export const DRIVER_BYTES = 4;

/** What `GET /stats` of many-drivers-server.ts answers. */
export interface ManyDriversStats {
  readonly drivers: number;
  readonly seed: number;
  /** Pings that were good and moved their driver. */
  readonly ok: number;
  /** Drivers written to Redis so far. */
  readonly written: number;
  readonly failedFlushes: number;
  /** Drivers whose newest place is not in Redis yet. */
  readonly dirty: number;
}

export const driverIdOf = (n: number): string => `driver-${String(n).padStart(8, '0')}`;

/**
 * Pings a second of all of a crowd's drivers together. So many that 10,000 drivers ping once a second: with more pings each driver of a small crowd would be written to Redis
 * once for several, and each one of a large crowd once for each, which is another cost than that of size.
 */
export const CROWD_PINGS_PER_S = 10_000;
