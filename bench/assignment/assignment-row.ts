import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { atLeast, atMost, type Figures, medianOf } from '../suite/figures.ts';
import { pythonWith } from '../suite/python.ts';
import type { Goal, Row, RowRun, Subject } from '../suite/row.ts';
import { type AssignmentCase, casesOf, PLENTY, PLENTY_BIG, PLENTY_DENSE } from './assignment-case.ts';
import { problemOfCase, SCARCE } from './assignment-case.ts';
import { worthOf } from './peer-problem.ts';
import { SCIPY_SPARSE, type Solution, type Solver, solversInPython, SOLVERS_IN_NODE } from './solver.ts';
import type { Task } from './solver.ts';

/** Of the cost: solvers add the same numbers in another order, and some add constants first. */
const COST_TOLERANCE = 1e-6;
const TIME = 'solve';
const CPU = 'CPU per solve';
const UNEQUAL = "answer unlike scipy's";
const OURS = 'hexdispatch';
const DENSE = 'linear-sum-assignment';

/**
 * Least-cost assignment, one problem at a time: requests to drivers in a city 15 km wide, the nearest 20 drivers of each request as candidates, a
 * new problem each repeat. Everybody solves the same problem in a process of its own, on the same CPU, from the form that suits it best, made beforehand:
 * dense matrices for the dense ones, and for scipy's sparse solver, which knows full matchings only, a dummy driver for each request. Answers are compared.
 */
export const assignmentRow: Row = {
  name: 'assignment',
  title: 'Assignment of requests to drivers, 20 candidates each',
  async measure(run) {
    const solvers = await solversHere(run);
    const dir = await mkdtemp(path.join(tmpdir(), 'hexdispatch-assignment-'));
    try {
      for (let repeat = 1; repeat <= run.repeats; repeat++)
        for (const one of casesOf(run.isQuick)) await measureCase({ run, solvers, repeat, dir }, one);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
  goals: (figures) => [
    ...goalsOfSize(figures, PLENTY, 5),
    ...goalsOfSize(figures, PLENTY_BIG, 20),
    ...goalsOfSize(figures, SCARCE, 60),
    timesCheaper(figures, PLENTY_DENSE, DENSE, 100),
    atMost(
      "Assignments whose cost or count differs from scipy's",
      0,
      unequalAnswers(figures),
      'of all problems',
    ),
  ],
};

interface Round {
  readonly run: RowRun;
  readonly solvers: readonly Solver[];
  readonly repeat: number;
  readonly dir: string;
}

async function solversHere(run: RowRun): Promise<Solver[]> {
  for (const name of [DENSE, 'munkres', 'scipy dense'])
    run.skip(`${name} on the larger and the balanced sizes`, 'a dense matrix takes it many seconds there');
  const python = await pythonWith(['numpy', 'scipy.optimize', 'scipy.sparse.csgraph']);
  if (python !== null) return [...SOLVERS_IN_NODE, ...solversInPython(python)];
  run.skip("scipy's solvers", 'no Python with scipy here (python3-scipy)');
  return [...SOLVERS_IN_NODE];
}

async function measureCase(round: Round, one: AssignmentCase): Promise<void> {
  const { run, repeat, dir } = round;
  const problem = problemOfCase(one, run.seed + repeat);
  const other = problemOfCase(one, run.seed + repeat - 1);
  const measureMs = run.isQuick ? 150 : 400;
  const taking = round.solvers.filter((solver) => solver.takes(one));
  const solutions = new Map<Subject, Solution>();
  for (let turn = 0; turn < taking.length; turn++) {
    const solver = taking[(turn + repeat - 1) % taking.length]!;
    solutions.set(solver.subject, await solver.solve({ dir, problem, other, measureMs }));
  }
  for (const [subject, { report }] of solutions) {
    const sample = (metric: string, value: number): void =>
      run.record({ subject, on: one.title, metric, unit: 'ms', value, repeat });
    sample(TIME, medianOf(report.timesMs));
    sample('first solve of a problem', report.timesMs[0]!);
    if (report.coldMs !== null) sample('first solve of a process', report.coldMs);
    sample(CPU, report.cpuMsPerSolve);
  }
  const times = [...solutions].map(
    ([subject, { report }]) => `${subject} ${medianOf(report.timesMs).toFixed(1)}`,
  );
  run.say(`${one.title}, repeat ${repeat}, ms: ${times.join(', ')}`);
  compare(round, one, problem, solutions);
}

/** All must have found the same cost and count; this engine's is proven to be the least by its own process besides. */
function compare(
  { run, repeat }: Round,
  one: AssignmentCase,
  problem: Task['problem'],
  solutions: ReadonlyMap<Subject, Solution>,
): void {
  const worths = new Map(
    [...solutions].map(([subject, { rowToColumn }]) => [subject, worthOf(problem, rowToColumn)]),
  );
  const ours = worths.get(OURS)!;
  const unlike = [...worths].filter(
    ([, { totalCost, matchedCount }]) =>
      matchedCount !== ours.matchedCount ||
      !(Math.abs(totalCost - ours.totalCost) <= COST_TOLERANCE * Math.abs(ours.totalCost)),
  );
  if (worths.has(SCIPY_SPARSE)) {
    const value = unlike.some(([subject]) => subject === SCIPY_SPARSE) ? 1 : 0;
    run.record({ subject: OURS, on: one.title, metric: UNEQUAL, unit: 'of 1', value, repeat });
  }
  if (unlike.length > 0)
    throw new Error(
      `${one.title}: not the same least cost: ${JSON.stringify(Object.fromEntries([[OURS, ours], ...unlike]))}`,
    );
}

function goalsOfSize(figures: Figures, on: string, limitMs: number): Goal[] {
  return [
    atMost(`Assignment ${on}`, limitMs, figures.median(OURS, on, TIME), 'ms'),
    timesCheaper(figures, on, SCIPY_SPARSE, 15),
  ];
}

/** By CPU time: a peer that needs seconds is put off by others on the machine more often than a solver that needs one millisecond. */
function timesCheaper(figures: Figures, on: string, peer: Subject, limit: number): Goal {
  return atLeast(
    `Assignment ${on}: times cheaper than ${peer}`,
    limit,
    figures.ratio(peer, OURS, on, CPU),
    '×',
  );
}

/** Null when none was compared. */
function unequalAnswers({ samples }: Figures): number | null {
  const compared = samples.filter(({ metric }) => metric === UNEQUAL);
  return compared.length === 0 ? null : compared.reduce((sum, { value }) => sum + value, 0);
}
