import type { OfferId } from '../domain/ids.ts';
import { lastSearchUs } from '../matching/candidates.ts';
import type { Choice, Plan } from '../matching/choose.ts';
import { ruleOut } from '../matching/eligibility.ts';
import { explain, type Explanation } from '../matching/explanation.ts';
import { adaptRadius } from '../matching/search-radius.ts';
import type { Work } from '../matching/work.ts';
import type { DispatchState, OpenRequest } from './dispatch-state.ts';
import type { Turn } from './tick.ts';

/** What a request costs, and an offer or an expiry with all that follows from it in the same turns of the loop, µs; its reasons come on top. */
const REQUEST_US = 0.5;
const ENDING_US = 150;

/** What the matcher made of a tick's requests. */
export interface MatchedBatch {
  readonly requests: readonly OpenRequest[];
  readonly plan: Plan;
  readonly begunMs: number;
}

/** True while the request may be offered a driver: it is open, this very one, and nothing is under way for it. */
export function isWaiting(state: DispatchState, request: OpenRequest): boolean {
  return state.requests.get(request.tripId) === request && request.offers.size === 0 && !request.isExpiring;
}

/**
 * Makes the plan's offers, request by request, and gives up who has found nobody in time. What the plan says and no longer holds
 * is left: the next tick finds the request as it is then.
 */
export function* offerToChosen(state: DispatchState, batch: MatchedBatch, turn: Turn): Work<void> {
  const { candidates, market } = state;
  const { requests, plan, begunMs } = batch;
  const byRow = groupByRow(plan.choices);
  const all = new Set(plan.choices.map((choice) => candidates.columns[choice.at]!));
  const served = servedRows(state, plan);
  for (let row = 0; row < requests.length; row++) {
    const request = requests[row]!;
    if (!isWaiting(state, request)) continue;
    const planned = byRow.get(row) ?? [];
    const choices = planned.filter((choice) => stillHolds(state, request, choice, turn.nowMs));
    const isOverdue = planned.length === 0 && begunMs - request.sinceMs >= market.match.requestTtlMs;
    request.hadDriverAtOnce ??= served.has(row);
    let us = REQUEST_US;
    if (choices.length > 0 || isOverdue) {
      const own = new Set(choices.map((choice) => candidates.columns[choice.at]!));
      const explanation = explain(state.weighing, candidates, request, row, { own, all }, begunMs);
      for (const choice of choices) openOffer(state, request, choice, explanation, turn);
      if (isOverdue) expire(request, explanation, turn);
      us += Math.max(1, choices.length) * ENDING_US + lastSearchUs(state.weighing.search, state.index);
    }
    request.radiusM = adaptRadius(request.radiusM, candidates.freeCount[row]!, market.match);
    yield us;
  }
}

function groupByRow(choices: readonly Choice[]): Map<number, Choice[]> {
  const byRow = new Map<number, Choice[]>();
  for (const choice of choices) {
    const own = byRow.get(choice.row);
    if (own === undefined) byRow.set(choice.row, [choice]);
    else own.push(choice);
  }
  return byRow;
}

/** Rows that got a free driver, whether offered now or after the batching window. */
function servedRows({ candidates }: DispatchState, { choices, held }: Plan): Set<number> {
  const { columns, drivers } = candidates;
  const served = [...choices, ...held].filter(({ at }) => drivers.isFree[columns[at]!] === 1);
  return new Set(served.map((choice) => choice.row));
}

/** The batch may have been gathered some turns ago: the driver still has the slot, is still free, fresh and allowed for this rider. */
function stillHolds(state: DispatchState, request: OpenRequest, { at }: Choice, nowMs: number): boolean {
  const { candidates, index, weighing } = state;
  const column = candidates.columns[at]!;
  const slot = candidates.drivers.slots[column]!;
  return (
    index.isCurrent(slot, candidates.drivers.generations[column]!) &&
    index.statusOf(slot) === 'available' &&
    ruleOut(weighing.rules, request, slot, nowMs) === null
  );
}

function openOffer(
  state: DispatchState,
  request: OpenRequest,
  { at }: Choice,
  explanation: Explanation,
  { nowMs, effects }: Turn,
): void {
  const { candidates, index, market } = state;
  const column = candidates.columns[at]!;
  const slot = candidates.drivers.slots[column]!;
  const driverId = candidates.drivers.driverIds[column]!;
  const offerId = state.ids.newId() as OfferId;
  const expiresMs = nowMs + market.match.offerTtlMs;
  const etaS = Math.round(candidates.etaS(at));
  const { tripId } = request;
  request.offers.add(offerId);
  state.offers.set(offerId, { offerId, tripId, driverId, expiresMs, phase: 'opening' });
  index.setStatus(slot, 'offered', nowMs);
  const offer = { offerId, tripId, driverId, etaS, offeredMs: nowMs, expiresMs };
  effects.push({ kind: 'open_offer', offer, explanation });
}

function expire(request: OpenRequest, explanation: Explanation, { effects }: Turn): void {
  request.isExpiring = true;
  effects.push({ kind: 'expire_trip', tripId: request.tripId, explanation });
}
