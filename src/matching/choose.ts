import type { MatchMode, MatchPolicy } from '../domain/market.ts';
import { unreachable } from '../lib/assert.ts';
import type { AssignmentResult, AssignmentSolver } from './assignment.ts';
import type { Candidates } from './candidates.ts';
import { chooseClosest, chooseOldest } from './choose-greedily.ts';
import { unmatchedCost } from './costs.ts';
import type { MatchRequest } from './match-request.ts';
import type { Work } from './work.ts';

/** One pair to be made, as a position in the candidates' arrays. */
export interface Choice {
  readonly row: number;
  readonly at: number;
}

/** What a mode decided: pairs to offer now, in rising row order, and rows that wait for a driver about to be free. */
export interface Plan {
  readonly choices: readonly Choice[];
  readonly held: readonly Choice[];
}

export interface ChoiceContext {
  readonly candidates: Candidates;
  readonly requests: readonly MatchRequest[];
  readonly policy: MatchPolicy;
  readonly solver: AssignmentSolver;
  readonly nowMs: number;
}

/** Rows' candidates read by the solver in one piece of work, and what one costs. */
const PIECE_SCANS = 1_000;
const SCAN_US = 0.4;
/** What checking, turning round and reading the result costs, a candidate. */
const BEGIN_US = 0.02;

/** Decides who is offered to whom. Each driver is chosen at most once; each request once, but for `broadcast`. */
export function* choose(mode: MatchMode, context: ChoiceContext): Work<Plan> {
  const { candidates, requests, policy } = context;
  switch (mode) {
    case 'batch':
      return yield* chooseBatch(context);
    case 'nearest':
      return { choices: yield* chooseClosest(candidates), held: [] };
    case 'fifo':
      return { choices: yield* chooseOldest(candidates, requests, 1), held: [] };
    case 'broadcast':
      return { choices: yield* chooseOldest(candidates, requests, policy.broadcastWidth), held: [] };
    default:
      return unreachable(mode);
  }
}

/** Least total cost over all open requests; pairs with drivers not yet free are plans, made anew at every tick. */
function* chooseBatch(context: ChoiceContext): Work<Plan> {
  const { candidates, requests, policy, nowMs } = context;
  const { rowCount, rowStart, columns, drivers } = candidates;
  const { rowToColumn } = yield* solve(context);
  const choices: Choice[] = [];
  const held: Choice[] = [];
  for (let row = 0; row < rowCount; row++) {
    const column = rowToColumn[row]!;
    if (column < 0) continue;
    let at = rowStart[row]!;
    while (columns[at] !== column) at++;
    const isDue =
      nowMs - requests[row]!.requestedMs >= windowMs(candidates.freeCount[row]!, rowCount, policy);
    (drivers.isFree[column] === 1 && isDue ? choices : held).push({ row, at });
  }
  return { choices, held };
}

function* solve({ candidates, requests, policy, solver, nowMs }: ChoiceContext): Work<AssignmentResult> {
  const { rowCount, columns, costs, drivers } = candidates;
  const rowStart = candidates.rowStart.subarray(0, rowCount + 1);
  const unmatched = Float64Array.from(requests, (request) =>
    unmatchedCost(nowMs - request.requestedMs, policy),
  );
  solver.begin({ rowStart, columns, costs, columnCount: drivers.count, unmatchedCost: unmatched });
  yield rowStart[rowCount]! * BEGIN_US;
  for (;;) {
    const result = solver.advance(PIECE_SCANS);
    if (result !== undefined) return result;
    yield PIECE_SCANS * SCAN_US;
  }
}

/**
 * How long a request is held back to batch it: nothing while it has free drivers to choose from, the policy's maximum when
 * it has at most one and competes with others for it. On the real Manhattan hour longer windows only cost time
 * (docs/adr/0004-matching-policy.md).
 */
function windowMs(freeCount: number, rowCount: number, policy: MatchPolicy): number {
  if (rowCount < 2 || freeCount >= policy.candidatesMax / 2) return 0;
  return policy.windowMsMax * (1 - freeCount / (policy.candidatesMax / 2));
}
