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
  /** The owners of zones are others, also if nobody has come or gone: a replica has lost its database, or found it again. */
  readonly isReshared: boolean;
}

interface Peer {
  /** It has beaten at this time of the local clock, or later. */
  seenMs: number;
  info: BeatInfo;
  /** The last roll did not have it. */
  isMissed: boolean;
}

/** Members taken from a roll; of more the first by id, the same on every replica. */
const MEMBERS_MAX = 1_024;
/** A beat given up later than so many `beatMs` was not refused: this process was asleep. */
const IN_TIME = 1.5;
/**
 * Who should be on the roll and is not, since the store was emptied or refused it too, has so many `beatMs` to come back: one
 * until it beats, one until that is on a roll here, and the ways.
 */
const COME_BACK = 2.25;
/** Whose lease ends so soon is missing because of that, give or take rounding and the clocks' drift. */
const NEARLY_OUT_MS = 50;
/** A leaver's last beat may reach the store late: for so many leases it is passed over on the roll. */
const LEAVES_REMEMBERED = 3;

/**
 * Who is alive, from the answers to this replica's beats and the time gone by since (design.md §7). No I/O.
 *
 * Two machines' clocks are never compared: the roll says how old a beat is by the store's clock, and from there the local one
 * counts. The answer was made at some unknown moment between the beat's beginning and its end here; ages count from its
 * BEGINNING, so a peer never looks younger than it is: a slow answer cannot keep a dead one alive beyond its lease. The own
 * lease counts from the beginning too: the store cannot have noted the beat earlier than it was sent, so nobody counts from an
 * earlier time, and this replica stands down first.
 *
 * A peer whose lease runs out between beats may have beaten since the last answer: so that is no ground to strike it off, but to
 * ask (`mustAsk`). Struck off is only who is missing on a roll just answered and whose lease is out. While the store does not
 * answer nobody is: who does not hear it knows nothing of its peers, and soon may not match anyway. Who is missing though its
 * lease is not out, or after the store has refused beats, has a while to come back (R12).
 */
export class RollCall {
  epoch = 0;
  private readonly self: ReplicaId;
  private readonly timing: ClusterTiming;
  private readonly peers = new Map<ReplicaId, Peer>();
  /** Leavers that still say so, with when they last did. */
  private readonly leavers = new Map<ReplicaId, number>();
  /** Leavers, also those gone, with when they may be forgotten. */
  private readonly left = new Map<ReplicaId, number>();
  private beganMs = -Infinity;
  private wasRefused = false;
  /** As this replica's own beat on the last roll said: what the others see. */
  private canStore = true;
  private isLeaving = false;

  constructor(self: ReplicaId, timing: ClusterTiming) {
    this.self = self;
    this.timing = timing;
  }

  /** Alive and not leaving: by id, this replica among them unless it leaves or has not been on a roll yet. */
  get members(): readonly ReplicaId[] {
    const others = [...this.peers.keys()];
    return (this.isLeaving || this.beganMs === -Infinity ? others : [...others, this.self]).sort();
  }

  /** Who owns zones: the members that reach the database, or all when none does. By id, the same for all who know the same. */
  get owners(): readonly ReplicaId[] {
    const { members } = this;
    const able = members.filter((replicaId) =>
      replicaId === this.self ? this.canStore : this.peers.get(replicaId)!.info.canStore,
    );
    return able.length > 0 ? able : members;
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
    const missing = new Set(this.peers.keys());
    const ownersBefore = this.owners.join();
    const { wasRefused } = this;
    const joined: ReplicaId[] = [];
    this.beganMs = beganMs;
    this.wasRefused = false;
    this.epoch = Math.max(this.epoch, roll.epoch);
    for (const [replicaId, untilMs] of this.left) if (untilMs <= nowMs) this.left.delete(replicaId);
    for (const { replicaId, ageMs, info } of roll.members.slice(0, MEMBERS_MAX)) {
      if (replicaId === this.self) this.canStore = info.canStore;
      if (replicaId === this.self || this.left.has(replicaId)) continue;
      const seenMs = beganMs - Math.max(0, ageMs);
      const peer = this.peers.get(replicaId);
      if (peer === undefined) {
        joined.push(replicaId);
        this.peers.set(replicaId, { seenMs, info, isMissed: false });
      } else {
        peer.seenMs = Math.max(peer.seenMs, seenMs);
        peer.info = info;
        peer.isMissed = false;
        missing.delete(replicaId);
      }
    }
    const gone = [...missing].filter((replicaId) =>
      this.isMissedForGood(replicaId, { beganMs, nowMs, wasRefused }),
    );
    for (const [replicaId, heardMs] of this.leavers) if (this.isOut(heardMs, nowMs)) gone.push(replicaId);
    for (const replicaId of gone) {
      this.peers.delete(replicaId);
      this.leavers.delete(replicaId);
    }
    const isReshared = this.owners.join() !== ownersBefore;
    return { joined: joined.sort(), leaving: [], gone: gone.sort(), isReshared };
  }

  /** A beat begun at `beganMs` was refused, or given up. */
  refused(beganMs: number, nowMs: number): void {
    if (nowMs - beganMs < IN_TIME * this.timing.beatMs) this.wasRefused = true;
  }

  /** Between beats: true when somebody's lease seems to have run out, and a roll would tell. */
  mustAsk(nowMs: number): boolean {
    if (!this.mayMatch(nowMs)) return false;
    for (const { seenMs } of this.peers.values()) if (this.isOut(seenMs, nowMs)) return true;
    for (const heardMs of this.leavers.values()) if (this.isOut(heardMs, nowMs)) return true;
    return false;
  }

  /** A peer has said that it leaves; it says so again while it is still there. */
  heardLeaving(replicaId: ReplicaId, nowMs: number): RollChange {
    const isNew = this.peers.delete(replicaId);
    // A stranger that leaves has never been anybody's concern here.
    if (isNew || this.leavers.has(replicaId)) this.leavers.set(replicaId, nowMs);
    if (isNew || this.left.size < MEMBERS_MAX) {
      this.left.set(replicaId, nowMs + LEAVES_REMEMBERED * this.timing.leaseMs);
    }
    return { joined: [], leaving: isNew ? [replicaId] : [], gone: [], isReshared: isNew };
  }

  /** A peer has said that it closes. */
  heardGone(replicaId: ReplicaId, nowMs: number): RollChange {
    this.heardLeaving(replicaId, nowMs);
    const gone = this.leavers.delete(replicaId) ? [replicaId] : [];
    return { joined: [], leaving: [], gone, isReshared: gone.length > 0 };
  }

  /** This replica leaves: it may not match from now on, owns nothing, and what is alive stays as it was last known. */
  leave(): void {
    this.isLeaving = true;
  }

  private isMissedForGood(
    replicaId: ReplicaId,
    { beganMs, nowMs, wasRefused }: { beganMs: number; nowMs: number; wasRefused: boolean },
  ): boolean {
    const { leaseMs, beatMs } = this.timing;
    const peer = this.peers.get(replicaId)!;
    const shouldBeThere = wasRefused || !this.isOut(peer.seenMs, nowMs + NEARLY_OUT_MS);
    // Once: who stays away is gone then.
    if (shouldBeThere && !peer.isMissed) {
      peer.seenMs = Math.max(peer.seenMs, beganMs + COME_BACK * beatMs - leaseMs);
    }
    peer.isMissed = true;
    return this.isOut(peer.seenMs, nowMs);
  }

  private isOut(seenMs: number, nowMs: number): boolean {
    return nowMs - seenMs >= this.timing.leaseMs;
  }
}
