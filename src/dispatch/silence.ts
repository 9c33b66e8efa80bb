import type { DriverId } from '../domain/ids.ts';
import { statusInput } from './dispatch-input.ts';
import type { Engine } from './engine.ts';

/**
 * R8: drivers silent for too long go off duty, unless a trip binds them: then they only stop being placed. Whom the store could not
 * let go stays on the list (at most `driversMax`) until it can, or until the driver is back: the index has forgotten them, and
 * nobody else would ever tell their apps.
 */
export class Silence {
  private readonly engine: Engine;
  /** Removed from the index, and when; not yet off duty in the store. */
  private readonly leaving = new Map<DriverId, number>();

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** Rejects when the store is out of reach: call it again. */
  async sweep(): Promise<void> {
    const { ingest, clock, limits } = this.engine;
    const nowMs = clock.nowMs();
    for (const { driverId } of ingest.sweepSilent(nowMs, limits.offlineMs)) this.leaving.set(driverId, nowMs);
    for (const [driverId, silentMs] of this.leaving) {
      await this.letGo(driverId, silentMs);
      this.leaving.delete(driverId);
    }
  }

  private async letGo(driverId: DriverId, silentMs: number): Promise<void> {
    const { engine } = this;
    const duty = await engine.store.dutyOf(driverId);
    if (duty === null || this.isBack(driverId)) return;
    const trip = engine.active.of(driverId);
    if (trip !== null) {
      const { vehicle } = duty;
      const dispatcher = engine.markets.get(duty.marketId)?.dispatcher;
      dispatcher?.input({ kind: 'driver_on_duty', driverId, vehicle }, statusInput(driverId, trip));
      return;
    }
    // Off duty already when an earlier try was done and its answer lost: the app has not been told either.
    if (duty.onDuty) await engine.store.setDuty({ ...duty, onDuty: false, sinceMs: silentMs });
    if (this.isBack(driverId)) return;
    engine.announcer.toDriver(driverId, { t: 'duty', status: 'offline' });
    engine.log.info({ driverId }, 'driver silent for too long: off duty');
  }

  private isBack(driverId: DriverId): boolean {
    return this.engine.index.slotOf(driverId) >= 0;
  }
}
