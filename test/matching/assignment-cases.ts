import type { AssignmentProblem } from '../../src/matching/assignment.ts';
import type { Prng } from '../../src/lib/prng.ts';

/** One row of a problem written out: its unmatched cost and its candidates as [column, cost]. */
export interface CaseRow {
  readonly unmatchedCost: number;
  readonly candidates: readonly (readonly [column: number, cost: number])[];
}

export function problemOf(columnCount: number, rows: readonly CaseRow[]): AssignmentProblem {
  const rowStart = new Int32Array(rows.length + 1);
  rows.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.candidates.length));
  const pairs = rows.flatMap((row) => row.candidates);
  return {
    rowStart,
    columns: Int32Array.from(pairs, ([column]) => column),
    costs: Float64Array.from(pairs, ([, cost]) => cost),
    unmatchedCost: Float64Array.from(rows, (row) => row.unmatchedCost),
    columnCount,
  };
}

export interface RandomShape {
  readonly rows: number;
  readonly columns: number;
  /** Candidates of a row: 0 to this many, or exactly this many with `even`. */
  readonly candidatesMax: number;
  readonly even?: boolean;
  readonly cost: (prng: Prng) => number;
  readonly unmatchedCost: (prng: Prng) => number;
}

/** Candidates drawn without regard to any place: the columns of a row have nothing in common. */
export function randomProblem(prng: Prng, shape: RandomShape): AssignmentProblem {
  const most = Math.min(shape.candidatesMax, shape.columns);
  const rows = Array.from({ length: shape.rows }, (): CaseRow => {
    const count = shape.even ? most : prng.int(most + 1);
    const columns = new Set<number>();
    while (columns.size < count) columns.add(prng.int(shape.columns));
    return {
      unmatchedCost: shape.unmatchedCost(prng),
      candidates: [...columns].map((column) => [column, shape.cost(prng)]),
    };
  });
  return problemOf(shape.columns, rows);
}

export interface CityShape {
  readonly requests: number;
  readonly drivers: number;
  /** Nearest drivers that are candidates of a request. */
  readonly nearest: number;
  readonly unmatchedCost: number;
  /** Share of the requests around one spot (a stadium), 0 by default. */
  readonly crowd?: number;
  /** Whole seconds, which makes ties. */
  readonly wholeSeconds?: boolean;
}

type Point = readonly [xM: number, yM: number];
const cityWidthM = 15_000;
const crowdDeviationM = 600;

/** Requests and drivers in a square city; cost is the pickup time in seconds, straight line times 1.4 at 6 m/s and a minute to set off. */
export function cityProblem(prng: Prng, shape: CityShape): AssignmentProblem {
  const anywhere = (): Point => [prng.float() * cityWidthM, prng.float() * cityWidthM];
  const inCrowd = (): Point => [
    cityWidthM / 2 + prng.normal() * crowdDeviationM,
    cityWidthM / 2 + prng.normal() * crowdDeviationM,
  ];
  const drivers = Array.from({ length: shape.drivers }, anywhere);
  const nearestOf = nearestDrivers(drivers, Math.min(shape.nearest, shape.drivers));
  const rows = Array.from({ length: shape.requests }, (): CaseRow => {
    const at = prng.chance(shape.crowd ?? 0) ? inCrowd() : anywhere();
    const candidates = nearestOf(at).map(([distanceM, driver]): [number, number] => {
      const etaS = (distanceM * 1.4) / 6 + 60;
      return [driver, shape.wholeSeconds ? Math.round(etaS) : etaS];
    });
    return { unmatchedCost: shape.unmatchedCost, candidates };
  });
  return problemOf(shape.drivers, rows);
}

function nearestDrivers(drivers: readonly Point[], count: number): (at: Point) => [number, number][] {
  const across = Math.max(1, Math.floor(Math.sqrt(drivers.length / 4)));
  const squareM = cityWidthM / across;
  const squareOf = (m: number): number => Math.min(across - 1, Math.max(0, Math.floor(m / squareM)));
  const squares = Array.from({ length: across * across }, (): number[] => []);
  drivers.forEach(([xM, yM], driver) => squares[squareOf(yM) * across + squareOf(xM)]!.push(driver));
  const within = ([xM, yM]: Point, ring: number): [number, number][] => {
    const found: [number, number][] = [];
    for (let y = Math.max(0, squareOf(yM) - ring); y <= Math.min(across - 1, squareOf(yM) + ring); y++) {
      for (let x = Math.max(0, squareOf(xM) - ring); x <= Math.min(across - 1, squareOf(xM) + ring); x++) {
        for (const driver of squares[y * across + x]!) {
          found.push([Math.hypot(drivers[driver]![0] - xM, drivers[driver]![1] - yM), driver]);
        }
      }
    }
    return found.sort((a, b) => a[0] - b[0]).slice(0, count);
  };
  return (at) => {
    for (let ring = 1; ; ring++) {
      const found = within(at, ring);
      // A driver within `ring` squares' width cannot be missing from the squares looked at.
      if (ring > across || (found.length === count && (found.at(-1)?.[0] ?? 0) <= ring * squareM))
        return found;
    }
  };
}
