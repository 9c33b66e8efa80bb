import type { BeatInfo, Roll } from '../bus/beats.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { ClusterTiming } from './timing.ts';

/** How the roll has changed; each list by id. */
export interface RollChange {
  readonly joined: readonly ReplicaId[];
  /** Leaving: own nothing from now on, but still have clients and still tell news. */
  readonly leaving: readonly ReplicaId[];
  /** Not heard within its lease, or has closed. */
  readonly gone: readonly ReplicaId[];
}

interface Peer {
  /** It has beaten at this time of the local clock, or later. */
  seenMs: number;
  info: BeatInfo;
}

/** Members taken from a roll; of more the first by id, the same on every replica. */
const MEMBERS_MAX = 1_024;
/** Refused beats in a row after which it is the store that was away. One alone: this process may just have been asleep. */
const STORE_WAS_AWAY = 2;
/** A leaver's last beat may reach the store late: for so many leases it is passed over on the roll. */
const LEAVES_REMEMBERED = 3;

/**
 * Who is alive, from the answers to this replica's beats and the time gone by since (design.md §7). No I/O.
 *
 * Two machines' clocks are never compared: the roll says how old a beat is by the store's clock, and from there the local one
 * counts. The answer was made at some unknown moment between the beat's beginning and its end here; ages count from its
 * BEGINNING, so a peer never looks younger than it is. It may look older, by a round trip at most. That is the right side to
 * err on: too young, a dead replica's zones lie idle beyond its lease; too old, a slow one is struck off a moment early, it
 * has stood down by then or does so at once, and an overlap does no harm (R7). The own lease counts from the beginning too,
 * for the same reason: the store cannot have noted the beat earlier than it was sent, so nobody counts from an earlier time.
 *
 * While the own lease is out nobody is struck off: who does not hear the store knows nothing of its peers, and may not match
 * anyway. When the store is back after refusing (`STORE_WAS_AWAY`), peers have a lease to come back in.
 */
export class RollCall {
  epoch = 0;
  private readonly self: ReplicaId;
  private readonly timing: ClusterTiming;
  private peers = new Map<ReplicaId, Peer>();
  /** Leavers that still say so, with when they last did. */
  private readonly leavers = new Map<ReplicaId, number>();
  /** Leavers, also those gone, with when they may be forgotten. */
  private readonly left = new Map<ReplicaId, number>();
  private beganMs = -Infinity;
  private refusedInRow = 0;
  private isLeaving = false;

  constructor(self: ReplicaId, timing: ClusterTiming) {
    this.self = self;
    this.timing = timing;
  }

  /** Owners of zones: by id, this replica among them unless it leaves or has not been on a roll yet. */
  get members(): readonly ReplicaId[] {
    const others = [...this.peers.keys()];
    return (this.isLeaving || this.beganMs === -Infinity ? others : [...others, this.self]).sort();
  }

  /** Every other replica that is alive, leavers included: who is to be told and asked. By id. */
  get others(): readonly ReplicaId[] {
    return [...this.peers.keys(), ...this.leavers.keys()].sort();
  }

  infoOf(replicaId: ReplicaId): BeatInfo | null {
    return this.peers.get(replicaId)?.info ?? null;
  }

  /** Since the last answered beat began; Infinity before the first. */
  leaseAgeMs(nowMs: number): number {
    return nowMs - this.beganMs;
  }

  /** True while nobody can have taken this replica's zones over. */
  mayMatch(nowMs: number): boolean {
    return !this.isLeaving && this.leaseAgeMs(nowMs) < this.timing.standDownMs;
  }

  /**
   * The roll that answered a beat begun at `beganMs`. Null: the answer took so long that it says nothing any more (a paused
   * process finds such answers when it wakes up), and nothing is changed.
   */
  answered(roll: Roll, beganMs: number, nowMs: number): RollChange | null {
    if (this.isLeaving || nowMs - beganMs >= this.timing.standDownMs) return null;
    const wasAway = this.refusedInRow >= STORE_WAS_AWAY;
    const joined: ReplicaId[] = [];
    this.beganMs = beganMs;
    this.refusedInRow = 0;
    this.epoch = Math.max(this.epoch, roll.epoch);
    for (const [replicaId, untilMs] of this.left) if (untilMs <= nowMs) this.left.delete(replicaId);
    for (const { replicaId, ageMs, info } of roll.members.slice(0, MEMBERS_MAX)) {
      if (replicaId === this.self || this.left.has(replicaId)) continue;
      const seenMs = beganMs - Math.max(0, ageMs);
      const peer = this.peers.get(replicaId);
      if (peer === undefined) {
        if (this.isOut(seenMs, nowMs)) continue;
        joined.push(replicaId);
        this.peers.set(replicaId, { seenMs, info });
      } else {
        peer.seenMs = Math.max(peer.seenMs, seenMs);
        peer.info = info;
      }
    }
    if (wasAway) for (const peer of this.peers.values()) peer.seenMs = Math.max(peer.seenMs, beganMs);
    return { joined: joined.sort(), leaving: [], gone: this.strikeOff(nowMs) };
  }

  /** A beat was refused, or not answered in time. */
  refused(): void {
    this.refusedInRow++;
  }

  /** Between beats: whose lease has run out since. */
  check(nowMs: number): RollChange {
    return { joined: [], leaving: [], gone: this.strikeOff(nowMs) };
  }

  /** A peer has said that it leaves; it says so again while it is still there. */
  heardLeaving(replicaId: ReplicaId, nowMs: number): RollChange {
    const isNew = this.peers.delete(replicaId);
    // A stranger that leaves has never been anybody's concern here.
    if (isNew || this.leavers.has(replicaId)) this.leavers.set(replicaId, nowMs);
    if (isNew || this.left.size < MEMBERS_MAX) {
      this.left.set(replicaId, nowMs + LEAVES_REMEMBERED * this.timing.leaseMs);
    }
    return { joined: [], leaving: isNew ? [replicaId] : [], gone: [] };
  }

  /** A peer has said that it closes. */
  heardGone(replicaId: ReplicaId, nowMs: number): RollChange {
    this.heardLeaving(replicaId, nowMs);
    return { joined: [], leaving: [], gone: this.leavers.delete(replicaId) ? [replicaId] : [] };
  }

  /** This replica leaves: it may not match from now on, owns nothing, and what is alive stays as it was last known. */
  leave(): void {
    this.isLeaving = true;
  }

  private isOut(seenMs: number, nowMs: number): boolean {
    return nowMs - seenMs >= this.timing.leaseMs;
  }

  private strikeOff(nowMs: number): ReplicaId[] {
    const gone: ReplicaId[] = [];
    for (const [replicaId, heardMs] of this.leavers) {
      if (!this.isOut(heardMs, nowMs)) continue;
      this.leavers.delete(replicaId);
      gone.push(replicaId);
    }
    if (!this.mayMatch(nowMs)) return gone.sort();
    for (const [replicaId, { seenMs }] of this.peers) {
      if (!this.isOut(seenMs, nowMs)) continue;
      this.peers.delete(replicaId);
      gone.push(replicaId);
    }
    return gone.sort();
  }
}
