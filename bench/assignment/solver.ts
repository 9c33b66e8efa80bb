import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import type { Subject } from '../suite/row.ts';
import { pin } from '../suite/pinning.ts';
import { type AssignmentCase } from './assignment-case.ts';
import type { NodeSolver } from './node-solvers.ts';
import { fullMatchingByColumnOf, fullMatchingOf, rowToColumnOfDense } from './peer-problem.ts';
import { encodeProblem } from './problem-file.ts';
import type { SolverReport } from './solver-report.ts';

const run = promisify(execFile);
const NODE_PROCESS = fileURLToPath(new URL('./node-solver-process.js', import.meta.url));
const SCIPY_PROCESS = fileURLToPath(new URL('./scipy-solver.py', import.meta.url));
const SOLVER_MS_MAX = 120_000;
/** The answer names a column for each row. */
const OUTPUT_BYTES_MAX = 1 << 24;

export const SCIPY_SPARSE = 'scipy sparse';

/** What is to be solved, and where its files may be written. */
export interface Task {
  readonly dir: string;
  readonly problem: AssignmentProblem;
  /** Of the same size, to warm up with. */
  readonly other: AssignmentProblem;
  /** Solved again and again for so long, at least once. */
  readonly measureMs: number;
}

/** What a solver made of a problem. */
export interface Solution {
  readonly report: SolverReport;
  /** -1 for a row that stays unmatched. */
  readonly rowToColumn: Int32Array;
}

/** One of those who are compared. */
export interface Solver {
  readonly subject: Subject;
  takes(one: AssignmentCase): boolean;
  /** In a process of its own on the server's CPU, which has ended once this resolves. */
  solve(task: Task): Promise<Solution>;
}

/** This engine's solver and the two of npm. */
export const SOLVERS_IN_NODE: readonly Solver[] = [
  inNode('hexdispatch', () => true),
  inNode('linear-sum-assignment', ({ dense }) => dense.includes('linear-sum-assignment')),
  inNode('munkres', ({ dense }) => dense.includes('munkres')),
];

/** scipy's by that Python: the sparse one asked row by row and, where that may be better, column by column; and the dense one. */
export function solversInPython(python: string): Solver[] {
  return [
    bySparseScipy(python, SCIPY_SPARSE, () => true, fullMatchingOf),
    bySparseScipy(
      python,
      'scipy sparse, from the drivers',
      ({ isAskedByColumn }) => isAskedByColumn,
      fullMatchingByColumnOf,
    ),
    {
      subject: 'scipy dense',
      takes: ({ dense }) => dense.includes('scipy dense'),
      async solve({ dir, problem, measureMs }) {
        const file = await writeProblem(dir, encodeProblem(problem, problem.unmatchedCost));
        const report = await reportOf(python, [SCIPY_PROCESS, 'dense', file, String(measureMs)]);
        return { report, rowToColumn: rowToColumnOfDense(problem, report.mates) };
      },
    },
  ];
}

function inNode(subject: NodeSolver, takes: Solver['takes']): Solver {
  return {
    ...{ subject, takes },
    async solve({ dir, problem, other, measureMs }) {
      const file = await writeProblem(dir, encodeProblem(problem, problem.unmatchedCost));
      const otherFile = await writeProblem(dir, encodeProblem(other, other.unmatchedCost), 'other');
      const report = await reportOf(process.execPath, [
        ...[NODE_PROCESS, subject, file, otherFile],
        String(measureMs),
      ]);
      return { report, rowToColumn: Int32Array.from(report.mates) };
    },
  };
}

function bySparseScipy(
  python: string,
  subject: Subject,
  takes: Solver['takes'],
  formOf: typeof fullMatchingOf,
): Solver {
  return {
    ...{ subject, takes },
    async solve({ dir, problem, measureMs }) {
      const { form, rowToColumnOf } = formOf(problem);
      const file = await writeProblem(dir, encodeProblem(form));
      const report = await reportOf(python, [SCIPY_PROCESS, 'sparse', file, String(measureMs)]);
      return { report, rowToColumn: rowToColumnOf(report.mates) };
    },
  };
}

async function writeProblem(dir: string, bytes: Uint8Array, name = 'problem'): Promise<string> {
  const file = path.join(dir, `${name}.bin`);
  await writeFile(file, bytes);
  return file;
}

async function reportOf(program: string, args: readonly string[]): Promise<SolverReport> {
  const running = run(program, args, { timeout: SOLVER_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX });
  const { child } = running;
  try {
    // No pid: it could not be started, and `running` says why.
    const [{ stdout }] = await Promise.all([
      running,
      child.pid === undefined ? undefined : pin(child.pid, 'server'),
    ]);
    return JSON.parse(stdout) as SolverReport;
  } finally {
    child.kill();
  }
}
