import { assert } from './assert.ts';
import type { Clock, Timer } from './clock.ts';

export interface TurnstileOptions {
  readonly clock: Clock;
  /** Works running at once. */
  readonly runningMax: number;
  /** Works waiting for one of them to end; the next is turned away. */
  readonly waitingMax: number;
  /** Who has waited so long is turned away. */
  readonly waitMsMax: number;
}

interface Waiting {
  readonly enter: () => void;
  readonly timer: Timer;
}

/** Lets so many works run at once, and so many wait for that, in the order they came. */
export class Turnstile {
  running = 0;
  private readonly options: TurnstileOptions;
  /** A set keeps its order, and who gives up leaves it at no cost. */
  private readonly queue = new Set<Waiting>();

  constructor(options: TurnstileOptions) {
    assert(options.runningMax > 0, 'a turnstile lets somebody in');
    this.options = options;
  }

  get waiting(): number {
    return this.queue.size;
  }

  /** Whether one more would get in, or may at least wait. */
  get hasRoom(): boolean {
    const { runningMax, waitingMax } = this.options;
    return this.running < runningMax || this.queue.size < waitingMax;
  }

  /** What `work` settles with, or null when it was turned away and has not begun. */
  async run<T extends object>(work: () => Promise<T>): Promise<T | null> {
    if (!this.hasRoom) return null;
    if (this.running < this.options.runningMax) this.running += 1;
    else if (!(await this.wait())) return null;
    try {
      return await work();
    } finally {
      this.leave();
    }
  }

  private wait(): Promise<boolean> {
    return new Promise((resolve) => {
      const waiting: Waiting = {
        enter: () => resolve(true),
        timer: this.options.clock.after(this.options.waitMsMax, () => {
          this.queue.delete(waiting);
          resolve(false);
        }),
      };
      this.queue.add(waiting);
    });
  }

  /** The place goes to who has waited longest. */
  private leave(): void {
    const next = this.queue.values().next();
    if (next.done === true) {
      this.running -= 1;
      return;
    }
    this.queue.delete(next.value);
    next.value.timer.cancel();
    next.value.enter();
  }
}
