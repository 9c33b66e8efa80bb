import type { DriverId } from '../domain/ids.ts';
import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { statusCode } from '../domain/driver-state.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { MatchRequest } from './match-request.ts';

/** Why a driver in reach is no candidate, in the order asked. */
export type RuledOut = UnfitForRequest | UnfitForAll;
type UnfitForRequest = 'vehicle_class' | 'seats' | 'excluded';
type UnfitForAll = 'silent' | 'contested' | 'off_duty' | 'offered' | 'busy' | 'busy_beyond_horizon';

const AVAILABLE = statusCode('available');
const OFFERED = statusCode('offered');
const ON_TRIP = statusCode('on_trip');
const OFFLINE = statusCode('offline');

export interface EligibilityRules {
  readonly index: DriverIndex;
  readonly staleMs: number;
  /** True for a driver whose claim was lost a moment ago: somebody else is faster, the next ticks would lose again. */
  isContested(driverId: DriverId, nowMs: number): boolean;
  /** Seconds until a driver on a trip is free; Infinity when that is not to be planned with. */
  freeInS(slot: number, nowMs: number): number;
  readonly horizonS: number;
}

/** Null when the driver may be planned with for this request, else the first reason why not. */
export function ruleOut(
  rules: EligibilityRules,
  request: MatchRequest,
  slot: number,
  nowMs: number,
): RuledOut | null {
  return ruleOutForRequest(rules, request, slot) ?? ruleOutForAll(rules, slot, nowMs);
}

/** What depends on the request. */
export function ruleOutForRequest(
  { index }: EligibilityRules,
  request: MatchRequest,
  slot: number,
): UnfitForRequest | null {
  const { columns } = index;
  if (VEHICLE_CLASSES[columns.vehicleClass[slot]!] !== request.vehicleClass) return 'vehicle_class';
  if (columns.seats[slot]! < request.seats) return 'seats';
  return request.excluded.size > 0 && request.excluded.has(index.driverOf(slot)!) ? 'excluded' : null;
}

/** What does not: asked once a driver where a tick makes a list of them. */
export function ruleOutForAll(rules: EligibilityRules, slot: number, nowMs: number): UnfitForAll | null {
  const { index } = rules;
  if (!index.isFresh(slot, nowMs, rules.staleMs)) return 'silent';
  if (rules.isContested(index.driverOf(slot)!, nowMs)) return 'contested';
  switch (index.columns.status[slot]) {
    case AVAILABLE:
      return null;
    case OFFLINE:
      return 'off_duty';
    case OFFERED:
      return 'offered';
    case ON_TRIP:
      if (rules.horizonS === 0) return 'busy';
      return rules.freeInS(slot, nowMs) <= rules.horizonS ? null : 'busy_beyond_horizon';
    default:
      return 'busy';
  }
}
