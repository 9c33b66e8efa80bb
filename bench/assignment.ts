import { createAssignmentSolver } from '../src/matching/assignment.ts';
import type { AssignmentProblem } from '../src/matching/assignment.ts';
import { certify } from '../src/matching/assignment-certificate.ts';
import { createPrng } from '../src/lib/prng.ts';
import { cityProblem, randomProblem } from '../test/matching/assignment-cases.ts';

/**
 * Milliseconds per sparse assignment problem, 20 candidates a row: median, least and most of `repeats` runs on a warm
 * solver, and the dual certificate of the last. Build with
 * `esbuild bench/assignment.ts --bundle --platform=node --format=esm --outfile=FILE`.
 */
const repeats = 15;
const candidates = 20;
const unmatchedCost = 1e5;

const city = (requests: number, drivers: number, crowd = 0): AssignmentProblem =>
  cityProblem(createPrng(1), { requests, drivers, nearest: candidates, unmatchedCost, crowd });
const uniform = (rows: number, columns: number): AssignmentProblem =>
  randomProblem(createPrng(1), {
    rows,
    columns,
    candidatesMax: candidates,
    even: true,
    cost: (prng) => prng.float() * 1000,
    unmatchedCost: () => unmatchedCost,
  });

const cases: [name: string, goalMs: number | undefined, make: () => AssignmentProblem][] = [
  ['plenty 200x1000 city', undefined, () => city(200, 1000)],
  ['plenty 3000x6000 city', 5, () => city(3000, 6000)],
  ['plenty 3000x6000 uniform', 5, () => uniform(3000, 6000)],
  ['plenty 10000x20000 city', 20, () => city(10_000, 20_000)],
  ['plenty 10000x20000 uniform', 20, () => uniform(10_000, 20_000)],
  ['scarce 6000x3000 city', 60, () => city(6000, 3000)],
  ['scarce 6000x3000 uniform', 60, () => uniform(6000, 3000)],
  ['scarce 20000x10000 city', undefined, () => city(20_000, 10_000)],
  ['crowd 10000x20000 city, half in one spot', undefined, () => city(10_000, 20_000, 0.5)],
  ['balanced 6000x6000 city', undefined, () => city(6000, 6000)],
  ['balanced 6000x6000 uniform', undefined, () => uniform(6000, 6000)],
];

const solver = createAssignmentSolver();
for (const [name, goalMs, make] of cases) {
  const problem = make();
  const timesMs: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const startMs = performance.now();
    solver.solve(problem);
    timesMs.push(performance.now() - startMs);
  }
  const result = solver.solve(problem);
  timesMs.sort((a, b) => a - b);
  const [least, median, most] = [0, repeats >> 1, repeats - 1].map((i) => timesMs[i]!.toFixed(2));
  const proof = certify(problem, result) === undefined ? 'optimal' : 'NOT OPTIMAL';
  const goal = goalMs === undefined ? '' : `goal ${goalMs} ms`;
  console.log(
    `${name.padEnd(42)} ${median!.padStart(8)} ms (${least} to ${most}) matched ${result.matchedCount} ${proof} ${goal}`,
  );
}
