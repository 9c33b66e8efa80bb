import type { DriverId } from '../domain/ids.ts';
import { statusInput } from './dispatch-input.ts';
import { publish, type Engine } from './engine.ts';

/** Drivers whose replica is asked for in one question; the rest in the next sweep. */
const ASKED_MAX = 1_000;
/** How often it is asked whether those who were with nobody have connected somewhere. */
const ORPHANS_MS = 5_000;
/** Drivers on duty read from the store in one go. */
const ROWS_MAX = 50_000;

/**
 * R8: drivers silent for too long go off duty, unless a trip binds them: then they only stop being placed. Two kinds are looked
 * after here: those that were connected to this replica, and, on the first replica of all, those on duty who are with none,
 * because theirs has died. Whom the store could not let go stays on the list (at most `driversMax`) until it can, or until the driver
 * is back: the index has forgotten them, and nobody else would ever tell their apps.
 */
export class Silence {
  private readonly engine: Engine;
  /** To be let go: since when silent. Removed from the index, or never in it. */
  private readonly leaving = new Map<DriverId, number>();
  /** On duty and with no replica whenever it was asked, and since when. Who has connected again is that replica's to look after. */
  private readonly orphans = new Map<DriverId, number>();
  private orphansAskedMs = -Infinity;
  private mustLookForOrphans = true;

  constructor(engine: Engine) {
    this.engine = engine;
  }

  /** A replica has died, or all have: its drivers may not come back. */
  lookForOrphans(): void {
    this.mustLookForOrphans = true;
  }

  /** Rejects when the store or another replica is out of reach: call it again. */
  async sweep(): Promise<void> {
    const { ingest, clock, limits } = this.engine;
    const nowMs = clock.nowMs();
    for (const { driverId } of ingest.sweepSilent(nowMs, limits.offlineMs)) this.leaving.set(driverId, nowMs);
    if (this.mustLookForOrphans && this.engine.peers.isFirst) await this.findOrphans(nowMs);
    await this.forgetFound(nowMs);
    for (const [driverId, sinceMs] of this.orphans) {
      if (nowMs - sinceMs <= limits.offlineMs) break;
      this.orphans.delete(driverId);
      this.leaving.set(driverId, nowMs);
    }
    await this.letLeave();
  }

  private async findOrphans(nowMs: number): Promise<void> {
    this.mustLookForOrphans = false;
    try {
      for (const marketId of this.engine.markets.keys()) {
        const duties = await this.engine.store.driversOnDuty(marketId, ROWS_MAX);
        for (const { driverId } of duties)
          if (!this.isBack(driverId) && !this.orphans.has(driverId)) this.orphans.set(driverId, nowMs);
      }
    } catch (error) {
      this.mustLookForOrphans = true;
      throw error;
    }
    this.orphansAskedMs = -Infinity;
  }

  private async forgetFound(nowMs: number): Promise<void> {
    if (this.orphans.size === 0 || nowMs - this.orphansAskedMs < ORPHANS_MS) return;
    const elsewhere = await this.engine.peers.hosted([...this.orphans.keys()]);
    this.orphansAskedMs = nowMs;
    for (const driverId of this.orphans.keys())
      if (elsewhere.has(driverId) || this.isBack(driverId)) this.orphans.delete(driverId);
  }

  /** Somebody else may have them: then they are not silent at all. */
  private async letLeave(): Promise<void> {
    const asked = [...this.leaving.keys()].slice(0, ASKED_MAX);
    if (asked.length === 0) return;
    const elsewhere = await this.engine.peers.hosted(asked);
    for (const driverId of asked) {
      if (!elsewhere.has(driverId)) await this.letGo(driverId, this.leaving.get(driverId)!);
      this.leaving.delete(driverId);
    }
  }

  private async letGo(driverId: DriverId, silentMs: number): Promise<void> {
    const { engine } = this;
    const duty = await engine.store.dutyOf(driverId);
    if (duty === null || this.isBack(driverId)) return;
    const trip = await engine.store.activeTripOfDriver(driverId);
    if (this.isBack(driverId)) return;
    if (trip !== null) {
      // Kept an eye on here until they come back or the trip is over; then this begins again.
      const { vehicle } = duty;
      const dispatcher = engine.markets.get(duty.marketId)?.dispatcher;
      dispatcher?.input({ kind: 'driver_on_duty', driverId, vehicle }, statusInput(driverId, trip));
      return;
    }
    // Off duty already when an earlier try was done and its answer lost: the app has not been told either.
    if (duty.onDuty) await engine.store.setDuty({ ...duty, onDuty: false, sinceMs: silentMs });
    if (this.isBack(driverId)) return;
    publish(engine, { kind: 'off_duty', driverId });
    engine.announcer.toDriver(driverId, { t: 'duty', status: 'offline' });
    engine.log.info({ driverId }, 'driver silent for too long: off duty');
  }

  private isBack(driverId: DriverId): boolean {
    const slot = this.engine.index.slotOf(driverId);
    return slot >= 0 && this.engine.index.isHere(slot);
  }
}
