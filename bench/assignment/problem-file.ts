import { assert } from '../../src/lib/assert.ts';
import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import type { SparseCosts } from '../../src/matching/sparse-costs.ts';

/** Number of rows, of columns, of candidates, of unmatched costs: 32 bit each. */
const HEADER_BYTES = 16;
const NONE: Float64Array = new Float64Array(0);

/**
 * A problem as the bytes that solvers in other processes and languages read without parsing: the header, costs and unmatched costs (64-bit floats),
 * `rowStart` and `columns` (32-bit integers), all little-endian. A problem in which every row must be matched has no unmatched costs.
 */
export function encodeProblem(costs: SparseCosts, unmatchedCost = NONE): Uint8Array {
  const rowCount = costs.rowStart.length - 1;
  const pairCount = costs.rowStart[rowCount]!;
  const header = Int32Array.of(rowCount, costs.columnCount, pairCount, unmatchedCost.length);
  const parts = [
    ...[header, costs.costs.subarray(0, pairCount), unmatchedCost],
    ...[costs.rowStart, costs.columns.subarray(0, pairCount)],
  ];
  return Buffer.concat(
    parts.map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
  );
}

/** What `encodeProblem` wrote; its `unmatchedCost` is empty when none were written. */
export function decodeProblem(bytes: Uint8Array): AssignmentProblem {
  // A copy begins where 64-bit floats may begin.
  const { buffer } = Uint8Array.from(bytes);
  const [rowCount, columnCount, pairCount, unmatchedCount] = new Int32Array(buffer, 0, 4);
  const unmatchedAt = HEADER_BYTES + 8 * pairCount!;
  const rowStartAt = unmatchedAt + 8 * unmatchedCount!;
  const columnsAt = rowStartAt + 4 * (rowCount! + 1);
  assert(buffer.byteLength === columnsAt + 4 * pairCount!, 'the problem ends where its header says');
  return {
    costs: new Float64Array(buffer, HEADER_BYTES, pairCount),
    unmatchedCost: new Float64Array(buffer, unmatchedAt, unmatchedCount),
    rowStart: new Int32Array(buffer, rowStartAt, rowCount! + 1),
    columns: new Int32Array(buffer, columnsAt, pairCount),
    columnCount: columnCount!,
  };
}
