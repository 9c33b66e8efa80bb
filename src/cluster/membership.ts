import type { BeatInfo, Beats, Roll } from '../bus/beats.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Prng } from '../lib/prng.ts';
import { Pulse } from './pulse.ts';
import { RollCall, type RollChange } from './roll-call.ts';
import type { ClusterTiming } from './timing.ts';

export interface MembershipOptions {
  readonly self: ReplicaId;
  readonly beats: Beats;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Log;
  readonly timing: ClusterTiming;
  /** For the beat. */
  readonly info: () => BeatInfo;
  /** The first roll has been answered: `changed` follows even when nobody else is there, and before `join` resolves. */
  readonly joined: () => void;
  readonly changed: (change: RollChange) => void;
  /** The number of a peer's last news, as its beat said. */
  readonly told: (from: ReplicaId, newsSeq: number) => void;
  /** This replica was out of touch for a lease or longer and is back: the others may have struck it off meanwhile. */
  readonly returned: () => void;
  /** Every `checkMs` while a member, when leases are looked at. */
  readonly checked: () => void;
}

/** In this order, none twice. */
type Phase = 'new' | 'joining' | 'in' | 'leaving' | 'closed';

/** This replica's place on the roll, from joining to leaving: the beats and what they say, told to who asked for it. */
export class Membership {
  refusedBeats = 0;
  private readonly options: MembershipOptions;
  private readonly roll: RollCall;
  private readonly pulse: Pulse;
  private phase: Phase = 'new';
  private joining: { resolve(this: void): void; reject(this: void, error: Error): void } | null = null;
  private checkTimer: Timer | null = null;

  constructor(options: MembershipOptions) {
    const { self, beats, clock, prng, timing, info } = options;
    this.options = options;
    this.roll = new RollCall(self, timing);
    this.pulse = new Pulse({
      beats,
      clock,
      prng,
      timing,
      info,
      knownEpoch: () => this.roll.epoch,
      answered: (roll, beganMs) => this.answered(roll, beganMs),
      refused: (error, beganMs) => this.refused(error, beganMs),
    });
  }

  get epoch(): number {
    return this.roll.epoch;
  }

  /** Alive and not leaving, by id. */
  get members(): readonly ReplicaId[] {
    return this.roll.members;
  }

  /** Owners of zones: by id. */
  get owners(): readonly ReplicaId[] {
    return this.roll.owners;
  }

  /** Every other replica that is alive, those that leave included; by id. */
  get others(): readonly ReplicaId[] {
    return this.roll.others;
  }

  /** Null for this replica, for one that leaves and for a stranger. */
  infoOf(replicaId: ReplicaId): BeatInfo | null {
    return this.roll.infoOf(replicaId);
  }

  /** Since the last answered beat began; Infinity before the first. */
  get leaseAgeMs(): number {
    return this.roll.leaseAgeMs(this.options.clock.nowMs());
  }

  get mayMatch(): boolean {
    return this.phase === 'in' && this.roll.mayMatch(this.options.clock.nowMs());
  }

  get isLeaving(): boolean {
    return this.phase === 'leaving';
  }

  /** True until it leaves, and from when it has joined. */
  get isIn(): boolean {
    return this.phase === 'in';
  }

  /** Resolves with the first answer; rejects when the first beat is refused. */
  join(): Promise<void> {
    this.phase = 'joining';
    return new Promise((resolve, reject) => {
      this.joining = { resolve, reject };
      this.pulse.beatNow();
    });
  }

  /** Somebody has just come or gone: asks for the roll without waiting for the next beat. */
  beatNow(): void {
    if (this.phase === 'in') this.pulse.beatNow();
  }

  /** From now on this replica may not match and owns nothing; `members` and `others` stay as they are but for what peers say. */
  standDown(): void {
    this.phase = 'leaving';
    this.roll.leave();
    this.checkTimer?.cancel();
  }

  /** Off the roll, after `standDown`. Resolves also when the store could not be asked: then the lease runs out. */
  async leave(): Promise<void> {
    await this.pulse.stop();
    await this.options.beats.leave().catch((error: unknown) => {
      this.options.log.warn({ err: error }, 'could not leave the roll: the others strike this replica off');
    });
  }

  close(): void {
    this.phase = 'closed';
    this.roll.leave();
    this.pulse.close();
    this.checkTimer?.cancel();
    this.joining?.reject(new Error('closed while joining'));
    this.joining = null;
  }

  heardLeaving(replicaId: ReplicaId): void {
    this.tell(this.roll.heardLeaving(replicaId, this.options.clock.nowMs()));
  }

  heardGone(replicaId: ReplicaId): void {
    this.tell(this.roll.heardGone(replicaId, this.options.clock.nowMs()));
  }

  private answered(roll: Roll, beganMs: number): void {
    const { clock, timing, told, joined, changed, returned } = this.options;
    const quietMs = this.roll.leaseAgeMs(beganMs);
    const change = this.roll.answered(roll, beganMs, clock.nowMs());
    if (change === null)
      return this.refused(new Error('a beat was answered too late to mean anything'), beganMs);
    for (const { replicaId, info } of roll.members) {
      if (this.roll.infoOf(replicaId) !== null) told(replicaId, info.newsSeq);
    }
    if (this.phase === 'joining') {
      this.phase = 'in';
      this.checkTimer = clock.every(timing.checkMs, () => this.check());
      joined();
      changed(change);
    } else {
      this.tell(change);
      if (quietMs >= timing.leaseMs) returned();
    }
    this.joining?.resolve();
    this.joining = null;
  }

  private refused(error: Error, beganMs: number): void {
    this.refusedBeats++;
    this.roll.refused(beganMs, this.options.clock.nowMs());
    this.options.log.debug({ err: error }, 'a beat was not answered');
    this.joining?.reject(error);
    this.joining = null;
  }

  private check(): void {
    if (this.roll.mustAsk(this.options.clock.nowMs())) this.pulse.beatNow();
    this.options.checked();
  }

  private tell(change: RollChange): void {
    const { joined, leaving, gone, isReshared } = change;
    if (isReshared || joined.length + leaving.length + gone.length > 0) this.options.changed(change);
  }
}
