import type { Zone } from '../domain/cell.ts';
import { statusCode, type DriverStatus } from '../domain/driver-state.ts';
import type { DriverId, ReplicaId } from '../domain/ids.ts';
import type { Place } from '../domain/place.ts';
import { VEHICLE_CLASSES } from '../domain/vehicle.ts';
import { HERE, NOBODY, type DriverIndex } from './driver-index.ts';
import { PlaceFrameReader } from './place-frame.ts';

/** Replicas whose drivers are held at a time; frames of more are counted as refused until one is gone. */
export const HOSTS_MAX = 1_000;
/** A status that was set here is not overruled by a frame for so long: news are faster than flushes. */
const STATUS_SETTLE_MS = 2_000;
/** A removal waits so long for the row of another zone that shows the driver has only crossed over. */
export const LEAVING_MS = 500;

const OFFLINE = statusCode('offline');

export interface RemoteDriversOptions {
  readonly index: DriverIndex;
  /**
   * The host of a driver says another status than the index has, and nothing here has changed it lately; `free` is where the
   * driver will be free. Said again with each row until the index has it.
   */
  onStatus(driverId: DriverId, status: DriverStatus, free: Place | null): void;
}

export interface RemoteCounts {
  /** Rows taken over and drivers removed: those that changed nothing are not in it. */
  rows: number;
  removals: number;
  /** Frames that could not be read: another version's, or damaged. */
  badFrames: number;
  /** Rows passed over because the index or the list of hosts was full. */
  refused: number;
}

/** A driver whom the host has removed from a zone. */
interface Leaving {
  readonly generation: number;
  readonly host: number;
  readonly sinceMs: number;
}

/**
 * The drivers of other replicas in the index, as their frames tell of them. Frames may be lost, late, repeated or in any order
 * between zones: the next row of a driver puts everything right, and who is told of no more goes by silence (R8). A driver who
 * is here is never touched: the engine says who has the seat (`index.setHost`).
 */
export class RemoteDrivers {
  readonly counts: RemoteCounts = { rows: 0, removals: 0, badFrames: 0, refused: 0 };
  private readonly index: DriverIndex;
  private readonly options: RemoteDriversOptions;
  private readonly reader = new PlaceFrameReader();
  private readonly numbers = new Map<ReplicaId, number>();
  /** By number; none at HERE. */
  private readonly hosts: (ReplicaId | null)[] = new Array<null>(HOSTS_MAX + 1).fill(null);
  /** By slot, longest waiting first. */
  private readonly leaving = new Map<number, Leaving>();

  constructor(options: RemoteDriversOptions) {
    this.index = options.index;
    this.options = options;
  }

  /** Takes in a frame of `from` about a zone; one that cannot be read changes nothing. */
  apply(from: ReplicaId, zone: Zone, frame: Uint8Array, nowMs: number): void {
    this.settle(nowMs);
    const { reader } = this;
    if (!reader.open(frame)) {
      this.counts.badFrames++;
      return;
    }
    const host = this.numberOf(from);
    if (host === HERE) {
      this.counts.refused += reader.rowCount;
      return;
    }
    while (reader.nextRemoval()) this.noteLeaving(host, zone, nowMs);
    while (reader.nextRow()) this.applyRow(host, nowMs);
  }

  /** Removes who has left a zone and was not shown in another one since; `apply` does it too, so this is for quiet times. */
  settle(nowMs: number): void {
    for (const [slot, { generation, host, sinceMs }] of this.leaving) {
      if (nowMs - sinceMs < LEAVING_MS) return;
      this.leaving.delete(slot);
      if (!this.index.isCurrent(slot, generation) || this.index.columns.host[slot] !== host) continue;
      this.index.remove(slot);
      this.counts.removals++;
    }
  }

