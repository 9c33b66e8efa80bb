import type { OfferId } from '../domain/ids.ts';
import { choose, type Choice } from '../matching/choose.ts';
import { explain, type ChosenColumns, type Explanation } from '../matching/explanation.ts';
import { adaptRadius } from '../matching/search-radius.ts';
import type { DispatchState, OpenRequest } from './dispatch-state.ts';
import type { Effect } from './effect.ts';
import { forgetOverdue } from './foreign-offers.ts';

/** One run of the matcher: ends what is overdue, then offers what can be offered. */
export function tick(state: DispatchState, nowMs: number, effects: Effect[]): void {
  forgetContests(state, nowMs);
  forgetOverdue(state, nowMs);
  timeOutOffers(state, nowMs, effects);
  const waiting = waitingRequests(state);
  if (waiting.length === 0) return;
  state.candidates.gather(state.weighing, waiting, nowMs);
  const served = offerToChosen(state, waiting, nowMs, effects);
  for (let row = 0; row < waiting.length; row++) {
    const request = waiting[row]!;
    const freeCount = state.candidates.freeCount[row]!;
    request.hadDriverAtOnce ??= served.has(row);
    request.radiusM = adaptRadius(request.radiusM, freeCount, state.market.match);
  }
}

function forgetContests(state: DispatchState, nowMs: number): void {
  for (const [driverId, untilMs] of state.contested) {
    if (untilMs <= nowMs) state.contested.delete(driverId);
  }
}

function timeOutOffers(state: DispatchState, nowMs: number, effects: Effect[]): void {
  for (const offer of state.offers.values()) {
    if (offer.phase !== 'live' || offer.expiresMs > nowMs) continue;
    offer.phase = 'closing';
    effects.push({ kind: 'close_offer', offerId: offer.offerId, status: 'timed_out' });
  }
}

/** Requests without a live offer, oldest first (the map's order is that of arrival). Expires none: that needs the matcher's word. */
function waitingRequests(state: DispatchState): OpenRequest[] {
  const waiting: OpenRequest[] = [];
  for (const request of state.requests.values()) {
    if (request.offers.size === 0 && !request.isExpiring) waiting.push(request);
  }
  return waiting;
}

/** Answers the rows that got a free driver, whether offered now or after the batching window. */
function offerToChosen(
  state: DispatchState,
  waiting: readonly OpenRequest[],
  nowMs: number,
  effects: Effect[],
): Set<number> {
  const { candidates, solver, market } = state;
  const { choices, held } = choose(market.match.mode, {
    candidates,
    requests: waiting,
    policy: market.match,
    solver,
    nowMs,
  });
  const all = new Set(choices.map((choice) => candidates.columns[choice.at]!));
  const byRow = groupByRow(choices);
  const explanations = explainRows(state, waiting, byRow, all, nowMs);
  for (const choice of choices) openOffer(state, waiting[choice.row]!, choice, explanations, nowMs, effects);
  for (let row = 0; row < waiting.length; row++) {
    const request = waiting[row]!;
    if (byRow.has(row) || nowMs - request.sinceMs < market.match.requestTtlMs) continue;
    request.isExpiring = true;
    const chosen: ChosenColumns = { own: new Set(), all };
    const explanation = explain(state.weighing, candidates, request, row, chosen, nowMs);
    effects.push({ kind: 'expire_trip', tripId: request.tripId, explanation });
  }
  const { columns, isFree } = candidates;
  const served = [...choices, ...held].filter((choice) => isFree[columns[choice.at]!] === 1);
  return new Set(served.map((choice) => choice.row));
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

/** Before any status changes, so that each explanation shows what the matcher saw. */
function explainRows(
  state: DispatchState,
  waiting: readonly OpenRequest[],
  byRow: ReadonlyMap<number, Choice[]>,
  all: ReadonlySet<number>,
  nowMs: number,
): Map<number, Explanation> {
  const explanations = new Map<number, Explanation>();
  for (const [row, choices] of byRow) {
    const own = new Set(choices.map((choice) => state.candidates.columns[choice.at]!));
    const request = waiting[row]!;
    explanations.set(row, explain(state.weighing, state.candidates, request, row, { own, all }, nowMs));
  }
  return explanations;
}

function openOffer(
  state: DispatchState,
  request: OpenRequest,
  choice: Choice,
  explanations: ReadonlyMap<number, Explanation>,
  nowMs: number,
  effects: Effect[],
): void {
  const { candidates, index, market } = state;
  const slot = candidates.slots[candidates.columns[choice.at]!]!;
  const driverId = index.driverOf(slot)!;
  const offerId = state.ids.newId() as OfferId;
  const expiresMs = nowMs + market.match.offerTtlMs;
  const { tripId } = request;
  request.offers.add(offerId);
  state.offers.set(offerId, { offerId, tripId, driverId, expiresMs, phase: 'opening' });
  index.setStatus(slot, 'offered', nowMs);
  effects.push({
    kind: 'open_offer',
    offer: {
      offerId,
      tripId,
      driverId,
      etaS: Math.round(candidates.etaS[choice.at]!),
      offeredMs: nowMs,
      expiresMs,
    },
    explanation: explanations.get(choice.row)!,
  });
}
