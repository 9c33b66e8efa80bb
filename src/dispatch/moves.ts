import { cellName, type Zone } from '../domain/cell.ts';
import { statusCode } from '../domain/driver-state.ts';
import type { DriverId, ReplicaId } from '../domain/ids.ts';
import type { DriverIndex } from '../geo/driver-index.ts';
import { TokenBucket } from '../lib/token-bucket.ts';
import type { Announcer } from './announcer.ts';
import type { Peers } from './peers.ts';

/** A driver's zone has been the same other replica's for so long: not asked for while the owners still change. */
export const MOVE_AFTER_MS = 30_000;
/** Whoever did not go when asked is not asked again for so long. */
export const MOVE_AGAIN_MS = 5 * 60_000;
/** Asked in all: a new replica's share comes over minutes, not at once. */
export const MOVES_PER_S = 20;
/** Slots looked at in one sweep. */
const SLOTS_PER_SWEEP_MAX = 4_096;

const RATE = { perS: MOVES_PER_S, burstMax: MOVES_PER_S };
const AVAILABLE = statusCode('available');

export interface MovesOptions {
  readonly index: DriverIndex;
  readonly peers: Pick<Peers, 'elsewhere'>;
  readonly announcer: Pick<Announcer, 'hasDriver' | 'toDriver'>;
}

/** Since when a slot's driver has been in zones of one other replica, as far as sweeps have seen. */
interface Away {
  readonly generation: number;
  readonly owner: ReplicaId;
  readonly sinceMs: number;
}

/**
 * Asks idle drivers who are connected here and are in another replica's zone to connect there (`move`): their places then need
 * not travel between replicas. Only a hint, so that nothing rests on it. To be swept about once a second; each sweep looks at a
 * slice of the index.
 */
export class Moves {
  private readonly options: MovesOptions;
  /** By slot; at most one for each slot of the index. */
  private readonly away: (Away | undefined)[] = [];
  /** Who has been asked and when, oldest first: by the rate, at most MOVES_PER_S for each second of MOVE_AGAIN_MS. */
  private readonly asked = new Map<DriverId, number>();
  private bucket: TokenBucket | null = null;
  private next = 0;

  constructor(options: MovesOptions) {
    this.options = options;
  }

  /** `nowMs`: of any one clock that goes forward. */
  sweep(nowMs: number): void {
    const { slotsEnd } = this.options.index;
    this.bucket ??= new TokenBucket();
    this.forgetAsked(nowMs);
    this.away.length = Math.min(this.away.length, slotsEnd);
    for (let left = Math.min(slotsEnd, SLOTS_PER_SWEEP_MAX); left > 0; left--) {
      if (this.next >= slotsEnd) this.next = 0;
      if (!this.look(this.next, nowMs)) return;
      this.next += 1;
    }
  }

  /** False when nobody may be asked any more just now: the next sweep begins with this slot. */
  private look(slot: number, nowMs: number): boolean {
    const owner = this.ownerElsewhere(slot);
    const away = this.away[slot];
    if (owner === null) {
      if (away !== undefined) this.away[slot] = undefined;
      return true;
    }
    const { index } = this.options;
    const generation = index.columns.generation[slot]!;
    if (away?.generation !== generation || away.owner !== owner.replicaId) {
      this.away[slot] = { generation, owner: owner.replicaId, sinceMs: nowMs };
      return true;
    }
    const driverId = index.driverOf(slot)!;
    const isDue = nowMs - away.sinceMs >= MOVE_AFTER_MS && index.columns.status[slot] === AVAILABLE;
    if (!isDue || this.asked.has(driverId) || !this.options.announcer.hasDriver(driverId)) return true;
    return this.ask(driverId, owner, nowMs);
  }

  /** Whose zone the slot's driver is in, if it is in another replica's. */
  private ownerElsewhere(slot: number): (ReturnType<Peers['elsewhere']> & { zone: Zone }) | null {
    const { index, peers } = this.options;
    const zone = index.isLive(slot) && index.isHere(slot) ? index.zoneOf(slot) : null;
    if (zone === null) return null;
    const owner = peers.elsewhere(zone);
    return owner === null ? null : { ...owner, zone };
  }

  private ask(driverId: DriverId, to: { url: string | null; zone: Zone }, nowMs: number): boolean {
    if (this.bucket?.take(RATE, nowMs) !== true) return false;
    this.asked.set(driverId, nowMs);
    this.options.announcer.toDriver(driverId, { t: 'move', url: to.url, zone: cellName(to.zone) });
    return true;
  }

  private forgetAsked(nowMs: number): void {
    for (const [driverId, askedMs] of this.asked) {
      if (nowMs - askedMs < MOVE_AGAIN_MS) return;
      this.asked.delete(driverId);
    }
  }
}
