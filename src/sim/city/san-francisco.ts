import type { Bounds } from '../../domain/market.ts';

/** What the recorded and the generated San Francisco share. */
export const SF_TIME_ZONE = 'America/Los_Angeles';
/** Pacific daylight time. */
export const SF_UTC_OFFSET_MS = -7 * 3_600_000;
/** City, Oakland and the airport: the box of the road graph; 98.7 % of the recorded trips have both ends inside. */
export const SF_SERVICE_AREA: Bounds = { south: 37.58, west: -122.53, north: 37.86, east: -122.2 };
