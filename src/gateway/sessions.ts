import type { Announcement, Announcer } from '../dispatch/announcer.ts';
import { accountOf, type Desk, type Member } from '../dispatch/desk.ts';
import type { DriverId, RiderId } from '../domain/ids.ts';
import { rejected, type Result } from '../domain/rejection.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Snapshot } from '../protocol/messages.ts';
import type { GatewayCounters } from './counters.ts';
import type { GatewayLimits } from './limits.ts';
import { type Line, type ResumePoint, Session, type SessionContext } from './session.ts';

export interface SessionsOptions {
  readonly desk: Pick<Desk, 'seat' | 'snapshot'>;
  readonly clock: Clock;
  /** See SessionContext. */
  readonly epochPrefix: string;
  readonly limits: Pick<GatewayLimits, 'outboxMax' | 'sessionTtlMs' | 'sessionsMax' | 'idleTimeoutS'>;
  readonly counters: GatewayCounters;
  /** Called with what broke when a snapshot could not be loaded for a reason that is no Rejection. */
  readonly onError: (error: unknown) => void;
}

/** A line's place in a session. */
export interface Seat {
  readonly session: Session;
  /** Settles when the line has been welcomed (true) or will never be (false); never rejects. */
  readonly welcomed: Promise<boolean>;
}

/**
 * All sessions, by account: the Announcer of this process, and what resuming rests on. Knows nothing of sockets: a line is
 * whatever can send and close. A session without a connection stays for `sessionTtlMs`, unless there are more than
 * `sessionsMax` in all: then the one without a connection for longest goes first.
 */
export class Sessions implements Announcer {
  private readonly drivers = new Map<string, Session>();
  private readonly riders = new Map<string, Session>();
  /** Sessions without a connection, in the order they lost it, and since when. */
  private readonly idleSinceMs = new Map<Session, number>();
  private readonly options: SessionsOptions;
  private readonly context: SessionContext;
  private readonly sweeper: Timer;
  private epochs = 0;

  constructor(options: SessionsOptions) {
    const { clock, limits, counters } = options;
    this.options = options;
    this.context = {
      epochPrefix: options.epochPrefix,
      takeSeat: (member) => this.load(() => options.desk.seat(member)),
      loadSnapshot: (member) => this.load(() => options.desk.snapshot(member)),
      serverNowMs: () => clock.nowMs(),
      heartbeatS: limits.idleTimeoutS,
      outboxMax: limits.outboxMax,
      counters,
    };
    this.sweeper = clock.every(Math.max(1_000, limits.sessionTtlMs / 10), () => this.sweep());
  }

  toDriver(driverId: DriverId, announcement: Announcement): void {
    this.drivers.get(driverId)?.announce(announcement);
  }

  toRider(riderId: RiderId, announcement: Announcement): void {
    this.riders.get(riderId)?.announce(announcement);
  }

  hasDriver(driverId: DriverId): boolean {
    return this.drivers.has(driverId);
  }

  hasRider(riderId: RiderId): boolean {
    return this.riders.has(riderId);
  }

  dropDriver(driverId: DriverId): void {
    this.drop(this.drivers.get(driverId));
  }

  dropRider(riderId: RiderId): void {
    this.drop(this.riders.get(riderId));
  }

  /** Seats a connection of `member`; see Session.join for what it is sent. */
  join(member: Member, line: Line, resume: ResumePoint | null): Seat {
    const map = this.mapOf(member);
    let session = map.get(accountOf(member));
    if (session === undefined) {
      this.epochs += 1;
      session = new Session(this.epochs, member, this.context);
      map.set(accountOf(member), session);
    }
    this.idleSinceMs.delete(session);
    this.bound();
    return { session, welcomed: session.join(line, resume) };
  }

  /** `line` has gone. */
  leave(session: Session, line: Line): void {
    if (!session.leave(line)) return;
    this.idleSinceMs.set(session, this.options.clock.nowMs());
    this.bound();
  }

  /** Ends the sweeping; nothing else is held. */
  close(): void {
    this.sweeper.cancel();
  }

  private async load(ask: () => Promise<Result<Snapshot>>): Promise<Result<Snapshot>> {
    try {
      return await ask();
    } catch (error) {
      this.options.onError(error);
      return rejected('unavailable');
    }
  }

  /** Forgotten before its line hears of it: whoever connects from here on gets a session of its own, by a seat of its own. */
  private drop(session: Session | undefined): void {
    if (session === undefined) return;
    this.forget(session);
    this.options.counters.sessions = this.drivers.size + this.riders.size;
    session.drop();
  }

  private bound(): void {
    for (const session of this.idleSinceMs.keys()) {
      if (this.drivers.size + this.riders.size <= this.options.limits.sessionsMax) break;
      this.forget(session);
    }
    this.options.counters.sessions = this.drivers.size + this.riders.size;
  }

  private sweep(): void {
    const before = this.options.clock.nowMs() - this.options.limits.sessionTtlMs;
    for (const [session, sinceMs] of this.idleSinceMs) {
      if (sinceMs > before) break;
      this.forget(session);
    }
    this.options.counters.sessions = this.drivers.size + this.riders.size;
  }

  private forget(session: Session): void {
    this.idleSinceMs.delete(session);
    this.mapOf(session.member).delete(accountOf(session.member));
  }

  private mapOf(member: Member): Map<string, Session> {
    return member.role === 'driver' ? this.drivers : this.riders;
  }
}
