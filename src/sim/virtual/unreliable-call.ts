import type { Clock } from '../../lib/clock.ts';
import { lineError, type Faults } from './faults.ts';
import type { ProcessClock } from './virtual-clock.ts';

/** A late statement is done within this time after its caller was told that it failed. */
const LATE_MS_MAX = 3_000;
/** A client gives a connection up that nothing comes back on. */
const HANGS_MS = 4_000;

/** The way between one machine and a store. */
export class StoreLink {
  private state: 'open' | 'refused' | 'hanging' = 'open';

  /** `refused`: calls fail at once; `hanging`: packets vanish, so calls fail after a time-out, and answers under way are lost. */
  cut(how: 'refused' | 'hanging'): void {
    this.state = how;
  }

  mend(): void {
    this.state = 'open';
  }

  get isOpen(): boolean {
    return this.state === 'open';
  }

  get isHanging(): boolean {
    return this.state === 'hanging';
  }
}

export interface CallLines {
  readonly faults: Faults;
  readonly storeClock: Clock;
  readonly caller: ProcessClock;
  readonly link: StoreLink;
  /** True while the store itself is down. */
  readonly isOut: () => boolean;
}

/**
 * Calls from one process to a store on another machine: late, failed without a trace, done without an answer, or failed and
 * done later. Once sent, a call is carried out whether its caller still lives or not; only the caller's own clock brings
 * the answer back.
 */
export class UnreliableCalls {
  private readonly lines: CallLines;

  constructor(lines: CallLines) {
    this.lines = lines;
  }

  call<T>(perform: () => Promise<T>): Promise<T> {
    const { faults, storeClock, link, isOut } = this.lines;
    return new Promise<T>((resolve, reject) => {
      storeClock.after(faults.storeDelayMs(), () => {
        if (link.isHanging) return this.answer(() => reject(lineError('ETIMEDOUT')), HANGS_MS);
        if (!link.isOpen) return this.answer(() => reject(lineError('ECONNREFUSED')));
        if (isOut() || faults.happens(faults.plan.storeRefuses))
          return this.answer(() => reject(lineError('ECONNREFUSED')));
        if (faults.happens(faults.plan.storeIsLate)) {
          storeClock.after(faults.withinMs(LATE_MS_MAX), () => void perform());
          return this.answer(() => reject(lineError('ETIMEDOUT')));
        }
        void this.carryOut(perform, resolve, reject);
      });
    });
  }

  private async carryOut<T>(
    perform: () => Promise<T>,
    resolve: (value: T) => void,
    reject: (error: unknown) => void,
  ): Promise<void> {
    const { faults, link } = this.lines;
    try {
      const value = await perform();
      if (faults.happens(faults.plan.storeLosesAnswer))
        return this.answer(() => reject(lineError('ECONNRESET')));
      // The way may be cut while the answer is on it.
      this.answer(() => (link.isOpen ? resolve(value) : reject(lineError('ECONNRESET'))));
    } catch (error) {
      // The store itself broke: a bug, which belongs to whoever called.
      reject(error);
    }
  }

  private answer(settle: () => void, afterMs = 0): void {
    const { faults, storeClock, caller } = this.lines;
    storeClock.after(afterMs + faults.storeDelayMs(), () => caller.arrive(settle));
  }
}
