import { statusCode } from '../domain/driver-state.ts';
import type { MatchPolicy } from '../domain/market.ts';
import type { DriverSearch, NearestQuery } from '../geo/driver-search.ts';
import { NearestBuffer } from '../geo/nearest-buffer.ts';
import type { Eta } from '../maps/eta.ts';
import type { Acceptance } from './acceptance.ts';
import { fairnessS, refusalS, totalCost, type CostTerms } from './costs.ts';
import { EligibleDrivers } from './eligible-drivers.ts';
import { ruleOut, type EligibilityRules } from './eligibility.ts';
import type { MatchRequest } from './match-request.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

const AVAILABLE = statusCode('available');
const FREE = 1 << AVAILABLE;
const FREE_OR_ON_TRIP = FREE | (1 << statusCode('on_trip'));

/** Up to so many eligible drivers a walk over their list beats a search of the index (20 µs either way). */
const ELIGIBLE_MAX = 1_000;
/** The list is made when each request pays for the look at at most so many drivers (3 ns each). */
const SURVEY_SLOTS_PER_REQUEST = 1_000;

export interface WeighingContext {
  readonly rules: EligibilityRules;
  readonly search: DriverSearch;
  readonly eta: Eta;
  readonly acceptance: Acceptance;
  readonly policy: MatchPolicy;
}

/** The terms of one pair; for a driver on a trip the pickup is driven from where that trip ends. */
export function weigh(
  context: WeighingContext,
  request: MatchRequest,
  slot: number,
  nowMs: number,
): CostTerms {
  const { rules, eta, acceptance, policy } = context;
  const { columns } = rules.index;
  const { pickup } = request;
  const idleSinceMs = columns.idleSinceMs[slot]!;
  const isFree = !Number.isNaN(idleSinceMs);
  const fromLat = isFree ? columns.lat[slot]! : columns.freeLat[slot]!;
  const fromLng = isFree ? columns.lng[slot]! : columns.freeLng[slot]!;
  return {
    pickupS: eta.driveS(fromLat, fromLng, pickup.lat, pickup.lng, nowMs),
    freeInS: isFree ? 0 : rules.freeInS(slot, nowMs),
    refusalS: refusalS(acceptance.rate(rules.index.driverOf(slot)!), policy),
    fairnessS: isFree ? fairnessS(nowMs - idleSinceMs, policy) : 0,
  };
}

/**
 * Who could serve whom, sparse, in the arrays the solver takes: row = request in the order given, column = driver. Kept
 * and reused from tick to tick.
 */
export class Candidates {
  rowStart: Int32Array = new Int32Array(1);
  columns: Int32Array = new Int32Array(0);
  costs: Float64Array = new Float64Array(0);
  /** Per candidate: seconds to the pickup as told to people (waiting for the driver to be free included). */
  etaS: Float64Array = new Float64Array(0);
  /** Slot of each column, and 1 where that driver is free now. */
  slots: Int32Array = new Int32Array(0);
  isFree: Uint8Array = new Uint8Array(0);
  /** Per row: candidates who are free now. */
  freeCount: Int32Array = new Int32Array(0);
  rowCount = 0;
  columnCount = 0;
  private readonly columnOfSlot = new Map<number, number>();
  private readonly eligible = new EligibleDrivers();
  private readonly near: NearestBuffer;

  /** `candidatesMax`: the most drivers weighed per request. */
  constructor(candidatesMax: number) {
    this.near = new NearestBuffer(candidatesMax);
  }

  /** Finds and weighs the candidates of all requests; a request with nobody has an empty row. */
  gather(context: WeighingContext, requests: readonly MatchRequest[], nowMs: number): void {
    const max = Math.min(this.near.capacity, context.policy.candidatesMax);
    this.reserve(requests.length, requests.length * max);
    this.columnOfSlot.clear();
    this.columnCount = 0;
    this.rowCount = requests.length;
    let request = requests[0]!;
    // Asked by the search before anything else: most drivers in reach of a busy city are on a trip.
    const statuses = context.rules.horizonS > 0 ? FREE_OR_ON_TRIP : FREE;
    const accept = (slot: number): boolean => ruleOut(context.rules, request, slot, nowMs) === null;
    const isListed =
      requests.length * SURVEY_SLOTS_PER_REQUEST >= context.rules.index.slotsEnd &&
      this.eligible.survey(context.rules, nowMs, ELIGIBLE_MAX);
    let end = 0;
    for (let row = 0; row < requests.length; row++) {
      request = requests[row]!;
      const query: NearestQuery = { ...request.pickup, radiusM: request.radiusM, max, accept, statuses };
      if (isListed) this.eligible.nearest(query, this.near);
      else context.search.nearest(query, this.near);
      this.freeCount[row] = 0;
      for (let i = 0; i < this.near.count; i++) {
        this.add(
          context,
          row,
          end++,
          this.near.slots[i]!,
          weigh(context, request, this.near.slots[i]!, nowMs),
        );
      }
      this.rowStart[row + 1] = end;
    }
  }

  private add(context: WeighingContext, row: number, at: number, slot: number, terms: CostTerms): void {
    let column = this.columnOfSlot.get(slot);
    if (column === undefined) {
      column = this.columnCount++;
      this.columnOfSlot.set(slot, column);
      this.slots[column] = slot;
      this.isFree[column] = context.rules.index.columns.status[slot] === AVAILABLE ? 1 : 0;
    }
    if (this.isFree[column] === 1) this.freeCount[row]!++;
    this.columns[at] = column;
    this.costs[at] = totalCost(terms);
    this.etaS[at] = terms.freeInS + terms.pickupS;
  }

  private reserve(rows: number, candidates: number): void {
    this.rowStart = roomForInt32(this.rowStart, rows + 1);
    this.freeCount = roomForInt32(this.freeCount, rows);
    this.columns = roomForInt32(this.columns, candidates);
    this.costs = roomForFloat64(this.costs, candidates);
    this.etaS = roomForFloat64(this.etaS, candidates);
    this.slots = roomForInt32(this.slots, candidates);
    if (this.isFree.length < candidates) this.isFree = new Uint8Array(candidates * 2);
  }
}
