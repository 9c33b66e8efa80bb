import { assert } from '../lib/assert.ts';
import type { Clock, Timer } from '../lib/clock.ts';

/** The queue is full: nothing was done; the caller sheds the load (`overloaded`). */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
  readonly code = 'overloaded';
}

/** The command has waited too long and was never sent: nothing was done, and nothing will be. */
export class NeverSentError extends Error {
  override readonly name = 'NeverSentError';
  readonly code = 'never_sent';
}

export interface GroupCommitOptions<Command, Answer> {
  /** Runs a batch; settles every command of it, in the same order. Never rejects. */
  readonly run: (batch: readonly Command[]) => Promise<PromiseSettledResult<Answer>[]>;
  /** Commands in one batch; the rest waits for the next. */
  readonly batchMax: number;
  /** Batches in flight at once, each on a connection of its own. */
  readonly lanesMax: number;
  /** Commands waiting for a batch; one more is refused with an OverloadedError. */
  readonly queuedMax: number;
  /** A command that has waited so long for a batch is refused with a NeverSentError, ms of `clock`. */
  readonly waitMsMax: number;
  readonly clock: Clock;
}

/** Fewer commands than this stay together: two transactions for them cost more than they gain. */
const SPLIT_MIN = 16;

interface Waiting<Command, Answer> {
  readonly command: Command;
  readonly sinceMs: number;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Group commit. What arrives while all lanes are busy is collected and goes out together: one round trip and one flush of
 * the log for all of it, so that throughput rises with load while a lone command waits for nobody. A command starts at the
 * end of the event loop's current turn of microtasks, together with its neighbours. Batches leave in the order of arrival,
 * but two of them in flight may commit in either order: who needs an order awaits the first answer. A store that hangs holds up
 * what it has been sent; who still waits then is refused in time, and knows that nothing was done.
 */
export class GroupCommit<Command, Answer> {
  readonly #options: GroupCommitOptions<Command, Answer>;
  #queue: Waiting<Command, Answer>[] = [];
  #lanes = 0;
  #scheduled = false;
  /** Set for the command that has waited longest, while any waits. */
  #patience: Timer | null = null;
  #neverSent = 0;

  constructor(options: GroupCommitOptions<Command, Answer>) {
    const { batchMax, lanesMax, queuedMax, waitMsMax } = options;
    assert(Math.min(batchMax, lanesMax, queuedMax, waitMsMax) > 0, 'limits must be positive');
    this.#options = options;
  }

  /** Commands waiting, not yet in a batch. */
  get queued(): number {
    return this.#queue.length;
  }

  /** How long the first of them has waited, ms; 0 when none does. */
  get waitingMs(): number {
    const first = this.#queue[0];
    return first === undefined ? 0 : this.#options.clock.nowMs() - first.sinceMs;
  }

  /** Commands refused for having waited too long, since the start. */
  get neverSent(): number {
    return this.#neverSent;
  }

  /** Settles when the command's batch is committed, or has failed. */
  submit(command: Command): Promise<Answer> {
    if (this.#queue.length >= this.#options.queuedMax) {
      return Promise.reject(new OverloadedError(`${this.#queue.length} commands are waiting for the store`));
    }
    return new Promise<Answer>((resolve, reject) => {
      this.#queue.push({ command, sinceMs: this.#options.clock.nowMs(), resolve, reject });
      this.#schedule();
      this.#watch();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#lanes >= this.#options.lanesMax) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#startLanes();
    });
  }

  /** One timer for all: the queue is in order of arrival, so its first command is the first to have waited too long. */
  #watch(): void {
    if (this.#patience !== null || this.#queue.length === 0) return;
    const { clock, waitMsMax } = this.#options;
    this.#patience = clock.after(Math.max(0, waitMsMax - this.waitingMs), () => {
      this.#patience = null;
      this.#refuseLate(clock.nowMs() - waitMsMax);
      this.#watch();
    });
  }

  #refuseLate(sinceMsMax: number): void {
    const inTime = this.#queue.findIndex(({ sinceMs }) => sinceMs > sinceMsMax);
    const late = this.#queue.slice(0, inTime < 0 ? this.#queue.length : inTime);
    this.#queue = this.#queue.slice(late.length);
    this.#neverSent += late.length;
    for (const { reject } of late) reject(new NeverSentError('the store is too slow: never sent'));
  }

  #startLanes(): void {
    while (this.#queue.length > 0 && this.#lanes < this.#options.lanesMax) {
      const batch = this.#queue.slice(0, this.#batchSize());
      this.#queue = this.#queue.slice(batch.length);
      this.#lanes++;
      void this.#runLane(batch);
    }
    if (this.#queue.length > 0) return;
    this.#patience?.cancel();
    this.#patience = null;
  }

  /** Callers woken by one batch come back together: a long queue is shared out among the free lanes. */
  #batchSize(): number {
    const { batchMax, lanesMax } = this.#options;
    const share = Math.ceil(this.#queue.length / (lanesMax - this.#lanes));
    return Math.min(batchMax, Math.max(SPLIT_MIN, share));
  }

  async #runLane(batch: Waiting<Command, Answer>[]): Promise<void> {
    const settled = await this.#options.run(batch.map((waiting) => waiting.command));
    this.#lanes--;
    for (const [index, waiting] of batch.entries()) {
      const result = settled[index];
      assert(result !== undefined, 'a batch must settle every command');
      if (result.status === 'fulfilled') waiting.resolve(result.value);
      else waiting.reject(result.reason);
    }
    if (this.#queue.length > 0) this.#schedule();
  }
}
