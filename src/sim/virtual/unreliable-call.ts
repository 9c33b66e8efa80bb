import type { Clock } from '../../lib/clock.ts';
import { lineError, type Faults } from './faults.ts';

/** A late statement is done within this time after its caller was told that it failed. */
const LATE_MS_MAX = 3_000;

/**
 * Calls from one process to a store on another machine: late, failed without a trace, done without an answer, or failed and
 * done later. Once sent, a call is carried out whether its caller still lives or not; only the caller's own clock brings
 * the answer back.
 */
export class UnreliableCalls {
  private readonly faults: Faults;
  private readonly storeClock: Clock;
  private readonly callerClock: Clock;

  constructor(faults: Faults, clocks: { store: Clock; caller: Clock }) {
    this.faults = faults;
    this.storeClock = clocks.store;
    this.callerClock = clocks.caller;
  }

  call<T>(perform: () => Promise<T>): Promise<T> {
    const { faults } = this;
    return new Promise<T>((resolve, reject) => {
      this.storeClock.after(faults.storeDelayMs(), () => {
        if (faults.isStoreOut || faults.happens(faults.plan.storeRefuses))
          return this.answer(() => reject(lineError('ECONNREFUSED')));
        if (faults.happens(faults.plan.storeIsLate)) {
          this.storeClock.after(faults.withinMs(LATE_MS_MAX), () => void perform());
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
    const { faults } = this;
    try {
      const value = await perform();
      if (faults.happens(faults.plan.storeLosesAnswer)) this.answer(() => reject(lineError('ECONNRESET')));
      else this.answer(() => resolve(value));
    } catch (error) {
      // The store itself broke: a bug, which belongs to whoever called.
      reject(error);
    }
  }

  private answer(settle: () => void): void {
    this.callerClock.after(this.faults.storeDelayMs(), settle);
  }
}
