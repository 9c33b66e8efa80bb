import { assert } from '../../src/lib/assert.ts';
import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import type { SparseCosts } from '../../src/matching/sparse-costs.ts';

/** The same problem in the form that a peer takes, and the way back from its answer. */
export interface PeerProblem<Form> {
  readonly form: Form;
  /** From the mate of each row of `form` to the column of each row of the problem, -1 when unmatched. */
  readonly rowToColumnOf: (mates: ArrayLike<number>) => Int32Array;
}

/**
 * For solvers of full matchings: each row gets a column of its own, behind all others, that costs what staying unmatched costs. So every row can
 * be matched, and the least cost is the same plus one constant a row: costs are raised above 0, since scipy takes 0 for "no such pair".
 */
export function fullMatchingOf(problem: AssignmentProblem): PeerProblem<SparseCosts> {
  const rowCount = problem.rowStart.length - 1;
  const rows = Array.from({ length: rowCount }, (_, row) => [
    ...pairsOf(problem, row),
    [problem.columnCount + row, problem.unmatchedCost[row]!] as const,
  ]);
  return {
    form: sparse(rows, problem.columnCount + rowCount),
    rowToColumnOf: (mates) =>
      Int32Array.from(mates, (column) => (column < problem.columnCount ? column : -1)),
  };
}

/**
 * The same from the other side: each column seeks a row, at what the pair costs more than leaving that row unmatched, or takes a dummy of its own at 0.
 * Where columns are the fewer, a solver that searches row by row is several times faster so.
 */
export function fullMatchingByColumnOf(problem: AssignmentProblem): PeerProblem<SparseCosts> {
  const rowCount = problem.rowStart.length - 1;
  const columns = Array.from({ length: problem.columnCount }, (): [number, number][] => []);
  for (let row = 0; row < rowCount; row++)
    for (const [column, cost] of pairsOf(problem, row))
      columns[column]!.push([row, cost - problem.unmatchedCost[row]!]);
  columns.forEach((pairs, column) => pairs.push([rowCount + column, 0]));
  return {
    form: sparse(columns, rowCount + problem.columnCount),
    rowToColumnOf: (mates) => {
      const rowToColumn = new Int32Array(rowCount).fill(-1);
      Array.from(mates).forEach((row, column) => {
        if (row < rowCount) rowToColumn[row] = column;
      });
      return rowToColumn;
    },
  };
}

/**
 * For dense solvers: a matrix of what each pair costs more than leaving its row unmatched, 0 where the pair is none or not worth it. A row that gets
 * a 0, or nothing because there are fewer columns, is unmatched: `rowToColumnOfDense`.
 */
export function denseOf(problem: AssignmentProblem): Float64Array[] {
  return Array.from({ length: problem.rowStart.length - 1 }, (_, row) => {
    const dense = new Float64Array(problem.columnCount);
    for (const [column, cost] of pairsOf(problem, row))
      dense[column] = Math.min(0, cost - problem.unmatchedCost[row]!);
    return dense;
  });
}

/** The way back from the column that each row of `denseOf` got, -1 for none. */
export function rowToColumnOfDense(problem: AssignmentProblem, mates: ArrayLike<number>): Int32Array {
  return Int32Array.from(mates, (mate, row) => {
    const cost = pairsOf(problem, row).find(([column]) => column === mate)?.[1];
    return cost !== undefined && cost < problem.unmatchedCost[row]! ? mate : -1;
  });
}

/** What an answer comes to, by the problem's own costs. Rejects one that is no assignment: a pair that is none, a column used twice. */
export function worthOf(
  problem: AssignmentProblem,
  rowToColumn: Int32Array,
): { totalCost: number; matchedCount: number } {
  const taken = new Set<number>();
  let totalCost = 0;
  assert(rowToColumn.length === problem.rowStart.length - 1, 'an answer for each row');
  rowToColumn.forEach((column, row) => {
    if (column < 0) {
      totalCost += problem.unmatchedCost[row]!;
      return;
    }
    const cost = pairsOf(problem, row).find(([candidate]) => candidate === column)?.[1];
    if (cost === undefined) throw new Error(`row ${row} got column ${column}, which is no candidate of it`);
    if (taken.has(column)) throw new Error(`column ${column} was given twice`);
    taken.add(column);
    totalCost += cost;
  });
  return { totalCost, matchedCount: taken.size };
}

type Pair = readonly [column: number, cost: number];

function pairsOf({ rowStart, columns, costs }: SparseCosts, row: number): Pair[] {
  const [from, to] = [rowStart[row]!, rowStart[row + 1]!];
  return Array.from({ length: to - from }, (_, i) => [columns[from + i]!, costs[from + i]!]);
}

/** All rows of the same matching get the same on top, so that the least cost is 1. */
function sparse(rows: readonly (readonly Pair[])[], columnCount: number): SparseCosts {
  const pairs = rows.flat();
  const raise = 1 - pairs.reduce((least, [, cost]) => Math.min(least, cost), 1);
  const rowStart = new Int32Array(rows.length + 1);
  rows.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.length));
  return {
    ...{ rowStart, columnCount },
    columns: Int32Array.from(pairs, ([column]) => column),
    costs: Float64Array.from(pairs, ([, cost]) => cost + raise),
  };
}
