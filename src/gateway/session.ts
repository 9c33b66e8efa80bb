import type { Announcement } from '../dispatch/announcer.ts';
import type { Member } from '../dispatch/desk.ts';
import type { Result } from '../domain/rejection.ts';
import type { CloseReason } from '../protocol/close-codes.ts';
import type { ServerMessage, Snapshot } from '../protocol/messages.ts';
import type { GatewayCounters } from './counters.ts';

/** One connection as its session sees it. `close` may call back into `leave` before it returns. */
export interface Line {
  send(message: ServerMessage): void;
  /** True while earlier messages wait for the reader. */
  isCongested(): boolean;
  close(reason: CloseReason): void;
}

/** Where a client left off: the epoch it knows and the last number it saw. */
export interface ResumePoint {
  readonly epoch: string;
  readonly seq: number;
}

/** What all sessions share. */
export interface SessionContext {
  /** Begins every epoch. New for each start of the process: an epoch of an earlier one must not seem to be known. */
  readonly epochPrefix: string;
  /** Takes the account's seat from whichever replica had it, and answers the snapshot. Never rejects. */
  readonly takeSeat: (member: Member) => Promise<Result<Snapshot>>;
  /** Never rejects. */
  readonly loadSnapshot: (member: Member) => Promise<Result<Snapshot>>;
  readonly serverNowMs: () => number;
  readonly heartbeatS: number;
  readonly outboxMax: number;
  readonly counters: GatewayCounters;
}

type DriverAt = Extract<Announcement, { t: 'driver_at' }>;
type Numbered = Extract<ServerMessage, { seq: number; t: 'offer' | 'offer_closed' | 'trip' | 'duty' }>;

type Hint = Extract<Announcement, { t: 'move' }>;

/** Snapshots loaded in vain, because more was announced meanwhile than the outbox holds, before the client is sent off. */
const SNAPSHOT_LOADS_MAX = 3;

/**
 * What one account is told, in order, over connections that come and go. Every message but the hints (`driver_at`, `move`) gets
 * the next number; the last `outboxMax` are kept. A connection joins and is welcomed once, with its own past (resumed) or with a
 * snapshot; until then nothing else is sent to it, and what is announced meanwhile waits in the outbox. So a client sees
 * `welcome`, then every number after `welcome.seq` without a gap.
 */
export class Session {
  readonly member: Member;
  /** Among all sessions of the process: makes the epoch, whose text nobody keeps. */
  private readonly number: number;
  private readonly context: SessionContext;
  /** The last number given out. */
  seq = 0;
  /** The newest messages, without gaps, up to `seq`; null until there is one (most sockets idle). */
  private outbox: Numbered[] | null = null;
  private line: Line | null = null;
  /** The line has had its welcome. */
  private welcomed = false;
  /** The account's seat has been taken for the present line: from then on a snapshot is only read. */
  private isSeated = false;
  /** The newest place of the driver that the reader was not ready for; one is enough, a rider has one active trip (R2). */
  private latestAt: DriverAt | null = null;

  constructor(number: number, member: Member, context: SessionContext) {
    this.number = number;
    this.member = member;
    this.context = context;
  }

  get epoch(): string {
    return `${this.context.epochPrefix}.${this.number.toString(36)}`;
  }

  announce(announcement: Announcement): void {
    if (announcement.t === 'driver_at') return this.announceDriverAt(announcement);
    if (announcement.t === 'move') return this.announceMove(announcement);
    this.seq += 1;
    const message: Numbered = { ...announcement, seq: this.seq };
    this.outbox ??= [];
    this.outbox.push(message);
    if (this.outbox.length > this.context.outboxMax) this.outbox.shift();
    if (this.welcomed) this.line?.send(message);
  }

  private announceDriverAt(message: DriverAt): void {
    if (this.line === null) return;
    if (this.welcomed && !this.line.isCongested()) return this.line.send(message);
    if (this.latestAt !== null) this.context.counters.driverAtCoalesced += 1;
    this.latestAt = message;
  }

  /** Whoever is not ready for it now is asked another time. */
  private announceMove(message: Hint): void {
    if (this.welcomed && this.line !== null && !this.line.isCongested()) this.line.send(message);
  }

  /**
   * Makes `line` the session's connection; an older one is closed with `replaced`. Resolves to true when it has been
   * welcomed, to false when it was closed or replaced before.
   */
  async join(line: Line, resume: ResumePoint | null): Promise<boolean> {
    const older = this.line;
    this.line = line;
    this.welcomed = false;
    this.latestAt = null;
    older?.close('replaced');
    if (resume !== null && this.canResume(resume)) {
      this.context.counters.resumesMade += 1;
      return this.welcome(line, resume.seq, null);
    }
    if (resume !== null) this.context.counters.resumesMissed += 1;
    // The client may have been elsewhere since, and the news of it may have been lost.
    this.isSeated = false;
    for (let load = 0; load < SNAPSHOT_LOADS_MAX; load++) {
      // Taken before the loading: what is announced from here on may or may not be in the snapshot, and is sent as well.
      const since = this.seq;
      const loaded = await this.load();
      if (this.line !== line) return false;
      if (!loaded.ok) return this.refuse(line, 'unavailable');
      if (this.holdsAllAfter(since)) return this.welcome(line, since, loaded.value);
    }
    return this.refuse(line, 'lost_track');
  }

  /** `line` is gone; a line that was replaced before changes nothing. Answers whether the session is now without one. */
  leave(line: Line): boolean {
    if (this.line !== line) return false;
    this.line = null;
    this.welcomed = false;
    this.latestAt = null;
    return true;
  }

  /**
   * Ends the session, for another replica has the account: a line still open, welcomed or not, is closed with
   * `seated_elsewhere`. Nothing may join it any more.
   */
  drop(): void {
    const { line } = this;
    this.line = null;
    this.welcomed = false;
    this.latestAt = null;
    line?.close('seated_elsewhere');
  }

  /** The reader of `line` has caught up. */
  drained(line: Line): void {
    const message = this.latestAt;
    if (this.line !== line || !this.welcomed || message === null) return;
    this.latestAt = null;
    line.send(message);
  }

  private async load(): Promise<Result<Snapshot>> {
    if (this.isSeated) return this.context.loadSnapshot(this.member);
    const loaded = await this.context.takeSeat(this.member);
    if (loaded.ok) this.isSeated = true;
    return loaded;
  }

  private canResume(from: ResumePoint): boolean {
    return from.epoch === this.epoch && from.seq <= this.seq && this.holdsAllAfter(from.seq);
  }

  private holdsAllAfter(seq: number): boolean {
    return this.seq - seq <= (this.outbox?.length ?? 0);
  }

  private refuse(line: Line, reason: CloseReason): false {
    line.close(reason);
    return false;
  }

  private welcome(line: Line, seq: number, snapshot: Snapshot | null): boolean {
    line.send({
      t: 'welcome',
      epoch: this.epoch,
      seq,
      resumed: snapshot === null,
      serverMs: this.context.serverNowMs(),
      heartbeatS: this.context.heartbeatS,
      snapshot,
    });
    for (const message of this.outbox ?? []) {
      // A send may find the reader too slow and close the line.
      if (this.line !== line) return false;
      if (message.seq > seq) line.send(message);
    }
    if (this.line !== line) return false;
    this.welcomed = true;
    this.drained(line);
    return this.line === line;
  }
}
