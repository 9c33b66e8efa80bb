import { assert } from '../lib/assert.ts';
import { AugmentingSearch } from './augmenting-search.ts';
import type { Side, Sides } from './augmenting-search.ts';
import { createCostsCheck, createTransposer } from './sparse-costs.ts';
import type { SparseCosts } from './sparse-costs.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

/**
 * Rows (ride requests) to columns (drivers), each used at most once. A row may always stay unmatched at its own cost, so
 * every problem has an answer; a pair dearer than the row's unmatched cost is never made.
 */
export interface AssignmentProblem extends SparseCosts {
  /** Per row, finite. See `cardinalityFirstCost` for when as many rows as possible shall be matched. */
  readonly unmatchedCost: Float64Array;
}

/** A least-cost assignment and the dual prices that prove it (`certify`). The arrays hold until the solver's next problem. */
export interface AssignmentResult {
  /** Column of each row, -1 when unmatched. */
  readonly rowToColumn: Int32Array;
  /** Costs of the pairs plus unmatched costs of the other rows. */
  readonly totalCost: number;
  readonly matchedCount: number;
  /** At most the row's unmatched cost; equal to it for an unmatched row. */
  readonly rowPrice: Float64Array;
  /**
   * At most 0; equal to 0 for a column that nobody got. Row price + column price is at most the cost of each candidate and
   * equals it on matched pairs, so all prices sum up to the total cost, and no assignment can be cheaper.
   */
  readonly columnPrice: Float64Array;
}

/**
 * Solves sparse assignment problems exactly, one at a time, in memory that is kept between problems (at most 60 bytes per
 * row and column and, with fewer columns than rows, 12 per candidate, of the largest problem so far, and twice that for growth).
 *
 * Exact means: with integers (all below 2^53 divided by the number of rows) no rounding happens at all; otherwise the
 * total is least but for the rounding of doubles. The same arrays always give the same result, whatever was solved
 * before; which of several optima it is depends on the order of rows and of candidates, and is not promised.
 */
export interface AssignmentSolver {
  /** Begins and finishes a problem. Broken input (see `SparseCosts`) is an assertion. */
  solve(problem: AssignmentProblem): AssignmentResult;
  /**
   * Begins a problem that is finished in slices, so that a huge one does not hold up the event loop. Its arrays must not
   * change until `advance` has returned a result. An unfinished problem is dropped.
   */
  begin(problem: AssignmentProblem): void;
  /**
   * Works on until it has read the candidates of `scansMax` rows (or more: an augmenting path is never cut, it may read
   * every row once), or is done. A scan of 20 candidates takes about 0.2 µs. Returns the result when done.
   */
  advance(scansMax: number): AssignmentResult | undefined;
}

interface Job {
  readonly problem: AssignmentProblem;
  readonly sides: Sides;
  readonly rows: Side;
  readonly columns: Side;
  waitingCount: number;
  next: number;
}

/**
 * A solver without memory yet. Successive shortest augmenting paths (Jonker and Volgenant 1987, sparse, from greedy
 * duals), searched from whichever side is the smaller: with 6,000 rows for 3,000 columns that is 2 ms instead of 76.
 * docs/adr/0003-sparse-assignment.md has the figures, and what was tried besides.
 */
