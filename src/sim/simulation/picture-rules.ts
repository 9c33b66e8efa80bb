import { hasDriver } from '../../domain/trip.ts';
import type { DriverId } from '../../domain/ids.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { ServerProcess } from './server-process.ts';
import type { Report } from './violation.ts';

/** So long a server's picture of a driver may differ from the store: a lost answer is looked up again within seconds. */
const BLIND_MS_MAX = 60_000;

/**
 * R6 for the index: it follows the store. A server that shows a driver on a trip as free, or the other way round, wastes offers and
 * loses the trip's path, though no rule of the store is broken by it.
 */
export class PictureRules {
  private readonly store: MemoryTripStore;
  private readonly report: Report;
  /** By driver: what differs, and since when. */
  private readonly differs = new Map<DriverId, { what: string; sinceMs: number }>();
  private server: ServerProcess | null = null;

  constructor(store: MemoryTripStore, report: Report) {
    this.store = store;
    this.report = report;
  }

  /** Call it now and then; `server` is who serves, null while nobody does. */
  look(server: ServerProcess | null, nowMs: number): void {
    if (server !== this.server) this.differs.clear();
    this.server = server;
    if (server === null) return;
    const bound = new Map<DriverId, { what: string; tripId: string; status: string }>();
    for (const { trip } of this.store.records()) {
      const { driverId, tripId, status, version } = trip;
      if (driverId === null || !hasDriver(status)) continue;
      bound.set(driverId, { what: `${tripId} v${version}`, tripId, status });
    }
    const { index } = server.engine;
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      const driverId = index.driverOf(slot);
      if (driverId === null) continue;
      const trip = bound.get(driverId);
      const status = index.statusOf(slot);
      const isRight = trip === undefined ? !hasDriver(status as never) : trip.status === status;
      this.compare(driverId, isRight ? null : `${trip?.what ?? 'no trip'}, in the index ${status}`, nowMs);
    }
  }

  private compare(driverId: DriverId, what: string | null, nowMs: number): void {
    const before = this.differs.get(driverId);
    if (what === null) this.differs.delete(driverId);
    else if (before?.what !== what) this.differs.set(driverId, { what, sinceMs: nowMs });
    else if (nowMs - before.sinceMs > BLIND_MS_MAX)
      this.report({
        rule: 'R6',
        tripId: what.split(' ')[0]!,
        detail: `${driverId} has ${what}, for too long`,
      });
  }
}
