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
  private readonly pictures = new WeakMap<ServerProcess, Picture>();

  constructor(store: MemoryTripStore, report: Report) {
    this.store = store;
    this.report = report;
  }

  /** Call it now and then, with those who serve and are awake. */
  look(servers: readonly ServerProcess[], nowMs: number): void {
    const bound = new Map<DriverId, BoundDriver>();
    for (const { trip } of this.store.records()) {
      const { driverId, tripId, status, version } = trip;
      if (driverId === null || !hasDriver(status)) continue;
      bound.set(driverId, { what: `${tripId} v${version}`, status });
    }
    for (const server of servers) {
      const picture = this.pictures.get(server) ?? new Picture(server, this.report);
      this.pictures.set(server, picture);
      picture.look(bound, nowMs);
    }
  }
}

interface BoundDriver {
  readonly what: string;
  readonly status: string;
}

/** Of the drivers that one server hosts: what differs, and since when. */
class Picture {
  private readonly server: ServerProcess;
  private readonly report: Report;
  private readonly differs = new Map<DriverId, { what: string; sinceMs: number }>();

  constructor(server: ServerProcess, report: Report) {
    this.server = server;
    this.report = report;
  }

  look(bound: ReadonlyMap<DriverId, BoundDriver>, nowMs: number): void {
    const { index } = this.server.engine;
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      const driverId = index.driverOf(slot);
      if (driverId === null) continue;
      const trip = bound.get(driverId);
      const status = index.statusOf(slot);
      const isRight = trip === undefined ? !hasDriver(status as never) : trip.status === status;
      const isMine = index.isHere(slot);
      this.compare(
        driverId,
        isRight || !isMine ? null : `${trip?.what ?? 'no trip'}, in the index ${status}`,
        nowMs,
      );
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
        detail: `${driverId} has ${what} of ${this.server.name}, for too long`,
      });
  }
}
