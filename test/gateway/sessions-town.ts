import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import { createGatewayCounters } from '../../src/gateway/counters.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import type { Line } from '../../src/gateway/session.ts';
import { type Seat, Sessions } from '../../src/gateway/sessions.ts';
import type { Clock, Timer } from '../../src/lib/clock.ts';
import type { CloseReason } from '../../src/protocol/close-codes.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import { RecordingDesk } from './recording-desk.ts';

export const driver = { role: 'driver', driverId: 'driver-1' as DriverId } as const;
export const rider = { role: 'rider', riderId: 'rider-1' as RiderId } as const;

/** A clock that stands until it is pushed; only what these tests need of one. */
class HandClock implements Clock {
  private ms = 0;
  private readonly rounds: { periodMs: number; fire: () => void }[] = [];
  nowMs = (): number => this.ms;
  after(): Timer {
    throw new Error('sessions set no timers of their own');
  }
  every(periodMs: number, fire: () => void): Timer {
    this.rounds.push({ periodMs, fire });
    return { cancel: () => undefined };
  }
  push(ms: number): void {
    this.ms += ms;
    for (const { fire } of this.rounds) fire();
  }
}

/** One end of a connection in memory. */
export class TestLine implements Line {
  readonly got: ServerMessage[] = [];
  closedWith: CloseReason | null = null;
  congested = false;
  onClose: () => void = () => undefined;
  send(message: ServerMessage): void {
    if (this.closedWith !== null) throw new Error('sent on a closed line');
    this.got.push(message);
  }
  isCongested(): boolean {
    return this.congested;
  }
  close(reason: CloseReason): void {
    this.closedWith = reason;
    this.onClose();
  }
  get seqs(): number[] {
    return this.got.flatMap((message) => ('seq' in message && message.t !== 'welcome' ? [message.seq] : []));
  }
  get welcome(): Extract<ServerMessage, { t: 'welcome' }> {
    const [first] = this.got;
    if (first?.t !== 'welcome') throw new Error('the first message is no welcome');
    return first;
  }
}

/** Sessions before a recording desk, and what a test does with them. */
export function setUp(limits: Partial<GatewayLimits> = {}) {
  const desk = new RecordingDesk();
  const clock = new HandClock();
  const counters = createGatewayCounters();
  const errors: unknown[] = [];
  const sessions = new Sessions({
    ...{ desk, clock, epochPrefix: 'e', counters, onError: (error) => void errors.push(error) },
    limits: { outboxMax: 4, sessionTtlMs: 60_000, sessionsMax: 3, idleTimeoutS: 30, ...limits },
  });
  const join = (line: TestLine, resume: { epoch: string; seq: number } | null = null): Seat => {
    const seat = sessions.join(driver, line, resume);
    line.onClose = () => sessions.leave(seat.session, line);
    return seat;
  };
  const duty = (): void => sessions.toDriver(driver.driverId, { t: 'duty', status: 'available' });
  return { desk, clock, counters, errors, sessions, join, duty };
}
