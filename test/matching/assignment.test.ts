import fc from 'fast-check';
import { linearSumAssignment } from 'linear-sum-assignment';
import { munkres } from 'munkres';
import { describe, expect, it } from 'vitest';
import { cardinalityFirstCost, createAssignmentSolver } from '../../src/matching/assignment.ts';
import type { AssignmentProblem, AssignmentResult } from '../../src/matching/assignment.ts';
import { certify } from '../../src/matching/assignment-certificate.ts';
import { AssertionError } from '../../src/lib/assert.ts';
import { createPrng } from '../../src/lib/prng.ts';
import type { Prng } from '../../src/lib/prng.ts';
import { cityProblem, problemOf, randomProblem } from './assignment-cases.ts';
import type { CaseRow, RandomShape } from './assignment-cases.ts';

/** The least total over every choice of every row. */
function exhaustiveTotal(problem: AssignmentProblem, row = 0, taken = 0): number {
  if (row === problem.rowStart.length - 1) return 0;
  let least = problem.unmatchedCost[row]! + exhaustiveTotal(problem, row + 1, taken);
  for (let i = problem.rowStart[row]!; i < problem.rowStart[row + 1]!; i++) {
    const bit = 1 << problem.columns[i]!;
    if (taken & bit) continue;
    least = Math.min(least, problem.costs[i]! + exhaustiveTotal(problem, row + 1, taken | bit));
  }
  return least;
}

/** The problem as a dense matrix: every row has a column of its own to stay unmatched, the impossible is very dear. */
function denseMatrix(problem: AssignmentProblem, impossible: number): number[][] {
  return Array.from({ length: problem.rowStart.length - 1 }, (_, row) => {
    const dense = new Array<number>(problem.columnCount + problem.rowStart.length - 1).fill(impossible);
    for (let i = problem.rowStart[row]!; i < problem.rowStart[row + 1]!; i++) {
      dense[problem.columns[i]!] = problem.costs[i]!;
    }
    dense[problem.columnCount + row] = problem.unmatchedCost[row]!;
    return dense;
  });
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);
const copyOf = (result: AssignmentResult): object => ({
  rowToColumn: [...result.rowToColumn],
  totalCost: result.totalCost,
  matchedCount: result.matchedCount,
  prices: [[...result.rowPrice], [...result.columnPrice]],
});
const solveFresh = (problem: AssignmentProblem): AssignmentResult => createAssignmentSolver().solve(problem);

/** Shapes that between them have infeasible rows, ties, negative costs, few rows, few columns and cheap unmatched rows. */
function randomShape(prng: Prng, sizeMax: number): RandomShape {
  const spread = [1, 2, 5, 1000][prng.int(4)]!;
  const lowest = prng.chance(0.5) ? 0 : -Math.floor(spread / 2) - 1;
  const unmatchedSpread = [1, spread, 3 * spread][prng.int(3)]!;
  const unmatchedLowest = [0, lowest, 10 * spread][prng.int(3)]!;
  return {
    rows: prng.int(sizeMax + 1),
    columns: prng.int(sizeMax + 1),
    candidatesMax: 1 + prng.int(sizeMax),
    cost: (p) => lowest + p.int(spread),
    unmatchedCost: (p) => unmatchedLowest + p.int(unmatchedSpread),
  };
}

describe('against other solvers, on integers, exactly', () => {
  it('costs what exhaustive search finds, 6,000 small cases', () => {
    const prng = createPrng(1);
    const solver = createAssignmentSolver();
    for (let i = 0; i < 6000; i++) {
      const problem = randomProblem(prng, randomShape(prng, 6));
      const result = solver.solve(problem);
      expect(result.totalCost).toBe(exhaustiveTotal(problem));
      expect(certify(problem, result, 0)).toBeUndefined();
    }
  });

  it('costs what munkres finds, 1,500 cases up to 25 x 25', () => {
    const prng = createPrng(2);
    const solver = createAssignmentSolver();
    for (let i = 0; i < 1500; i++) {
      const problem = randomProblem(prng, randomShape(prng, 25));
      const result = solver.solve(problem);
      const dense = denseMatrix(problem, 1e9);
      const expected = dense.length === 0 ? 0 : munkres(dense).reduce((t, [r, c]) => t + dense[r]![c]!, 0);
      expect(result.totalCost).toBe(expected);
      expect(certify(problem, result, 0)).toBeUndefined();
    }
  });

  it('costs what linear-sum-assignment finds, 1,500 cases up to 40 x 40', () => {
    const prng = createPrng(3);
    const solver = createAssignmentSolver();
    for (let i = 0; i < 1500; i++) {
      const shape = randomShape(prng, 40);
      const problem = randomProblem(prng, { ...shape, rows: shape.rows + 1 });
      const result = solver.solve(problem);
      const dense = denseMatrix(problem, 1e6);
      const { rowAssignments } = linearSumAssignment(dense, { maximaze: false });
      const expected = dense.reduce((total, row, r) => total + row[rowAssignments[r]!]!, 0);
      expect(result.totalCost).toBe(expected);
    }
  });

  it('matches as many rows as any assignment could with cardinalityFirstCost, and no dearer than needed', () => {
    const prng = createPrng(4);
    for (let i = 0; i < 2000; i++) {
      const [rows, columns, costMin, costMax] = [1 + prng.int(6), 1 + prng.int(6), -3, 9];
      const unmatched = cardinalityFirstCost({ pairsMax: Math.min(rows, columns), costMin, costMax });
      const problem = randomProblem(prng, {
        rows,
        columns,
        candidatesMax: 3,
        cost: (p) => costMin + p.int(costMax - costMin + 1),
        unmatchedCost: () => unmatched,
      });
      const result = solveFresh(problem);
      const fewestUnmatched = exhaustiveTotal({
        ...problem,
        costs: problem.costs.map(() => 0),
        unmatchedCost: problem.unmatchedCost.map(() => 1),
      });
      expect(rows - result.matchedCount).toBe(fewestUnmatched);
      expect(result.totalCost).toBe(exhaustiveTotal(problem));
    }
  });
});

