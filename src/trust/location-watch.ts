import type { DriverId } from '../domain/ids.ts';
import { isSuspect, type Misfix, type Misfixes, noteMisfix } from '../domain/location-trust.ts';
import { accepted, rejected, type Result } from '../domain/rejection.ts';
import type { Log } from '../lib/log.ts';
import type { LocationSuspicion, TrustStore } from '../store/trust-store.ts';

/** Drivers watched at once; who misfixed longest ago is forgotten. */
const WATCHED_MAX = 50_000;
/** A suspect driver stays off duty for so long, ms, unless an operator lifts it. */
const SUSPICION_MS = 30 * 60_000;

export interface LocationWatchOptions {
  readonly store: Pick<TrustStore, 'suspect' | 'suspicionOf'>;
  /** Off duty, and the app told; `driver_busy` while there is a trip. */
  readonly takeOffDuty: (driverId: DriverId) => Promise<Result<unknown>>;
  readonly nowMs: () => number;
  readonly log: Pick<Log, 'warn'>;
}

/**
 * Keeps drivers whose places cannot be believed out of matching: off duty at once, or when their trip ends, and not on duty again for
 * `SUSPICION_MS`, on any replica. What is counted is this replica's, which has the driver's socket; what is decided is stored.
 */
export class LocationWatch {
  /** Drivers taken off duty here, since the start. */
  suspected = 0;
  private readonly options: LocationWatchOptions;
  private readonly watched = new Map<DriverId, Misfixes>();
  private readonly suspects = new Set<DriverId>();

  constructor(options: LocationWatchOptions) {
    this.options = options;
  }

  /** Synchronous and cheap: called while pings are taken in. */
  note(driverId: DriverId, kind: Misfix): void {
    const misfixes = noteMisfix(this.watched.get(driverId) ?? null, kind, this.options.nowMs());
    this.watched.delete(driverId);
    if (this.watched.size >= WATCHED_MAX) this.forget(this.watched.keys().next().value!);
    this.watched.set(driverId, misfixes);
    if (isSuspect(misfixes)) this.suspects.add(driverId);
  }

  /** Whether the driver may go on duty; a device that says its places are made up is suspect from then on. */
  async approve(driverId: DriverId, isMock: boolean): Promise<Result<null>> {
    const { store, nowMs } = this.options;
    if (isMock) {
      await this.suspectNow(driverId, { score: 0, atMs: nowMs(), refused: 0, jumps: 0 }, true);
      await this.options.takeOffDuty(driverId);
      return rejected('location_suspect', 'the device makes its places up');
    }
    const suspicion = await store.suspicionOf(driverId, nowMs());
    if (suspicion === null) return accepted(null);
    return rejected('location_suspect', `until ${new Date(suspicion.untilMs).toISOString()}`);
  }

  /** Takes suspects off duty; whom it could not, for a trip or the store, it tries again. Rejects with the store's error. */
  async sweep(): Promise<void> {
    for (const driverId of [...this.suspects]) {
      const misfixes = this.watched.get(driverId);
      if (misfixes !== undefined) {
        // First, so that the app finds the door shut when it asks to go on duty again.
        await this.suspectNow(driverId, misfixes, false);
        const off = await this.options.takeOffDuty(driverId);
        if (!off.ok) continue;
      }
      this.forget(driverId);
    }
  }

  private async suspectNow(driverId: DriverId, misfixes: Misfixes, isMock: boolean): Promise<void> {
    const { store, nowMs, log } = this.options;
    const sinceMs = nowMs();
    if ((await store.suspicionOf(driverId, sinceMs)) !== null) return;
    const { refused, jumps } = misfixes;
    const suspicion: LocationSuspicion = {
      ...{ driverId, sinceMs, untilMs: sinceMs + SUSPICION_MS, refused, jumps, isMock, liftedBy: null },
    };
    await store.suspect(suspicion);
    this.suspected += 1;
    log.warn({ driverId, refused, jumps, isMock }, 'a driver’s places cannot be believed');
  }

  private forget(driverId: DriverId): void {
    this.watched.delete(driverId);
    this.suspects.delete(driverId);
  }
}
