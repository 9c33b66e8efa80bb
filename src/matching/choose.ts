import type { MatchMode, MatchPolicy } from '../domain/market.ts';
import { unreachable } from '../lib/assert.ts';
import type { AssignmentSolver } from './assignment.ts';
import type { Candidates } from './candidates.ts';
import { unmatchedCost } from './costs.ts';
import type { MatchRequest } from './match-request.ts';

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

/** Decides who is offered to whom. Each driver is chosen at most once; each request once, but for `broadcast`. */
export function choose(mode: MatchMode, context: ChoiceContext): Plan {
  switch (mode) {
    case 'batch':
      return chooseBatch(context);
    case 'nearest':
      return chooseGreedily(context, pairsByCost(context), 1);
    case 'fifo':
      return chooseGreedily(context, pairsByAge(context), 1);
    case 'broadcast':
      return chooseGreedily(context, pairsByAge(context), context.policy.broadcastWidth);
    default:
      return unreachable(mode);
  }
}

/** Least total cost over all open requests; pairs with drivers not yet free are plans, made anew at every tick. */
function chooseBatch({ candidates, requests, policy, solver, nowMs }: ChoiceContext): Plan {
  const { rowCount, columnCount, columns, costs, isFree } = candidates;
  const rowStart = candidates.rowStart.subarray(0, rowCount + 1);
  const unmatched = Float64Array.from(requests, (request) =>
    unmatchedCost(nowMs - request.requestedMs, policy),
  );
  const { rowToColumn } = solver.solve({ rowStart, columns, costs, columnCount, unmatchedCost: unmatched });
  const choices: Choice[] = [];
  const held: Choice[] = [];
  for (let row = 0; row < rowCount; row++) {
    const column = rowToColumn[row]!;
    if (column < 0) continue;
    let at = rowStart[row]!;
    while (columns[at] !== column) at++;
    const isDue =
      nowMs - requests[row]!.requestedMs >= windowMs(candidates.freeCount[row]!, rowCount, policy);
    (isFree[column] === 1 && isDue ? choices : held).push({ row, at });
  }
  return { choices, held };
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

/** All pairs with a free driver, cheapest first; ties by row, then by place in the row. */
function pairsByCost({ candidates }: ChoiceContext): Choice[] {
  const { costs } = candidates;
  return freePairs(candidates).sort((a, b) => costs[a.at]! - costs[b.at]! || a.row - b.row || a.at - b.at);
}

/** All pairs with a free driver, oldest request first, then cheapest. */
function pairsByAge({ candidates, requests }: ChoiceContext): Choice[] {
  const { costs } = candidates;
  const requestedMs = (pair: Choice): number => requests[pair.row]!.requestedMs;
  return freePairs(candidates).sort(
    (a, b) => requestedMs(a) - requestedMs(b) || a.row - b.row || costs[a.at]! - costs[b.at]! || a.at - b.at,
  );
}

function freePairs({ rowCount, rowStart, columns, isFree }: Candidates): Choice[] {
  const pairs: Choice[] = [];
  for (let row = 0; row < rowCount; row++) {
    for (let at = rowStart[row]!; at < rowStart[row + 1]!; at++) {
      if (isFree[columns[at]!] === 1) pairs.push({ row, at });
    }
  }
  return pairs;
}

function chooseGreedily(
  { candidates }: ChoiceContext,
  pairs: readonly Choice[],
  driversPerRequest: number,
): Plan {
  const taken = new Set<number>();
  const got = new Map<number, number>();
  const choices: Choice[] = [];
  for (const pair of pairs) {
    const column = candidates.columns[pair.at]!;
    const count = got.get(pair.row) ?? 0;
    if (count >= driversPerRequest || taken.has(column)) continue;
    taken.add(column);
    got.set(pair.row, count + 1);
    choices.push(pair);
  }
  return { choices: choices.sort((a, b) => a.row - b.row || a.at - b.at), held: [] };
}
