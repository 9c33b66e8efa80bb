import type { Result } from '../domain/rejection.ts';

/** Drivers whose duty is to end with their trip; beyond it the one that waits for longest is left to silence (R8). */
const WAITING_MAX = 10_000;

/** Ends duties of drivers who may not drive any more: at once, or when their trip has ended. */
export class DutyEndings {
  private readonly takeOffDuty: (driverId: string) => Promise<Result<unknown>>;
  private readonly waiting = new Set<string>();

  /** `takeOffDuty` answers `driver_busy` during a trip, and rejects when the store is out of reach. */
  constructor(takeOffDuty: (driverId: string) => Promise<Result<unknown>>) {
    this.takeOffDuty = takeOffDuty;
  }

  /** Resolves when the duty has ended, or waits for the trip's end; rejects when neither is known: call it again. */
  async end(driverId: string): Promise<void> {
    const off = await this.takeOffDuty(driverId);
    if (off.ok) {
      this.waiting.delete(driverId);
      return;
    }
    if (this.waiting.size >= WAITING_MAX) this.waiting.delete(this.waiting.keys().next().value!);
    this.waiting.add(driverId);
  }

  /** Whoever may drive again meanwhile is left alone. Rejects with the store's error. */
  async sweep(mayNotDrive: (driverId: string) => Promise<boolean>): Promise<void> {
    for (const driverId of [...this.waiting]) {
      if (!(await mayNotDrive(driverId))) this.waiting.delete(driverId);
      else if ((await this.takeOffDuty(driverId)).ok) this.waiting.delete(driverId);
    }
  }
}
