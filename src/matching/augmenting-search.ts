import { DistanceHeap } from './distance-heap.ts';
import type { SparseCosts } from './sparse-costs.ts';
import { roomForFloat64, roomForInt32 } from './workspace.ts';

/** One side of an assignment under way. Entries beyond the side's count are unused. */
export interface Side {
  /** Node of the other side, or -1. */
  readonly mate: Int32Array;
  /** Dual price: price of a row + price of a column never exceeds the cost of the pair, and equals it on matched pairs. */
  readonly price: Float64Array;
  /** What it costs to leave the node without a mate; its price never exceeds it, and equals it once it is left. */
  readonly unmatchedCost: Float64Array;
}

/** The side that looks for mates (`costs` has its nodes as rows) and the side that is chosen from. */
export interface Sides {
  readonly costs: SparseCosts;
  readonly seekers: Side;
  readonly targets: Side;
}

/**
 * Settles one seeker after another by the cheapest augmenting path, which ends at a free target or where a seeker on the
 * way (the first one included) does best to stay unmatched. Dijkstra on reduced costs: the best end found so far bounds
 * what enters the heap, and the search stops when nothing nearer is left. Its memory grows with the largest problem
 * and is kept.
 */
export class AugmentingSearch {
  private readonly heap = new DistanceHeap();
  /** Seeker before each target on the shortest path known. */
  private before: Int32Array = new Int32Array(0);
  /** Targets whose distance is final, in that order, and the distances. */
  private passed: Int32Array = new Int32Array(0);
  private passedDistance: Float64Array = new Float64Array(0);
  private passedCount = 0;
  /** Best end found so far: a free target, or (target -1) a seeker that is better left unmatched. */
  private endDistance = 0;
  private endTarget = -1;
  private endSeeker = -1;

  /** Makes room for a problem with so many targets. */
  reserve(targetCount: number): void {
    this.heap.reserve(targetCount);
    this.before = roomForInt32(this.before, targetCount);
    this.passed = roomForInt32(this.passed, targetCount);
    this.passedDistance = roomForFloat64(this.passedDistance, targetCount);
  }

  /**
   * Settles a seeker without mate, in place; those settled before stay so. Free targets must have the price of
   * being unmatched. Returns how many seekers' candidates it read.
   */
  settle(sides: Sides, seeker: number): number {
    sides.seekers.price[seeker] = highestPrice(sides, seeker);
    this.explore(sides, seeker);
    this.movePrices(sides, seeker);
    this.flipPath(sides, seeker);
    return this.passedCount + 1;
  }

  private explore(sides: Sides, first: number): void {
    const { heap } = this;
    const { seekers, targets } = sides;
    this.endDistance = seekers.unmatchedCost[first]! - seekers.price[first]!;
    this.endTarget = -1;
    this.endSeeker = first;
    this.passedCount = 0;
    this.relax(sides, first, 0);
    for (let distance = heap.minDistance(); distance < this.endDistance; distance = heap.minDistance()) {
      const target = heap.pop();
      this.passed[this.passedCount] = target;
      this.passedDistance[this.passedCount++] = distance;
      const seeker = targets.mate[target]!;
      const stayDistance = distance + seekers.unmatchedCost[seeker]! - seekers.price[seeker]!;
      if (stayDistance < this.endDistance) {
        this.endDistance = stayDistance;
        this.endTarget = -1;
        this.endSeeker = seeker;
      }
      this.relax(sides, seeker, distance);
    }
    heap.clear();
  }

  private relax({ costs, seekers, targets }: Sides, seeker: number, distance: number): void {
    const { columns, costs: cost, rowStart } = costs;
    const { mate, price } = targets;
    const known = this.heap.distance;
    const base = distance - seekers.price[seeker]!;
    for (let i = rowStart[seeker]!, to = rowStart[seeker + 1]!; i < to; i++) {
      const target = columns[i]!;
      const reach = base + cost[i]! - price[target]!;
      if (reach >= this.endDistance || reach >= known[target]!) continue;
      this.before[target] = seeker;
      if (mate[target]! >= 0) {
        this.heap.lower(target, reach);
      } else {
        this.endDistance = reach;
        this.endTarget = target;
      }
    }
  }

  private movePrices({ seekers, targets }: Sides, first: number): void {
    seekers.price[first]! += this.endDistance;
    for (let i = 0; i < this.passedCount; i++) {
      const target = this.passed[i]!;
      const change = this.endDistance - this.passedDistance[i]!;
      targets.price[target]! -= change;
      seekers.price[targets.mate[target]!]! += change;
    }
  }

  private flipPath({ seekers, targets }: Sides, first: number): void {
    let target = this.endTarget;
    if (target < 0) {
      if (this.endSeeker === first) return;
      target = seekers.mate[this.endSeeker]!;
      seekers.mate[this.endSeeker] = -1;
    }
    for (;;) {
      const seeker = this.before[target]!;
      const given = seekers.mate[seeker]!;
      targets.mate[target] = seeker;
      seekers.mate[seeker] = target;
      if (seeker === first) return;
      target = given;
    }
  }
}

/** The highest price a seeker may have: its unmatched cost or, if less, the least of cost - price over its candidates. */
function highestPrice({ costs, seekers, targets }: Sides, seeker: number): number {
  const { columns, costs: cost, rowStart } = costs;
  let highest = seekers.unmatchedCost[seeker]!;
  for (let i = rowStart[seeker]!, to = rowStart[seeker + 1]!; i < to; i++) {
    const offer = cost[i]! - targets.price[columns[i]!]!;
    if (offer < highest) highest = offer;
  }
  return highest;
}
