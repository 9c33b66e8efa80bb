import { linearSumAssignment } from 'linear-sum-assignment';
import { munkres } from 'munkres';
import { createAssignmentSolver } from '../../src/matching/assignment.ts';
import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import { certify } from '../../src/matching/assignment-certificate.ts';
import { denseOf, rowToColumnOfDense } from './peer-problem.ts';

/** A problem in the form that a solver takes: `solve` is what is timed, `answer` reads the last answer, the column of each row or -1. */
export interface Prepared {
  readonly solve: () => void;
  readonly answer: () => Int32Array;
}

export type NodeSolver = keyof typeof NODE_SOLVERS;

/** Each begins a solver, warm or not as the process is, and prepares problems for it. */
export const NODE_SOLVERS = { hexdispatch, 'linear-sum-assignment': linear, munkres: hungarian };

function hexdispatch(): (problem: AssignmentProblem) => Prepared {
  const solver = createAssignmentSolver();
  return (problem) => ({
    solve: () => void solver.solve(problem),
    answer() {
      const result = solver.solve(problem);
      const fault = certify(problem, result);
      if (fault !== undefined) throw new Error(`not the least cost: ${JSON.stringify(fault)}`);
      return result.rowToColumn;
    },
  });
}

function linear(): (problem: AssignmentProblem) => Prepared {
  return (problem) => {
    const form = denseOf(problem);
    let mates: ArrayLike<number> = [];
    return {
      solve: () => void (mates = linearSumAssignment(form, { maximaze: false }).rowAssignments),
      answer: () => rowToColumnOfDense(problem, mates),
    };
  };
}

function hungarian(): (problem: AssignmentProblem) => Prepared {
  return (problem) => {
    const form = denseOf(problem);
    let pairs: [number, number][] = [];
    return {
      solve: () => void (pairs = munkres(form)),
      answer() {
        const mates = new Int32Array(form.length).fill(-1);
        for (const [row, column] of pairs) mates[row] = column;
        return rowToColumnOfDense(problem, mates);
      },
    };
  };
}
