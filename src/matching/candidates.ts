import { statusCode } from '../domain/driver-state.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import type { DriverSearch } from '../geo/driver-search.ts';
import { NearestBuffer } from '../geo/nearest-buffer.ts';
import type { Eta } from '../maps/eta.ts';
import type { CostTerms } from './costs.ts';
import { totalCost } from './costs.ts';
import { EligibleDrivers } from './eligible-drivers.ts';
import { ruleOut, ruleOutForRequest } from './eligibility.ts';
import type { MatchRequest } from './match-request.ts';
import { WeighedDrivers, type DriverTerms } from './weighed-drivers.ts';
import type { Work } from './work.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

const FREE = 1 << statusCode('available');
const FREE_OR_ON_TRIP = FREE | (1 << statusCode('on_trip'));

/** The list is made when each request pays for the look at at most so many drivers, and for the terms of at most so many. */
const SURVEY_SLOTS_PER_REQUEST = 200;
const LISTED_PER_REQUEST = 50;
/** More eligible drivers than this are so dense that a search of the index finds a rider's nearest in the first cells. */
const LISTED_MAX = 20_000;
/** What work costs, µs: a request, a candidate, a cell passed by a search, a driver in it, and a driver compared in the list. */
const ROW_US = 1;
const CANDIDATE_US = 0.2;
const CELL_US = 1;
const DRIVER_US = 0.02;
const LOOK_US = 0.008;

export interface WeighingContext extends DriverTerms {
  readonly search: DriverSearch;
  readonly eta: Eta;
}

/** What the last search of the index cost, µs: as many drivers in each cell as in the average one. */
export function lastSearchUs({ cellsVisited }: DriverSearch, { count, cells }: DriverIndex): number {
  return cellsVisited * (CELL_US + (DRIVER_US * count) / Math.max(1, cells.occupiedCount));
}

/**
 * Who could serve whom, sparse, in the arrays the solver takes: row = request in the order given, column = driver. Kept
 * and reused from tick to tick.
 */
export class Candidates {
  rowStart: Int32Array = new Int32Array(1);
  columns: Int32Array = new Int32Array(0);
  costs: Float64Array = new Float64Array(0);
  /** Per candidate: seconds to drive to the pickup. */
  pickupS: Float64Array = new Float64Array(0);
  /** Per row: candidates who are free now. */
  freeCount: Int32Array = new Int32Array(0);
  /** Per row: up to where drivers were looked for; the farthest candidate's distance where there was no room for more. */
  reachM: Float64Array = new Float64Array(0);
  rowCount = 0;
  readonly drivers = new WeighedDrivers();
  private readonly eligible = new EligibleDrivers();
  private readonly near: NearestBuffer;

  /** `candidatesMax`: the most drivers weighed per request. */
  constructor(candidatesMax: number) {
    this.near = new NearestBuffer(candidatesMax);
  }

  /**
   * Finds and weighs the candidates of all requests; a request with nobody has an empty row. Drivers may come, go and move between two
   * pieces: each is weighed as when first come across.
   */
  *gather(context: WeighingContext, requests: readonly MatchRequest[], nowMs: number): Work<void> {
    const { index } = context.rules;
    const max = Math.min(this.near.capacity, context.policy.candidatesMax);
    this.reserve(requests.length, requests.length * max);
    this.rowCount = requests.length;
    const isListed = yield* this.list(context, requests.length, nowMs);
    if (!isListed) this.drivers.clear(index.slotsEnd);
    for (let row = 0; row < requests.length; row++) {
      const request = requests[row]!;
      const us = this.findNearest(context, request, max, isListed, nowMs);
      this.reachM[row] = this.near.boundM(request.radiusM);
      this.weighRow(context, request, row, nowMs);
      yield us + ROW_US + this.near.count * CANDIDATE_US;
    }
  }

  /** The terms of a candidate's cost. */
  termsAt(at: number): CostTerms {
    const { freeInS, refusalS, fairnessS } = this.drivers;
    const column = this.columns[at]!;
    return {
      pickupS: this.pickupS[at]!,
      freeInS: freeInS[column]!,
      refusalS: refusalS[column]!,
      fairnessS: fairnessS[column]!,
    };
  }

  /** Seconds to the pickup as told to people: waiting for the driver to be free included. */
  etaS(at: number): number {
    return this.drivers.freeInS[this.columns[at]!]! + this.pickupS[at]!;
  }

  /** Whether there is a list of all eligible drivers now, which are then all columns. */
  private *list(context: WeighingContext, requestCount: number, nowMs: number): Work<boolean> {
    const { slotsEnd } = context.rules.index;
    if (requestCount * SURVEY_SLOTS_PER_REQUEST < slotsEnd) return false;
    this.drivers.clear(slotsEnd);
    const max = Math.min(LISTED_MAX, requestCount * LISTED_PER_REQUEST);
    return yield* this.eligible.survey(context, this.drivers, nowMs, max);
  }

  /** Fills `near`; answers what that cost, µs. */
  private findNearest(
    { rules, search }: WeighingContext,
    request: MatchRequest,
    max: number,
    isListed: boolean,
    nowMs: number,
  ): number {
    const { radiusM } = request;
    const { lat, lng } = request.pickup;
    if (isListed) {
      const { looks } = this.eligible;
      // Who was listed and has gone since has no column any more.
      const accept = (slot: number): boolean =>
        this.drivers.columnOf(rules, slot) >= 0 && ruleOutForRequest(rules, request, slot) === null;
      this.eligible.nearest({ lat, lng, radiusM, max, accept }, this.near);
      return (this.eligible.looks - looks) * LOOK_US;
    }
    const accept = (slot: number): boolean => ruleOut(rules, request, slot, nowMs) === null;
    // Asked by the search before anything else: most drivers in reach of a busy city are on a trip.
    const statuses = rules.horizonS > 0 ? FREE_OR_ON_TRIP : FREE;
    // Named one by one: of an object made by a spread V8 looks each property up, at every driver.
    search.nearest({ lat, lng, radiusM, max, accept, statuses }, this.near);
    return lastSearchUs(search, rules.index);
  }

  private weighRow(context: WeighingContext, request: MatchRequest, row: number, nowMs: number): void {
    const { near, drivers } = this;
    const { lat, lng } = request.pickup;
    let at = this.rowStart[row]!;
    this.freeCount[row] = 0;
    for (let i = 0; i < near.count; i++) {
      const slot = near.slots[i]!;
      const known = drivers.columnOf(context.rules, slot);
      const column = known >= 0 ? known : drivers.add(context, slot, nowMs);
      this.freeCount[row] += drivers.isFree[column]!;
      this.columns[at] = column;
      const [fromLat, fromLng] = [drivers.fromLat[column]!, drivers.fromLng[column]!];
      this.pickupS[at] = context.eta.driveS(fromLat, fromLng, lat, lng, nowMs);
      this.costs[at] = totalCost(this.termsAt(at));
      at++;
    }
    this.rowStart[row + 1] = at;
  }

  private reserve(rows: number, candidates: number): void {
    this.rowStart = roomForInt32(this.rowStart, rows + 1);
    this.freeCount = roomForInt32(this.freeCount, rows);
    this.reachM = roomForFloat64(this.reachM, rows);
    this.columns = roomForInt32(this.columns, candidates);
    this.costs = roomForFloat64(this.costs, candidates);
    this.pickupS = roomForFloat64(this.pickupS, candidates);
  }
}
