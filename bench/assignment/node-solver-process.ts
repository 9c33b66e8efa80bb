import { readFileSync } from 'node:fs';
import { NODE_SOLVERS, type NodeSolver } from './node-solvers.ts';
import { decodeProblem } from './problem-file.ts';
import type { SolverReport } from './solver-report.ts';

/**
 * One solver in a process of its own: `node node-solver-process.js SOLVER PROBLEM OTHER_PROBLEM MEASURE_MS`. The problem's very first solve is timed by itself; then
 * the other problem, of the same size, warms the process up for MEASURE_MS; then the problem again, the first time of which is told apart: in production every tick is a new problem.
 */
const [name, problemFile, otherFile, duration] = process.argv.slice(2) as [
  NodeSolver,
  ...[string, string, string],
];
const measureMs = Number(duration);
const prepare = NODE_SOLVERS[name]();
const problem = prepare(decodeProblem(readFileSync(problemFile)));
const other = prepare(decodeProblem(readFileSync(otherFile)));

const timed = (solve: () => void): number => {
  const startMs = performance.now();
  solve();
  return performance.now() - startMs;
};
/** At least once. */
const timesFor = (durationMs: number, solve: () => void): number[] => {
  const timesMs: number[] = [];
  const untilMs = performance.now() + durationMs;
  do timesMs.push(timed(solve));
  while (performance.now() < untilMs);
  return timesMs;
};

const coldMs = timed(problem.solve);
timesFor(measureMs, other.solve);
const cpuBefore = process.cpuUsage();
const timesMs = timesFor(measureMs, problem.solve);
const { user, system } = process.cpuUsage(cpuBefore);
const report: SolverReport = {
  ...{ coldMs, timesMs },
  cpuMsPerSolve: (user + system) / 1_000 / timesMs.length,
  mates: Array.from(problem.answer()),
};
console.log(JSON.stringify(report));