describe('the dual certificate', () => {
  const cities: [name: string, problem: AssignmentProblem][] = [
    ['plenty', city({ requests: 1500, drivers: 3000 })],
    ['scarce', city({ requests: 3000, drivers: 1500 })],
    ['balanced', city({ requests: 1500, drivers: 1500 })],
    ['half the requests in one spot', city({ requests: 1500, drivers: 2500, crowd: 0.5 })],
    ['patience shorter than many a way', city({ requests: 1500, drivers: 1500, unmatchedCost: 200 })],
    ['ties by whole seconds', city({ requests: 1500, drivers: 1600, wholeSeconds: true })],
  ];

  it.each(cities)('proves a city optimal: %s', (_, problem) => {
    const result = solveFresh(problem);
    expect(certify(problem, result)).toBeUndefined();
    expect(sum(result.rowPrice) + sum(result.columnPrice)).toBeCloseTo(result.totalCost, 3);
    expect(result.matchedCount).toBe(result.rowToColumn.filter((column) => column >= 0).length);
    expect(result.matchedCount).toBeGreaterThan(0);
  });

  it.each([
    [2000, 4000],
    [4000, 2000],
    [2000, 2000],
  ])('proves %i x %i without any geometry optimal', (rows, columns) => {
    const problem = randomProblem(createPrng(9), {
      rows,
      columns,
      candidatesMax: 20,
      cost: (p) => p.float() * 1000 - 300,
      unmatchedCost: (p) => p.float() * 600,
    });
    expect(certify(problem, solveFresh(problem))).toBeUndefined();
  });

  it('is refused for any dearer assignment and for any price moved', () => {
    const prng = createPrng(10);
    let dearer = 0;
    for (let i = 0; i < 300; i++) {
      const problem = randomProblem(prng, { ...randomShape(prng, 8), rows: 6, columns: 5 });
      const good = solveFresh(problem);
      const row = prng.int(6);
      const choices: [column: number, cost: number][] = [[-1, problem.unmatchedCost[row]!]];
      for (let i = problem.rowStart[row]!; i < problem.rowStart[row + 1]!; i++) {
        choices.push([problem.columns[i]!, problem.costs[i]!]);
      }
      const current = choices.find(([column]) => column === good.rowToColumn[row])!;
      for (const [column, cost] of choices) {
        if (column >= 0 && good.rowToColumn.includes(column)) continue;
        const rowToColumn = good.rowToColumn.with(row, column);
        const totalCost = good.totalCost - current[1] + cost;
        const fault = certify(problem, { ...good, rowToColumn, totalCost }, 0);
        expect(fault === undefined).toBe(totalCost === good.totalCost);
        dearer += totalCost > good.totalCost ? 1 : 0;
      }
      const shifted = { ...good, rowPrice: good.rowPrice.with(row, good.rowPrice[row]! + (i % 2 ? 1 : -1)) };
      expect(certify(problem, shifted, 0)).toBeDefined();
      const column = prng.int(5);
      const raised = { ...good, columnPrice: good.columnPrice.with(column, 0.5) };
      expect(certify(problem, raised, 0)).toBeDefined();
    }
    expect(dearer).toBeGreaterThan(100);
  });

  it('names what is wrong', () => {
    const problem = problemOf(2, [row(9, [0, 1]), row(9, [0, 2], [1, 7])]);
    const good = solveFresh(problem);
    expect([...good.rowToColumn]).toEqual([0, 1]);
    const codeOf = (change: Partial<AssignmentResult>): string | undefined =>
      certify(problem, { ...good, ...change })?.code;
    expect(codeOf({})).toBeUndefined();
    expect(codeOf({ totalCost: 7 })).toBe('total_wrong');
    expect(codeOf({ rowToColumn: Int32Array.of(1, 0) })).toBe('not_a_candidate');
    expect(codeOf({ rowToColumn: Int32Array.of(0, 0) })).toBe('column_twice');
    expect(codeOf({ rowToColumn: Int32Array.of(0, 5) })).toBe('not_a_candidate');
    expect(codeOf({ rowToColumn: Int32Array.of(0, -1) })).toBe('unmatched_row_price_low');
    expect(codeOf({ rowPrice: good.rowPrice.map(() => NaN) })).toBe('row_price_above_unmatched_cost');
    expect(codeOf({ columnPrice: good.columnPrice.map(() => 3) })).toBe('price_above_cost');
    expect(codeOf({ rowPrice: good.rowPrice.map((p) => p - 1) })).toBe('price_below_matched_cost');
  });
});