export function createAssignmentSolver(): AssignmentSolver {
  const check = createCostsCheck();
  const transpose = createTransposer();
  const search = new AugmentingSearch();
  let rowMate: Int32Array = new Int32Array(0);
  let columnMate: Int32Array = new Int32Array(0);
  let rowPrice: Float64Array = new Float64Array(0);
  let columnPrice: Float64Array = new Float64Array(0);
  let zeros: Float64Array = new Float64Array(0);
  let waiting: Int32Array = new Int32Array(0);
  let job: Job | undefined;

  const reserve = (rowCount: number, columnCount: number): void => {
    rowMate = roomForInt32(rowMate, rowCount).fill(-1, 0, rowCount);
    columnMate = roomForInt32(columnMate, columnCount).fill(-1, 0, columnCount);
    rowPrice = roomForFloat64(rowPrice, rowCount);
    columnPrice = roomForFloat64(columnPrice, columnCount);
    zeros = roomForFloat64(zeros, columnCount);
    waiting = roomForInt32(waiting, Math.max(rowCount, columnCount));
  };

  const begin = (problem: AssignmentProblem): void => {
    job = undefined;
    const reach = check(problem);
    const rowCount = problem.rowStart.length - 1;
    assert(problem.unmatchedCost.length >= rowCount, 'every row has an unmatched cost');
    for (let row = 0; row < rowCount; row++) {
      assert(Number.isFinite(problem.unmatchedCost[row]!), 'an unmatched cost is finite');
    }
    reserve(rowCount, problem.columnCount);
    const rows: Side = { mate: rowMate, price: rowPrice, unmatchedCost: problem.unmatchedCost };
    const columns: Side = { mate: columnMate, price: columnPrice, unmatchedCost: zeros };
    const sides: Sides =
      reach.rows <= reach.columns
        ? { costs: problem, seekers: rows, targets: columns }
        : { costs: transpose(problem), seekers: columns, targets: rows };
    search.reserve(sides.costs.columnCount);
    job = { problem, sides, rows, columns, waitingCount: chooseGreedily(sides, waiting), next: 0 };
  };

  const advance = (scansMax: number): AssignmentResult | undefined => {
    assert(job !== undefined, 'advance needs a problem begun and not yet finished');
    const { problem, sides, rows, columns } = job;
    for (let scans = 0; job.next < job.waitingCount && scans < scansMax;) {
      scans += search.settle(sides, waiting[job.next++]!);
    }
    if (job.next < job.waitingCount) return undefined;
    job = undefined;
    return resultOf(problem, rows, columns);
  };

  return {
    begin,
    advance,
    solve(problem) {
      begin(problem);
      return advance(Infinity)!;
    },
  };
}

/**
 * Prices to start from: targets at what being left costs, seekers at their best choice, which they get if it is still
 * free. Writes the seekers that came too late to `waiting`, in their order, and returns how many. With two drivers a
 * rider this settles three quarters.
 */
function chooseGreedily({ costs, seekers, targets }: Sides, waiting: Int32Array): number {
  const { columns, costs: cost, rowStart, columnCount } = costs;
  const seekerCount = rowStart.length - 1;
  for (let target = 0; target < columnCount; target++) targets.price[target] = targets.unmatchedCost[target]!;
  let waitingCount = 0;
  for (let seeker = 0; seeker < seekerCount; seeker++) {
    let least = seekers.unmatchedCost[seeker]!;
    let choice = -1;
    for (let i = rowStart[seeker]!, to = rowStart[seeker + 1]!; i < to; i++) {
      const offer = cost[i]! - targets.price[columns[i]!]!;
      if (offer < least) {
        least = offer;
        choice = columns[i]!;
      }
    }
    seekers.price[seeker] = least;
    if (choice < 0) continue;
    if (targets.mate[choice]! >= 0) {
      waiting[waitingCount++] = seeker;
    } else {
      targets.mate[choice] = seeker;
      seekers.mate[seeker] = choice;
    }
  }
  return waitingCount;
}

function resultOf(problem: AssignmentProblem, rows: Side, columns: Side): AssignmentResult {
  const { rowStart, columns: candidates, costs, unmatchedCost, columnCount } = problem;
  const rowCount = rowStart.length - 1;
  let totalCost = 0;
  let matchedCount = 0;
  for (let row = 0; row < rowCount; row++) {
    const column = rows.mate[row]!;
    if (column < 0) {
      totalCost += unmatchedCost[row]!;
      continue;
    }
    matchedCount++;
    let i = rowStart[row]!;
    while (candidates[i] !== column) i++;
    totalCost += costs[i]!;
  }
  return {
    rowToColumn: rows.mate.subarray(0, rowCount),
    totalCost,
    matchedCount,
    rowPrice: rows.price.subarray(0, rowCount),
    columnPrice: columns.price.subarray(0, columnCount),
  };
}

/**
 * The least unmatched cost, for all rows alike, with which a least-cost assignment also matches as many rows as can be:
 * one more pair can change all the others, `pairsMax` - 1 of them by `costMax` - `costMin` each. Returned one above that
 * bound, so that integers stay integers. `pairsMax` is the smaller of the numbers of rows and columns; costs lie in
 * `costMin` to `costMax`. Prices get as large as this: with 10,000 pairs and costs up to 3,600 it is 3.6e7, which leaves
 * doubles a resolution of 1e-8.
 */
export function cardinalityFirstCost(bounds: { pairsMax: number; costMin: number; costMax: number }): number {
  const { pairsMax, costMin, costMax } = bounds;
  return Math.max(0, pairsMax - 1) * (costMax - costMin) + costMax + 1;
}
