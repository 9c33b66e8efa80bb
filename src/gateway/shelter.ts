import type { LoadLevel } from '../dispatch/load-level.ts';
import type { DriverId } from '../domain/ids.ts';

/** What the gateway asks before it takes more on. */
export interface Shelter {
  /** Above `calm`, fixes are thinned out. Read for every one of them. */
  readonly load: { readonly level: LoadLevel };
  /** Whether the driver has a trip under way, whose fixes are all taken. */
  readonly hasTrip: (driverId: DriverId) => boolean;
  /** Whether one more connection could get its snapshot. */
  readonly hasRoom: () => boolean;
}

/** Takes everything on, whatever comes. */
export const NO_SHELTER: Shelter = { load: { level: 'calm' }, hasTrip: () => false, hasRoom: () => true };
