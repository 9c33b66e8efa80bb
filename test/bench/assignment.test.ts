import { linearSumAssignment } from 'linear-sum-assignment';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NODE_SOLVERS, type NodeSolver } from '../../bench/assignment/node-solvers.ts';
import {
  fullMatchingByColumnOf,
  fullMatchingOf,
  type PeerProblem,
  worthOf,
} from '../../bench/assignment/peer-problem.ts';
import { decodeProblem, encodeProblem } from '../../bench/assignment/problem-file.ts';
import { type AssignmentProblem, createAssignmentSolver } from '../../src/matching/assignment.ts';
import { certify } from '../../src/matching/assignment-certificate.ts';
import type { SparseCosts } from '../../src/matching/sparse-costs.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { problemOf, randomProblem } from '../matching/assignment-cases.ts';

/** Whole numbers, negative ones and 0 among them, and unmatched costs that are often the better choice. */
const problems = fc
  .record({
    ...{ seed: fc.nat(), rows: fc.integer({ min: 1, max: 9 }), columns: fc.integer({ min: 1, max: 9 }) },
    candidatesMax: fc.integer({ min: 0, max: 6 }),
  })
  .map(({ seed, ...size }) =>
    randomProblem(createPrng(seed), {
      ...size,
      cost: (prng) => prng.int(40) - 10,
      unmatchedCost: (prng) => prng.int(40) - 5,
    }),
  );

/** By duality: with this engine's prices, an answer of the same cost is proven to be the least, whoever found it. */
function faultOf(problem: AssignmentProblem, rowToColumn: Int32Array): unknown {
  const { rowPrice, columnPrice } = createAssignmentSolver().solve(problem);
  const worth = worthOf(problem, rowToColumn);
  return certify(problem, { ...worth, rowToColumn, rowPrice, columnPrice }, 1e-6);
}

/** A full matching of least cost by a dense solver that is not ours. A pair that is none costs more than any matching. */
function matesInFull({ rowStart, columns, costs, columnCount }: SparseCosts): Float64Array {
  const dense = Array.from({ length: rowStart.length - 1 }, (_, row) => {
    const line = new Float64Array(columnCount).fill(1e6);
    for (let i = rowStart[row]!; i < rowStart[row + 1]!; i++) line[columns[i]!] = costs[i]!;
    return line;
  });
  return linearSumAssignment(dense, { maximaze: false }).rowAssignments;
}

test.each([
  ['a row', fullMatchingOf],
  ['a column', fullMatchingByColumnOf],
] as const)(
  'the least full matching with a dummy for %s is a least assignment',
  (_, formOf: (problem: AssignmentProblem) => PeerProblem<SparseCosts>) => {
    fc.assert(
      fc.property(problems, (problem) => {
        const { form, rowToColumnOf } = formOf(problem);
        // scipy takes 0 for "no such pair", and a row without a pair for an error.
        expect(Math.min(...form.costs)).toBeGreaterThan(0);
        expect(faultOf(problem, rowToColumnOf(matesInFull(form)))).toBeUndefined();
      }),
    );
  },
);

test.each(Object.keys(NODE_SOLVERS) as NodeSolver[])('%s finds a least assignment as prepared', (name) => {
  const prepare = NODE_SOLVERS[name]();
  fc.assert(
    fc.property(problems, (problem) => {
      const { solve, answer } = prepare(problem);
      solve();
      expect(faultOf(problem, answer())).toBeUndefined();
    }),
  );
});

test('a problem is read as it was written, byte offsets odd or not, with unmatched costs or without', () => {
  fc.assert(
    fc.property(problems, fc.nat(7), (problem, shift) => {
      const bytes = encodeProblem(problem, problem.unmatchedCost);
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      expect(decodeProblem(moved)).toEqual(problem);
      expect(decodeProblem(encodeProblem(problem))).toEqual({
        ...problem,
        unmatchedCost: new Float64Array(0),
      });
    }),
  );
});

test('a problem that is cut short is refused', () => {
  const bytes = encodeProblem(problemOf(1, [{ unmatchedCost: 5, candidates: [[0, 1]] }]));
  expect(() => decodeProblem(bytes.subarray(0, -1))).toThrow();
});

test('an answer that is no assignment has no worth', () => {
  const row = { unmatchedCost: 5, candidates: [[0, 1]] } as const;
  const problem = problemOf(2, [row, row]);
  expect(worthOf(problem, Int32Array.of(-1, 0))).toEqual({ totalCost: 6, matchedCount: 1 });
  expect(() => worthOf(problem, Int32Array.of(0, 0))).toThrow('given twice');
  expect(() => worthOf(problem, Int32Array.of(1, -1))).toThrow('no candidate');
  expect(() => worthOf(problem, Int32Array.of(0))).toThrow('for each row');
});
