import type { Clock, Timer } from '../../lib/clock.ts';

interface Entry {
  readonly dueMs: number;
  /** Of two due at once the earlier set goes first. */
  readonly order: number;
  fire: (() => void) | null;
}

/**
 * A clock whose timers wait in one heap that is looked at every `stepMs` of the base clock: ten thousand phones cost one timer of
 * the machine's instead of ten thousand. Timers fire up to a step late, in the order of their times.
 */
export class HeapClock implements Clock {
  private readonly base: Clock;
  private readonly heap: Entry[] = [];
  private orders = 0;
  private cancelled = 0;
  private readonly stepper: Timer;
  /** Told how late each turn's first timer fired, ms of this clock. */
  private readonly onLate: (lateMs: number) => void;

  constructor(base: Clock, stepMs: number, onLate: (lateMs: number) => void = () => undefined) {
    this.base = base;
    this.onLate = onLate;
    this.stepper = base.every(stepMs, () => this.run());
  }

  /** Timers set and neither fired nor cancelled. */
  get pendingCount(): number {
    return this.heap.length - this.cancelled;
  }

  nowMs(): number {
    return this.base.nowMs();
  }

  after(delayMs: number, fire: () => void): Timer {
    const entry: Entry = { dueMs: this.nowMs() + Math.max(0, delayMs), order: this.orders++, fire };
    this.heap.push(entry);
    this.siftUp(this.heap.length - 1);
    return { cancel: () => this.cancel(entry) };
  }

  every(periodMs: number, fire: () => void): Timer {
    let timer: Timer;
    const again = (): void => {
      timer = this.after(periodMs, again);
      fire();
    };
    timer = this.after(periodMs, again);
    return { cancel: () => timer.cancel() };
  }

  /** Fires what is due; a clock that is stepped by hand calls it too. */
  run(): void {
    const nowMs = this.nowMs();
    // What is set while they fire and due at once waits for the next step: else a zero delay would never let go.
    const until = this.orders;
    let isFirst = true;
    while (this.heap.length > 0 && this.heap[0]!.dueMs <= nowMs && this.heap[0]!.order < until) {
      const { fire, dueMs } = this.pop();
      if (fire === null) {
        this.cancelled -= 1;
        continue;
      }
      if (isFirst) this.onLate(nowMs - dueMs);
      isFirst = false;
      fire();
    }
  }

  /** Stops looking: nothing fires any more. */
  stop(): void {
    this.stepper.cancel();
    this.heap.length = 0;
    this.cancelled = 0;
  }

  private cancel(entry: Entry): void {
    if (entry.fire === null) return;
    entry.fire = null;
    this.cancelled += 1;
    // Cancelled ones stay until their time comes; when most are, all are cleared away at once.
    if (this.cancelled > 1024 && this.cancelled > this.heap.length / 2) this.compact();
  }

  private compact(): void {
    const live = this.heap.filter((entry) => entry.fire !== null);
    live.sort(compare);
    this.heap.length = 0;
    // A sorted list is a heap.
    this.heap.push(...live);
    this.cancelled = 0;
  }

  private pop(): Entry {
    const top = this.heap[0]!;
    const last = this.heap.pop()!;
    if (this.heap.length > 0) {
      this.heap[0] = last;
      this.siftDown();
    }
    // A timer that has fired is no longer there to be cancelled.
    const fire = top.fire;
    const popped = { ...top, fire };
    if (fire !== null) top.fire = null;
    return popped;
  }

  private siftUp(start: number): void {
    const { heap } = this;
    const entry = heap[start]!;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compare(heap[parent]!, entry) <= 0) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private siftDown(): void {
    const { heap } = this;
    const entry = heap[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compare(heap[child + 1]!, heap[child]!) < 0) child += 1;
      if (compare(entry, heap[child]!) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }
}

const compare = (a: Entry, b: Entry): number => a.dueMs - b.dueMs || a.order - b.order;
