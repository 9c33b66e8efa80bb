import { createPrng } from '../../src/lib/prng.ts';
import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import { cityProblem } from '../../test/matching/assignment-cases.ts';

const CANDIDATES = 20;
/** More than any detour that a better matching of the others could save, but for the crowd; see docs/adr/0003. */
const UNMATCHED_COST = 1e5;

/** A size and a shape of problem. */
export interface AssignmentCase {
  /** `3,000 × 6,000, plenty`: requests × drivers. */
  readonly title: string;
  readonly requests: number;
  readonly drivers: number;
  /** Share of the requests around one spot. */
  readonly crowd: number;
  readonly isQuick: boolean;
  /** Solvers that are too slow for the others of these sizes. */
  readonly dense: readonly ('linear-sum-assignment' | 'munkres' | 'scipy dense')[];
  /** Whether scipy is also asked from the drivers' side, which is worth it where they are no more than the requests. */
  readonly isAskedByColumn: boolean;
}

/** The three sizes that the goals are about. */
export const PLENTY = '3,000 × 6,000, plenty';
export const PLENTY_BIG = '10,000 × 20,000, plenty';
export const SCARCE = '6,000 × 3,000, scarce';
/** Where the dense libraries are compared. */
export const PLENTY_DENSE = '1,000 × 5,000, plenty';

/** Of a dense matrix in a quick run. */
const QUICK_CELLS_MAX = 5_000_000;

const ALL_DENSE = ['linear-sum-assignment', 'munkres', 'scipy dense'] as const;
/** The one that a goal is about. */
const QUICK_DENSE = ['linear-sum-assignment'] as const;
const SCIPY_DENSE = ['scipy dense'] as const;

const CASES: readonly AssignmentCase[] = [
  caseOf('200 × 1,000, plenty', 200, 1_000, { dense: ALL_DENSE }),
  caseOf(PLENTY_DENSE, 1_000, 5_000, { dense: ALL_DENSE, isQuick: true }),
  caseOf(PLENTY, 3_000, 6_000, { dense: ALL_DENSE, isQuick: true }),
  caseOf(PLENTY_BIG, 10_000, 20_000, { isQuick: true }),
  caseOf('10,000 × 20,000, half in one spot', 10_000, 20_000, { crowd: 0.5 }),
  caseOf(SCARCE, 6_000, 3_000, { dense: SCIPY_DENSE, isQuick: true }),
  caseOf('20,000 × 10,000, scarce', 20_000, 10_000, {}),
  caseOf('3,000 × 3,000, balanced', 3_000, 3_000, { dense: SCIPY_DENSE }),
  caseOf('6,000 × 6,000, balanced', 6_000, 6_000, {}),
];

/** All of them, or those that matter most, dense solvers on the small ones only. */
export function casesOf(isQuick: boolean): readonly AssignmentCase[] {
  if (!isQuick) return CASES;
  const small = ({ requests, drivers }: AssignmentCase): boolean => requests * drivers <= QUICK_CELLS_MAX;
  return CASES.filter((one) => one.isQuick).map((one) => ({ ...one, dense: small(one) ? QUICK_DENSE : [] }));
}

/** The same seed gives the same problem. */
export function problemOfCase({ requests, drivers, crowd }: AssignmentCase, seed: number): AssignmentProblem {
  const size = { requests, drivers, crowd, nearest: CANDIDATES, unmatchedCost: UNMATCHED_COST };
  return cityProblem(createPrng(seed), size);
}

function caseOf(
  title: string,
  requests: number,
  drivers: number,
  more: Partial<Pick<AssignmentCase, 'crowd' | 'dense' | 'isQuick'>>,
): AssignmentCase {
  const isAskedByColumn = drivers <= requests;
  return { title, requests, drivers, crowd: 0, dense: [], isQuick: false, isAskedByColumn, ...more };
}
