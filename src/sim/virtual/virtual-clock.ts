import type { Clock, Timer } from '../../lib/clock.ts';

interface Event {
  readonly atMs: number;
  /** Number of the call that made it: events of one moment fire in the order they were made. */
  readonly order: number;
  fire: (() => void) | null;
}

/**
 * Time that stands until the next event is fired. Whole milliseconds; delays are rounded, so that stored times are whole too. The
 * same calls give the same order of events: ties go by the order in which they were made.
 */
export class VirtualClock implements Clock {
  /** Events fired so far. */
  fired = 0;
  private timeMs: number;
  private orders = 0;
  /** A binary heap, the next event at 0. */
  private readonly heap: Event[] = [];

  constructor(startMs: number) {
    this.timeMs = Math.round(startMs);
  }

  nowMs(): number {
    return this.timeMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    const event: Event = { atMs: this.timeMs + Math.max(0, Math.round(delayMs)), order: this.orders++, fire };
    this.push(event);
    return {
      cancel() {
        event.fire = null;
      },
    };
  }

  every(periodMs: number, fire: () => void): Timer {
    const tick = (): void => {
      timer = this.after(periodMs, tick);
      fire();
    };
    let timer = this.after(periodMs, tick);
    return { cancel: () => timer.cancel() };
  }

  /** Goes to the next event and fires it; false, and time stands at `untilMs`, when there is none up to then. */
  fireNext(untilMs: number): boolean {
    for (;;) {
      const event = this.heap[0];
      if (event === undefined || event.atMs > untilMs) {
        this.timeMs = Math.max(this.timeMs, untilMs);
        return false;
      }
      this.pop();
      if (event.fire === null) continue;
      this.timeMs = event.atMs;
      this.fired += 1;
      event.fire();
      return true;
    }
  }

  private push(event: Event): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(heap[above]!, event)) break;
      heap[at] = heap[above]!;
      at = above;
    }
    heap[at] = event;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1;
      if (isBefore(last, heap[below]!)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
  }
}

const isBefore = (a: Event, b: Event): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

/**
 * The clock of one process. Killed: none of its timers fires any more, and it can set no new ones. Paused (SIGSTOP): what falls due and
 * what comes in from outside waits until it is resumed (SIGCONT), an interval once.
 */
export class ProcessClock implements Clock {
  private readonly clock: Clock;
  private readonly skewMs: number;
  private isDead = false;
  private isPaused = false;
  private readonly due: (() => void)[] = [];
  private readonly arrived: (() => void)[] = [];

  /** `skewMs`: how far this process's clock is ahead; what it waits for takes as long as everywhere. */
  constructor(clock: Clock, skewMs = 0) {
    this.clock = clock;
    this.skewMs = skewMs;
  }

  nowMs(): number {
    return this.clock.nowMs() + this.skewMs;
  }

  after(delayMs: number, fire: () => void): Timer {
    let isCancelled = false;
    const expire = (): void => {
      if (!isCancelled) fire();
    };
    const timer = this.clock.after(delayMs, () => this.run(this.due, expire));
    return {
      cancel() {
        isCancelled = true;
        timer.cancel();
      },
    };
  }

  every(periodMs: number, fire: () => void): Timer {
    const tick = (): void => {
      timer = this.after(periodMs, tick);
      fire();
    };
    let timer = this.after(periodMs, tick);
    return { cancel: () => timer.cancel() };
  }

  /** For what delivers by a clock: its events are what comes over a line, and not timers of the process. */
  get lines(): Clock {
    return {
      nowMs: () => this.nowMs(),
      after: (delayMs, deliver) => {
        let isCancelled = false;
        this.clock.after(delayMs, () => this.arrive(() => void (isCancelled || deliver())));
        return { cancel: () => void (isCancelled = true) };
      },
      every: (periodMs, fire) => this.every(periodMs, fire),
    };
  }

  /** Hands in what has come over a line: at once, when the process goes on, or never. */
  arrive(deliver: () => void): void {
    this.run(this.arrived, deliver);
  }

  kill(): void {
    this.isDead = true;
  }

  pause(): void {
    this.isPaused = true;
  }

  /** All that waited happens from now on, one thing after the other; `timersFirst`: before what has come in, else after it. */
  resume(timersFirst: boolean): void {
    this.isPaused = false;
    const queues = timersFirst ? [this.due, this.arrived] : [this.arrived, this.due];
    for (const queue of queues)
      for (const fire of queue.splice(0)) this.clock.after(0, () => this.run(queue, fire));
  }

  private run(queue: (() => void)[], fire: () => void): void {
    if (this.isDead) return;
    if (this.isPaused) queue.push(fire);
    else fire();
  }
}
