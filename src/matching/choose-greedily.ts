import type { Candidates } from './candidates.ts';
import type { Choice } from './choose.ts';
import type { MatchRequest } from './match-request.ts';
import type { Work } from './work.ts';

/** What choosing for one row costs, µs. */
const ROW_US = 1;

/** Closest pair first; of equal ones the earlier row's. */
export function* chooseClosest(candidates: Candidates): Work<Choice[]> {
  const { rowCount, costs } = candidates;
  const taken = new Uint8Array(candidates.drivers.count);
  const queue = new ChoiceQueue(costs);
  for (let row = 0; row < rowCount; row++) {
    queue.add(row, cheapest(candidates, taken, row));
    yield ROW_US;
  }
  const choices: Choice[] = [];
  for (let choice = queue.take(); choice !== undefined; choice = queue.take()) {
    const column = candidates.columns[choice.at]!;
    // Somebody closer has taken the driver: the row queues up again with the next best, which is no closer.
    if (taken[column] === 1) queue.add(choice.row, cheapest(candidates, taken, choice.row));
    else choices.push(choice);
    taken[column] = 1;
    yield ROW_US;
  }
  return choices.sort((a, b) => a.row - b.row);
}

/** Oldest request first, each takes its cheapest free drivers, up to `width` of them. */
export function* chooseOldest(
  candidates: Candidates,
  requests: readonly MatchRequest[],
  width: number,
): Work<Choice[]> {
  const taken = new Uint8Array(candidates.drivers.count);
  const rows = requests.map((_, row) => row);
  rows.sort((a, b) => requests[a]!.requestedMs - requests[b]!.requestedMs || a - b);
  const choices: Choice[] = [];
  for (const row of rows) {
    for (let got = 0; got < width; got++) {
      const at = cheapest(candidates, taken, row);
      if (at < 0) break;
      taken[candidates.columns[at]!] = 1;
      choices.push({ row, at });
      yield ROW_US;
    }
    yield ROW_US;
  }
  return choices.sort((a, b) => a.row - b.row || a.at - b.at);
}

/** The row's cheapest candidate who is free now and not taken, the first of equal ones; -1 without any. */
function cheapest({ rowStart, columns, costs, drivers }: Candidates, taken: Uint8Array, row: number): number {
  let best = -1;
  for (let at = rowStart[row]!; at < rowStart[row + 1]!; at++) {
    const column = columns[at]!;
    if (taken[column] === 1 || drivers.isFree[column] !== 1) continue;
    if (best < 0 || costs[at]! < costs[best]!) best = at;
  }
  return best;
}

/** Choices by cost, of equal cost by row: a binary heap. */
class ChoiceQueue {
  private readonly heap: Choice[] = [];
  private readonly costs: Float64Array;

  constructor(costs: Float64Array) {
    this.costs = costs;
  }

  /** `at` -1: nothing to queue for. */
  add(row: number, at: number): void {
    if (at < 0) return;
    const { heap } = this;
    const choice = { row, at };
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (this.isBefore(heap[above]!, choice)) break;
      heap[place] = heap[above]!;
      place = above;
    }
    heap[place] = choice;
  }

  take(): Choice | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let place = 0;
    for (let below = 1; below < heap.length; below = 2 * place + 1) {
      if (below + 1 < heap.length && this.isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (this.isBefore(last, heap[below]!)) break;
      heap[place] = heap[below]!;
      place = below;
    }
    heap[place] = last;
    return first;
  }

  private isBefore(a: Choice, b: Choice): boolean {
    return this.costs[a.at]! < this.costs[b.at]! || (this.costs[a.at] === this.costs[b.at] && a.row < b.row);
  }
}