describe('edges', () => {
  it('solves problems without rows, without columns, without candidates', () => {
    expect(copyOf(solveFresh(problemOf(0, [])))).toMatchObject({ rowToColumn: [], totalCost: 0 });
    expect(copyOf(solveFresh(problemOf(3, [])))).toMatchObject({ rowToColumn: [], prices: [[], [0, 0, 0]] });
    expect(copyOf(solveFresh(problemOf(0, [row(4), row(-5)])))).toMatchObject({
      rowToColumn: [-1, -1],
      totalCost: -1,
      matchedCount: 0,
      prices: [[4, -5], []],
    });
    expect(copyOf(solveFresh(problemOf(2, [row(4), row(6, [1, 5])])))).toMatchObject({
      rowToColumn: [-1, 1],
      totalCost: 9,
    });
  });

  it('leaves a row unmatched where that is cheaper, though a column is free', () => {
    expect([...solveFresh(problemOf(1, [row(3, [0, 4])])).rowToColumn]).toEqual([-1]);
  });

  it('takes a column away from a row that was served first', () => {
    const result = solveFresh(problemOf(2, [row(99, [0, 1], [1, 2]), row(99, [0, 1], [1, 50])]));
    expect([...result.rowToColumn]).toEqual([1, 0]);
    expect(result.totalCost).toBe(3);
  });

  it.each([
    ['a column twice in a row', problemOf(2, [row(1, [1, 2], [1, 3])])],
    ['a column out of range', problemOf(2, [row(1, [2, 2])])],
    ['a negative column', problemOf(2, [row(1, [-1, 2])])],
    ['a cost that is not a number', problemOf(2, [row(1, [0, NaN])])],
    ['an infinite cost', problemOf(2, [row(1, [0, Infinity])])],
    ['an infinite unmatched cost', problemOf(2, [row(Infinity, [0, 1])])],
    ['a row without an unmatched cost', { ...problemOf(2, [row(1)]), unmatchedCost: new Float64Array(0) }],
    ['falling row starts', { ...problemOf(2, [row(1, [0, 1]), row(1)]), rowStart: Int32Array.of(0, 2, 1) }],
    ['too few candidates', { ...problemOf(2, [row(1, [0, 1])]), rowStart: Int32Array.of(0, 2) }],
  ])('refuses %s', (_, problem) => {
    expect(() => solveFresh(problem)).toThrow(AssertionError);
  });
});

describe('one solver for many problems', () => {
  it('gives the same as a fresh solver, whatever came before, and leaves its input alone', () => {
    const kept = createAssignmentSolver();
    const seeds = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 60 }), (seed, sizeMax) => {
        const prng = createPrng(seed);
        const problem = randomProblem(prng, randomShape(prng, sizeMax));
        const before = structuredClone(problem);
        expect(copyOf(kept.solve(problem))).toEqual(copyOf(solveFresh(problem)));
        expect(problem).toEqual(before);
      }),
      { numRuns: 600 },
    );
  });

  it('recovers after a refused problem', () => {
    const solver = createAssignmentSolver();
    expect(() => solver.solve(problemOf(1, [row(1, [0, NaN])]))).toThrow('finite');
    expect(() => solver.advance(1)).toThrow('begun');
    expect([...solver.solve(problemOf(1, [row(1, [0, 0])])).rowToColumn]).toEqual([0]);
  });

  it('gives the same in slices as at once, and drops an unfinished problem for the next', () => {
    const solver = createAssignmentSolver();
    const problem = city({ requests: 900, drivers: 850, crowd: 0.3 });
    const whole = copyOf(solver.solve(problem));
    let slices = 1;
    solver.begin(problem);
    let result = solver.advance(50);
    for (; result === undefined; slices++) result = solver.advance(50);
    expect(slices).toBeGreaterThan(10);
    expect(copyOf(result)).toEqual(whole);
    solver.begin(problem);
    expect(solver.advance(1)).toBeUndefined();
    expect(copyOf(solver.solve(problem))).toEqual(whole);
  });
});

function row(unmatchedCost: number, ...candidates: [column: number, cost: number][]): CaseRow {
  return { unmatchedCost, candidates };
}

function city(
  shape: Partial<Parameters<typeof cityProblem>[1]> & { requests: number; drivers: number },
): AssignmentProblem {
  return cityProblem(createPrng(7), { nearest: 20, unmatchedCost: 1e5, ...shape });
}
