import { assert } from '../lib/assert.ts';

/** The queue is full: nothing was done; the caller sheds the load (`overloaded`). */
export class OverloadedError extends Error {
  override readonly name = 'OverloadedError';
  readonly code = 'overloaded';
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
}

/** Fewer commands than this stay together: two transactions for them cost more than they gain. */
const SPLIT_MIN = 16;

interface Waiting<Command, Answer> {
  readonly command: Command;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Group commit. What arrives while all lanes are busy is collected and goes out together: one round trip and one flush of
 * the log for all of it, so that throughput rises with load while a lone command waits for nobody. A command starts at the
 * end of the event loop's current turn of microtasks, together with its neighbours. Batches leave in the order of arrival,
 * but two of them in flight may commit in either order: who needs an order awaits the first answer.
 */
export class GroupCommit<Command, Answer> {
  readonly #options: GroupCommitOptions<Command, Answer>;
  #queue: Waiting<Command, Answer>[] = [];
  #lanes = 0;
  #scheduled = false;

  constructor(options: GroupCommitOptions<Command, Answer>) {
    assert(options.batchMax > 0 && options.lanesMax > 0 && options.queuedMax > 0, 'limits must be positive');
    this.#options = options;
  }

  /** Commands waiting, not yet in a batch. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Settles when the command's batch is committed, or has failed. */
  submit(command: Command): Promise<Answer> {
    if (this.#queue.length >= this.#options.queuedMax) {
      return Promise.reject(new OverloadedError(`${this.#queue.length} commands are waiting for the store`));
    }
    return new Promise<Answer>((resolve, reject) => {
      this.#queue.push({ command, resolve, reject });
      this.#schedule();
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

  #startLanes(): void {
    while (this.#queue.length > 0 && this.#lanes < this.#options.lanesMax) {
      const batch = this.#queue.slice(0, this.#batchSize());
      this.#queue = this.#queue.slice(batch.length);
      this.#lanes++;
      void this.#runLane(batch);
    }
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
