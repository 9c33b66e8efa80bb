import { assert } from '../lib/assert.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

/**
 * Costs of some pairs of rows and columns, row by row: the candidates of row r are at the positions `rowStart[r]` up to
 * (not including) `rowStart[r + 1]` of `columns` and `costs`. A pair that is not listed is impossible.
 */
export interface SparseCosts {
  /** Length rows + 1, from 0, never falling. */
  readonly rowStart: Int32Array;
  /** Column of each candidate, 0 to `columnCount` - 1; in any order, but at most once per row. */
  readonly columns: Int32Array;
  /** Finite, any sign. */
  readonly costs: Float64Array;
  readonly columnCount: number;
}

/** Rows and columns that have a candidate at all. */
export interface Reach {
  readonly rows: number;
  readonly columns: number;
}

/** Most candidates in one problem: 2^24 take 200 MB here. More is a batch that its caller forgot to bound. */
const candidatesMax = 1 << 24;

/** Checks what `SparseCosts` promises (assertion when broken) and counts the rows and columns that have candidates. */
export function createCostsCheck(): (costs: SparseCosts) => Reach {
  let lastRow: Int32Array = new Int32Array(0);
  return ({ rowStart, columns, costs, columnCount }) => {
    const rowCount = rowStart.length - 1;
    assert(rowCount >= 0 && rowStart[0] === 0, 'rowStart begins with 0');
    const end = rowStart[rowCount]!;
    assert(end <= candidatesMax, 'more candidates than candidatesMax');
    assert(columns.length >= end && costs.length >= end, 'columns and costs hold every candidate');
    lastRow = roomForInt32(lastRow, columnCount).fill(-1, 0, columnCount);
    let reachedRows = 0;
    let reachedColumns = 0;
    for (let row = 0; row < rowCount; row++) {
      const from = rowStart[row]!;
      const to = rowStart[row + 1]!;
      assert(to >= from && to <= end, 'rowStart never falls');
      if (to > from) reachedRows++;
      for (let i = from; i < to; i++) {
        const column = columns[i]!;
        assert(column >= 0 && column < columnCount, 'a column is below columnCount');
        const previous = lastRow[column]!;
        assert(previous !== row, 'a column is at most once in a row');
        if (previous < 0) reachedColumns++;
        lastRow[column] = row;
        assert(Number.isFinite(costs[i]!), 'a cost is finite');
      }
    }
    return { rows: reachedRows, columns: reachedColumns };
  };
}

/**
 * Swaps rows and columns; candidates of a column come in the order of their rows. The result lives in the transposer's
 * own memory and holds until its next call.
 */
export function createTransposer(): (costs: SparseCosts) => SparseCosts {
  let starts: Int32Array = new Int32Array(0);
  let swappedColumns: Int32Array = new Int32Array(0);
  let swappedCosts: Float64Array = new Float64Array(0);
  return ({ rowStart, columns, costs, columnCount }) => {
    const rowCount = rowStart.length - 1;
    const end = rowStart[rowCount]!;
    // Counted two places ahead: filling moves starts[c + 1] from the first candidate of c to behind its last, where it belongs.
    starts = roomForInt32(starts, columnCount + 2).fill(0, 0, columnCount + 2);
    swappedColumns = roomForInt32(swappedColumns, end);
    swappedCosts = roomForFloat64(swappedCosts, end);
    for (let i = 0; i < end; i++) starts[columns[i]! + 2]!++;
    for (let column = 0; column <= columnCount; column++) starts[column + 1]! += starts[column]!;
    for (let row = 0; row < rowCount; row++) {
      for (let i = rowStart[row]!, to = rowStart[row + 1]!; i < to; i++) {
        const at = starts[columns[i]! + 1]!++;
        swappedColumns[at] = row;
        swappedCosts[at] = costs[i]!;
      }
    }
    return {
      rowStart: starts.subarray(0, columnCount + 1),
      columns: swappedColumns,
      costs: swappedCosts,
      columnCount: rowCount,
    };
  };
}
