import type { ReplicaId } from '../domain/ids.ts';
import type { Clock } from '../lib/clock.ts';
import type { BeatInfo, Beats, Roll } from './beats.ts';

/** Who has not beaten for so many leases is forgotten. */
const FORGOTTEN_AFTER_LEASES = 20;

interface Entry {
  readonly atMs: number;
  readonly info: BeatInfo;
}

/** One Redis, as far as the beats go. `clock` is Redis' own; `leaseMs` the same for all. */
export class MemoryBeatsHub {
  private readonly clock: Clock;
  private readonly leaseMs: number;
  private readonly entries = new Map<ReplicaId, Entry>();
  private epoch = 0;
  /** The ids that `epoch` stands for; null before any, and after Redis was emptied. */
  private alive: string | null = null;

  constructor(clock: Clock, leaseMs: number) {
    this.clock = clock;
    this.leaseMs = leaseMs;
  }

  connect(replicaId: ReplicaId): MemoryBeats {
    return new MemoryBeats(replicaId, this);
  }

  /** As FLUSHALL does. */
  empty(): void {
    this.entries.clear();
    this.epoch = 0;
    this.alive = null;
  }

  /** For MemoryBeats: what the script in Redis does. */
  beat(replicaId: ReplicaId, info: BeatInfo, knownEpoch: number): Roll {
    const nowMs = this.clock.nowMs();
    this.entries.set(replicaId, { atMs: nowMs, info: { ...info } });
    const members = [...this.entries]
      .map(([id, entry]) => ({ replicaId: id, ageMs: nowMs - entry.atMs, info: entry.info }))
      .sort((a, b) => (a.replicaId < b.replicaId ? -1 : 1));
    for (const { replicaId: id, ageMs } of members) {
      if (ageMs >= this.leaseMs * FORGOTTEN_AFTER_LEASES) this.entries.delete(id);
    }
    const living = members.filter(({ ageMs }) => ageMs <= this.leaseMs);
    const alive = living.map((member) => member.replicaId).join(' ');
    this.epoch = Math.max(this.epoch, knownEpoch) + (alive === this.alive ? 0 : 1);
    this.alive = alive;
    return { epoch: this.epoch, members: living };
  }

  leave(replicaId: ReplicaId): void {
    this.entries.delete(replicaId);
  }
}

class MemoryBeats implements Beats {
  private isReachable = true;
  private readonly replicaId: ReplicaId;
  private readonly hub: MemoryBeatsHub;

  /** Made by MemoryBeatsHub.connect. */
  constructor(replicaId: ReplicaId, hub: MemoryBeatsHub) {
    this.replicaId = replicaId;
    this.hub = hub;
  }

  /** Cuts this replica's connection, or mends it: while it is cut everything rejects with `code` ECONNREFUSED. */
  setReachable(isReachable: boolean): void {
    this.isReachable = isReachable;
  }

  async beat(info: BeatInfo, knownEpoch: number): Promise<Roll> {
    this.checkReachable();
    return this.hub.beat(this.replicaId, info, knownEpoch);
  }

  async leave(): Promise<void> {
    this.checkReachable();
    this.hub.leave(this.replicaId);
  }

  private checkReachable(): void {
    if (!this.isReachable)
      throw Object.assign(new Error('could not beat in memory'), { code: 'ECONNREFUSED' });
  }
}
