import type { AssignmentProblem, AssignmentResult } from './assignment.ts';

/** What is wrong with a result, and where: `row` or `column` when it is about one. */
export interface CertificateFault {
  readonly code:
    | 'not_a_candidate'
    | 'column_twice'
    | 'total_wrong'
    | 'price_above_cost'
    | 'price_below_matched_cost'
    | 'row_price_above_unmatched_cost'
    | 'unmatched_row_price_low'
    | 'column_price_positive'
    | 'free_column_priced';
  readonly row?: number;
  readonly column?: number;
}

/**
 * Proves that a result is feasible and of least cost, from its prices alone (linear programming duality), without
 * knowing how it was found. Returns undefined, or the first fault. `tolerance` is what an inequality may fail by, in
 * units of cost: 0 fits problems in integers; the default, 1e-9 of the largest cost in sight, leaves room for the rounding of doubles.
 */
export function certify(
  problem: AssignmentProblem,
  result: AssignmentResult,
  tolerance = 1e-9 * largestCost(problem),
): CertificateFault | undefined {
  const taken = new Uint8Array(problem.columnCount);
  let total = 0;
  for (let row = 0; row < problem.rowStart.length - 1; row++) {
    const fault = rowFault(problem, result, row, tolerance);
    if (fault) return fault;
    const column = result.rowToColumn[row]!;
    total += costOf(problem, row, column)!;
    if (column < 0) continue;
    if (taken[column]!++ > 0) return { code: 'column_twice', row, column };
  }
  for (let column = 0; column < problem.columnCount; column++) {
    const price = result.columnPrice[column]!;
    if (!(price <= tolerance)) return { code: 'column_price_positive', column };
    if (taken[column] === 0 && !(price >= -tolerance)) return { code: 'free_column_priced', column };
  }
  const rounding = tolerance * Math.max(1, problem.rowStart.length - 1);
  return Math.abs(total - result.totalCost) <= rounding ? undefined : { code: 'total_wrong' };
}

function rowFault(
  problem: AssignmentProblem,
  result: AssignmentResult,
  row: number,
  tolerance: number,
): CertificateFault | undefined {
  const price = result.rowPrice[row]!;
  const matched = result.rowToColumn[row]!;
  const unmatchedCost = problem.unmatchedCost[row]!;
  // Written so that a NaN is a fault too.
  if (!(price <= unmatchedCost + tolerance)) return { code: 'row_price_above_unmatched_cost', row };
  if (matched < 0 && price < unmatchedCost - tolerance) return { code: 'unmatched_row_price_low', row };
  if (costOf(problem, row, matched) === undefined) return { code: 'not_a_candidate', row, column: matched };
  for (let i = problem.rowStart[row]!; i < problem.rowStart[row + 1]!; i++) {
    const column = problem.columns[i]!;
    const slack = problem.costs[i]! - price - result.columnPrice[column]!;
    if (!(slack >= -tolerance)) return { code: 'price_above_cost', row, column };
    if (column === matched && slack > tolerance) return { code: 'price_below_matched_cost', row, column };
  }
  return undefined;
}

function costOf(problem: AssignmentProblem, row: number, column: number): number | undefined {
  if (column === -1) return problem.unmatchedCost[row];
  for (let i = problem.rowStart[row]!; i < problem.rowStart[row + 1]!; i++) {
    if (problem.columns[i] === column) return problem.costs[i];
  }
  return undefined;
}

function largestCost({ rowStart, costs, unmatchedCost }: AssignmentProblem): number {
  const rowCount = rowStart.length - 1;
  let largest = 0;
  for (let i = 0; i < rowStart[rowCount]!; i++) largest = Math.max(largest, Math.abs(costs[i]!));
  for (let row = 0; row < rowCount; row++) largest = Math.max(largest, Math.abs(unmatchedCost[row]!));
  return largest;
}
