import { choose } from '../matching/choose.ts';
import type { Work } from '../matching/work.ts';
import type { DispatchState, OpenRequest } from './dispatch-state.ts';
import type { Effect } from './effect.ts';
import { forgetOverdue } from './foreign-offers.ts';
import { isWaiting, offerToChosen } from './offering.ts';

/** What the end of an offer costs, with all that follows from it in the same turns of the loop, µs. */
const CLOSE_US = 100;

/** One turn of the loop that works on a tick: its time, and what it wants done. */
export interface Turn {
  nowMs: number;
  effects: Effect[];
}

/** A tick that is not done: `turn` is the one that works on it. */
export interface TickUnderWay {
  readonly turn: Turn;
  readonly work: Work<void>;
}

/**
 * Begins a run of the matcher and works on it for a turn; small ones are done by then. While one is under way no other begins.
 */
export function beginTick(state: DispatchState, nowMs: number, effects: Effect[]): void {
  if (state.tick !== null) return;
  const turn = { nowMs, effects };
  state.tick = { turn, work: tick(state, turn) };
  goOnWithTick(state, nowMs, effects);
}

/** Works on the tick under way until a turn's share of work is done, or the tick is. */
export function goOnWithTick(state: DispatchState, nowMs: number, effects: Effect[]): void {
  if (state.tick === null) return;
  const { turn, work } = state.tick;
  turn.nowMs = nowMs;
  turn.effects = effects;
  let leftUs = state.turnUs;
  do {
    const piece = work.next();
    if (piece.done === true) {
      state.tick = null;
      return;
    }
    leftUs -= piece.value;
  } while (leftUs > 0);
}

/**
 * One run of the matcher: ends what is overdue, then offers what can be offered. Matched is what was open, and who was free, when it
 * was gathered, as of the tick's beginning; each offer is checked against the state as it is when its turn comes.
 */
function* tick(state: DispatchState, turn: Turn): Work<void> {
  const { candidates, solver, market } = state;
  const { nowMs } = turn;
  forgetContests(state, nowMs);
  forgetOverdue(state, nowMs);
  yield* timeOutOffers(state, turn);
  const requests = waitingRequests(state);
  if (requests.length === 0) return;
  yield* candidates.gather(state.weighing, requests, nowMs);
  const plan = yield* choose(market.match.mode, {
    ...{ candidates, requests, policy: market.match, solver, nowMs },
  });
  yield* offerToChosen(state, { requests, plan, begunMs: nowMs }, turn);
}

function forgetContests(state: DispatchState, nowMs: number): void {
  for (const [driverId, untilMs] of state.contested) {
    if (untilMs <= nowMs) state.contested.delete(driverId);
  }
}

function* timeOutOffers(state: DispatchState, turn: Turn): Work<void> {
  for (const offer of state.offers.values()) {
    if (offer.phase !== 'live' || offer.expiresMs > turn.nowMs) continue;
    offer.phase = 'closing';
    turn.effects.push({ kind: 'close_offer', offerId: offer.offerId, status: 'timed_out' });
    yield CLOSE_US;
  }
}

/** Requests without a live offer, oldest first (the map's order is that of arrival). Expires none: that needs the matcher's word. */
function waitingRequests(state: DispatchState): OpenRequest[] {
  const waiting: OpenRequest[] = [];
  for (const request of state.requests.values()) if (isWaiting(state, request)) waiting.push(request);
  return waiting;
}