  /**
   * The replica is off the roll: its drivers are kept, for their places are still good when they connect elsewhere within
   * seconds, but have no host and are offline.
   */
  gone(from: ReplicaId, nowMs: number): void {
    const host = this.numbers.get(from);
    if (host === undefined) return;
    const { index } = this;
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      if (index.columns.host[slot] !== host || !index.isLive(slot)) continue;
      index.setHost(slot, NOBODY);
      index.setStatus(slot, 'offline', nowMs);
    }
    this.free(from, host);
  }

  /** Null for a driver who is here, unknown, or with nobody who can be reached. */
  hostOf(driverId: DriverId): ReplicaId | null {
    const slot = this.index.slotOf(driverId);
    return slot < 0 ? null : (this.hosts[this.index.columns.host[slot]!] ?? null);
  }

  /** Forgets the zone's drivers who are not here: it is not watched any more, so nobody would tell when they leave. */
  forgetZone(zone: Zone): void {
    const { index } = this;
    const { cells, columns } = index;
    for (let i = cells.occupiedCount - 1; i >= 0; i--) {
      const row = cells.occupied[i]!;
      if (cells.zoneOf(row) !== zone) continue;
      for (let slot = cells.head[row]!, next = -1; slot >= 0; slot = next) {
        next = columns.next[slot]!;
        if (!index.isHere(slot)) index.remove(slot);
      }
    }
  }

  /**
   * A driver who has crossed over is in two frames, which may come in any order. Removing first would lose what is known here of
   * the driver (an offer just made), so it waits for the other frame; one that came before has moved the driver already.
   */
  private noteLeaving(host: number, zone: Zone, nowMs: number): void {
    const { index, reader } = this;
    const slot = index.slotOfBytes(reader.bytes, reader.idAt, reader.idLength);
    if (slot < 0 || index.columns.host[slot] !== host || index.zoneOf(slot) !== zone) return;
    this.leaving.delete(slot);
    this.leaving.set(slot, { generation: index.columns.generation[slot]!, host, sinceMs: nowMs });
  }

  private applyRow(host: number, nowMs: number): void {
    const { index, reader } = this;
    const { columns } = index;
    const slot = index.slotOfBytes(reader.bytes, reader.idAt, reader.idLength);
    if (slot < 0) return this.takeIn(host, nowMs);
    const before = columns.host[slot]!;
    if (before === HERE) return;
    const { atMs } = reader;
    // R8, as far as it is one device's clock: another host may have the driver with another device.
    if (before === host && atMs < columns.atMs[slot]!) return;
    this.counts.rows++;
    if (this.leaving.size > 0) this.leaving.delete(slot);
    columns.vehicleClass[slot] = reader.vehicleClassCode;
    columns.seats[slot] = reader.seats;
    if (before !== host) index.setHost(slot, host);
    if (before !== host || atMs !== columns.atMs[slot]!) this.move(slot, nowMs);
    this.compareStatus(slot, before, nowMs);
  }

  private takeIn(host: number, nowMs: number): void {
    const { index, reader } = this;
    const vehicle = { vehicleClass: VEHICLE_CLASSES[reader.vehicleClassCode]!, seats: reader.seats };
    const slot = index.add(reader.driverId(), vehicle, reader.status, nowMs, host);
    if (slot < 0) {
      this.counts.refused++;
      return;
    }
    this.counts.rows++;
    this.move(slot, nowMs);
    this.believe(slot, nowMs);
  }

  private move(slot: number, nowMs: number): void {
    const { index, reader } = this;
    const { columns } = index;
    columns.atMs[slot] = reader.atMs;
    columns.receivedMs[slot] = nowMs - reader.receivedAgeMs;
    columns.accuracyM[slot] = NaN;
    columns.speedMps[slot] = reader.speedMps;
    columns.headingDeg[slot] = reader.headingDeg;
    index.place(slot, reader.lat, reader.lng);
  }

  private compareStatus(slot: number, hostBefore: number, nowMs: number): void {
    const { index, reader } = this;
    const { columns } = index;
    if (columns.status[slot] === reader.statusCode) {
      this.copyDuty(slot, nowMs);
    } else if (hostBefore === NOBODY && columns.status[slot] === OFFLINE) {
      index.setStatus(slot, reader.status, nowMs);
      this.believe(slot, nowMs);
    } else if (nowMs - columns.statusMs[slot]! >= STATUS_SETTLE_MS) {
      this.options.onStatus(index.driverOf(slot)!, reader.status, reader.free());
    }
  }

  /** What the index has now is the host's word alone: the next word of the host's may change it at once. */
  private believe(slot: number, nowMs: number): void {
    this.index.columns.statusMs[slot] = -Infinity;
    this.copyDuty(slot, nowMs);
  }

  private copyDuty(slot: number, nowMs: number): void {
    const { columns } = this.index;
    const { reader } = this;
    columns.freeLat[slot] = reader.freeLat;
    columns.freeLng[slot] = reader.freeLng;
    const { idleForMs } = reader;
    // Who is idle goes by the status, which is the same on both sides.
    if (!Number.isNaN(idleForMs) && !Number.isNaN(columns.idleSinceMs[slot])) {
      columns.idleSinceMs[slot] = nowMs - idleForMs;
    }
  }

  /** The replica's number, a new one if need be; HERE when there is none left. */
  private numberOf(from: ReplicaId): number {
    const known = this.numbers.get(from);
    if (known !== undefined) return known;
    if (this.numbers.size === HOSTS_MAX) this.freeIdle();
    if (this.numbers.size === HOSTS_MAX) return HERE;
    const host = this.hosts.indexOf(null, HERE + 1);
    this.hosts[host] = from;
    this.numbers.set(from, host);
    return host;
  }

  /** Frees the numbers that no driver has: a replica's last frames may come after it was found to be gone. */
  private freeIdle(): void {
    const { index } = this;
    const used = new Set<number>();
    for (let slot = 0; slot < index.slotsEnd; slot++) {
      if (index.isLive(slot)) used.add(index.columns.host[slot]!);
    }
    for (const [replicaId, host] of this.numbers) if (!used.has(host)) this.free(replicaId, host);
  }

  private free(replicaId: ReplicaId, host: number): void {
    this.numbers.delete(replicaId);
    this.hosts[host] = null;
  }
}
