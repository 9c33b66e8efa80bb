import { type Area, isInside } from './area.ts';
import type { PlaceRules } from './district.ts';
import { type Charges, type FareTable, NO_CHARGES } from './fare.ts';
import type { MarketId } from './ids.ts';
import type { Place } from './place.ts';
import type { VehicleClass } from './vehicle.ts';

export const MATCH_MODES = ['batch', 'nearest', 'fifo', 'broadcast'] as const;
/**
 * How a market matches: `batch` = minimum cost over all open requests at once, planning with drivers about to be free;
 * `nearest` = closest pair first; `fifo` = oldest request first, its nearest driver; `broadcast` = several drivers at
 * once, the first to accept wins.
 */
export type MatchMode = (typeof MATCH_MODES)[number];

/** Corners of a service area, degrees. */
export interface Bounds {
  readonly south: number;
  readonly west: number;
  readonly north: number;
  readonly east: number;
}

/**
 * Straight line × `detourFactor` / speed of the hour = drive time; what lies beyond `motorwayFromM` goes at
 * `motorwaySpeedMps`, since airport runs are three times as fast. Fitted per city, see bench/fit.
 */
export interface DriveSpeed {
  readonly detourFactor: number;
  /** 24 values by local hour, metres per second along the road. */
  readonly speedMpsByHour: readonly number[];
  /** Straight-line metres from which on a trip is on fast roads. */
  readonly motorwayFromM: number;
  /** Along the road, metres per second, at every hour. */
  readonly motorwaySpeedMps: number;
}

/** How requests and drivers are brought together. Times in this clock's milliseconds or seconds, as named. */
export interface MatchPolicy {
  readonly mode: MatchMode;
  readonly tickMs: number;
  /** The longest that a request is held back to batch it, when drivers are scarce. */
  readonly windowMsMax: number;
  /** Drivers who will be free within this many seconds are planned with (batch only; 0 = off). */
  readonly horizonS: number;
  /** How long a driver is expected to stand at the dropoff until free again; errs on the long side (see ADR 4). */
  readonly dropoffS: number;
  readonly offerTtlMs: number;
  /** A request nobody accepted for so long expires. */
  readonly requestTtlMs: number;
  /** First and widest search radius around the pickup. */
  readonly radiusM: number;
  readonly radiusMMax: number;
  /** Candidates weighed per request. */
  readonly candidatesMax: number;
  /** Drivers asked at once in `broadcast`. */
  readonly broadcastWidth: number;
  /** After this age a request goes before every younger one in its reach (starvation bound). */
  readonly starvationMs: number;
  /** Seconds of pickup time one is willing to pay per hour that a driver has been idle (fairness), and its ceiling. */
  readonly fairnessSPerIdleHour: number;
  readonly fairnessSMax: number;
}

/**
 * Found on the real Manhattan hour (docs/adr/0004-matching-policy.md): a horizon of 45 s and short ticks serve best from
 * plenty to scarcity.
 */
export const DEFAULT_MATCH_POLICY: MatchPolicy = {
  mode: 'batch',
  tickMs: 500,
  windowMsMax: 1_000,
  horizonS: 45,
  dropoffS: 20,
  offerTtlMs: 15_000,
  requestTtlMs: 480_000,
  radiusM: 2_000,
  radiusMMax: 8_000,
  candidatesMax: 20,
  broadcastWidth: 3,
  starvationMs: 600_000,
  fairnessSPerIdleHour: 10,
  fairnessSMax: 20,
};

/** A city: what is served, where, for how much, matched how. */
export interface Market extends PlaceRules {
  readonly marketId: MarketId;
  /** A box around all of it: what the zones are worked out from. */
  readonly bounds: Bounds;
  /** The service area within the bounds; null: all of them. */
  readonly area: Area | null;
  readonly timeZone: string;
  /** ISO 4217. */
  readonly currency: string;
  readonly fares: Readonly<Partial<Record<VehicleClass, FareTable>>>;
  readonly driveSpeed: DriveSpeed;
  readonly match: MatchPolicy;
  /** How long a driver waits at the pickup before a no-show may be declared. */
  readonly noShowMs: number;
  readonly charges: Charges;
}

/** What a market has unless it says otherwise: nothing beside the ride itself is charged. */
export const PLAIN_MARKET: Pick<Market, 'charges' | 'area' | 'districts' | 'tolls'> = {
  charges: NO_CHARGES,
  area: null,
  districts: [],
  tolls: [],
};

/** Whether rides may begin and end at a place. */
export const isServed = ({ bounds, area }: Pick<Market, 'bounds' | 'area'>, place: Place): boolean =>
  inBounds(bounds, place) && (area === null || isInside(area, place));

export function inBounds(bounds: Bounds, place: Place): boolean {
  return (
    place.lat >= bounds.south &&
    place.lat <= bounds.north &&
    place.lng >= bounds.west &&
    place.lng <= bounds.east
  );
}
