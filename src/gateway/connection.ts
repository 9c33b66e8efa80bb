import type uWS from 'uWebSockets.js';
import type { AckBody, Desk, DriverCommand, Member, RiderCommand } from '../dispatch/desk.ts';
import { type Rejection, REJECTIONS, rejected, type Result } from '../domain/rejection.ts';
import type { Clock } from '../lib/clock.ts';
import { type BucketRate, takeTokens } from '../lib/token-bucket.ts';
import { CLOSE, type CloseReason } from '../protocol/close-codes.ts';
import { encode, type Encoding } from '../protocol/codec.ts';
import type { ServerMessage } from '../protocol/messages.ts';
import { countUp, type GatewayCounters } from './counters.ts';
import type { GatewayLimits } from './limits.ts';
import type { Line, Session } from './session.ts';

export type Command = DriverCommand | RiderCommand;
export type Socket = uWS.WebSocket<SocketData>;
/** What uWebSockets.js carries along; it copies these fields onto the socket itself. */
export interface SocketData {
  readonly connection: Connection;
}

/** What all connections share. */
export interface ConnectionContext {
  readonly desk: Desk;
  readonly clock: Clock;
  /** The machine's own: how long a command waits for its turn. */
  readonly wallClock: Clock;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  /** Now, to a quarter of a second: what rates are counted by, without reading a clock for each ping. */
  readonly coarse: { nowMs: number };
  /** Something broke that is nobody's "no"; logged once, here at the edge. */
  readonly onError: (error: unknown, fields: Record<string, unknown>) => void;
  /** After each answer to a command. */
  readonly onAnswer: (t: Command['t'], code: 'ok' | Rejection['code'], durationMs: number) => void;
}

interface Waiting {
  readonly command: Command;
  /** When it came, on the wall clock. */
  readonly sinceMs: number;
}

/**
 * One socket from open to close. Pings go straight to the desk; commands wait in a queue of at most `commandsInFlightMax`
 * and run one after the other, in the order they came, the first not before the welcome. Every command is answered, unless
 * the connection is gone by then; the client asks again with the same id. A command whose turn comes too late is not begun.
 */
export class Connection implements Line {
  readonly member: Member;
  readonly encoding: Encoding;
  readonly address: string;
  readonly expiresMs: number;
  /** Of the token it came in with. */
  readonly sessionId: string | null;
  badFrames = 0;
  overRate = 0;
  session: Session | null = null;
  /** What the desk said of the driver's last fixes; see Desk.pings. */
  deskHint = -1;
  private readonly context: ConnectionContext;
  /** When the buckets of fixes and commands are full again: numbers, not objects, for most sockets idle. */
  private fixesFullMs: number;
  private commandsFullMs: number;
  private socket: Socket | null = null;
  /** Commands not yet answered, the first of them running; null while there is none. */
  private queue: Waiting[] | null = null;
  private isRunning = false;
  private isWelcomed = false;
  /** Set by a drain: no new commands, and closed once the queue is empty. */
  private closesWhenIdle = false;

  constructor(
    who: Pick<Connection, 'member' | 'encoding' | 'address' | 'expiresMs' | 'sessionId'>,
    context: ConnectionContext,
  ) {
    this.member = who.member;
    this.encoding = who.encoding;
    this.address = who.address;
    this.expiresMs = who.expiresMs;
    this.sessionId = who.sessionId;
    this.context = context;
    this.fixesFullMs = context.coarse.nowMs;
    this.commandsFullMs = context.coarse.nowMs;
  }

  opened(socket: Socket): void {
    this.socket = socket;
  }

  welcomed(): void {
    this.isWelcomed = true;
    this.runNext();
  }

  /** The socket is gone: what has not begun is not begun any more. */
  closed(): void {
    this.socket = null;
    if (this.queue !== null) this.queue.length = Math.min(this.queue.length, this.isRunning ? 1 : 0);
  }

  get isOpen(): boolean {
    return this.socket !== null;
  }

  isCongested(): boolean {
    return this.socket !== null && this.socket.getBufferedAmount() > 0;
  }

  send(message: ServerMessage): void {
    if (this.socket === null) return;
    const { counters, limits } = this.context;
    const content = encode(message, this.encoding);
    const sent = this.socket.send(content, this.encoding === 'msgpack');
    countUp(counters.messagesOut, message.t);
    counters.bytesOut += Buffer.byteLength(content);
    if (sent !== 1 && this.socket.getBufferedAmount() > limits.backpressureBytesMax)
      this.close('slow_reader');
  }

  close(reason: CloseReason): void {
    if (this.socket === null) return;
    countUp(this.context.counters.closes, reason);
    const { code, why } = CLOSE[reason];
    this.socket.end(code, why);
  }

  /** Closes with `going_away`: now, or as soon as what has been accepted is answered. */
  closeWhenIdle(): void {
    this.closesWhenIdle = true;
    if (this.queue === null || this.queue.length === 0) this.close('going_away');
  }

  /** Whether `count` more fixes are within the rate; counts them either way. */
  admitsFixes(count: number, rate: BucketRate): boolean {
    const { counters, coarse } = this.context;
    const fullMs = takeTokens(this.fixesFullMs, rate, coarse.nowMs, count);
    if (fullMs === null) {
      counters.fixesDropped += count;
      this.wasOverRate();
      return false;
    }
    this.fixesFullMs = fullMs;
    counters.fixesIn += count;
    return true;
  }

  /** Takes a command in, or says why not; the answer to it follows in its turn. */
  submit(command: Command): void {
    const refusal = this.refusalOf();
    if (refusal !== null) return this.refuse(refusal, command.id);
    this.queue ??= [];
    this.queue.push({ command, sinceMs: this.context.wallClock.nowMs() });
    this.runNext();
  }

  /** For what is no command of this role: it costs as much, so that it cannot be sent without end. */
  refuseUnknown(rejection: Rejection, id: string | null): void {
    this.refuse(this.refusalOf() ?? rejection, id);
  }

  refuse(rejection: Rejection, id: string | null): void {
    const { message, retryable } = REJECTIONS[rejection.code];
    const text = rejection.detail === undefined ? message : `${message}: ${rejection.detail}`;
    this.send({ t: 'error', id, code: rejection.code, message: text, retryable });
  }

  private refusalOf(): Rejection | null {
    const { counters, limits, coarse } = this.context;
    if (this.closesWhenIdle) return rejected('draining');
    const fullMs = takeTokens(this.commandsFullMs, limits.commands, coarse.nowMs, 1);
    if (fullMs === null) {
      counters.rateLimited += 1;
      this.wasOverRate();
      return rejected('rate_limited');
    }
    this.commandsFullMs = fullMs;
    if (this.queue === null || this.queue.length < limits.commandsInFlightMax) return null;
    counters.overloaded += 1;
    return rejected('overloaded', 'wait for answers before sending more');
  }

  private refusalOfLate(): Rejection {
    this.context.counters.turnsMissed += 1;
    return rejected('unavailable', 'not begun: the commands before it took too long');
  }

  private wasOverRate(): void {
    this.overRate += 1;
    if (this.overRate > this.context.limits.overRateMax) this.close('rate_abuse');
  }

  private runNext(): void {
    const next = this.queue?.[0];
    if (next === undefined || this.isRunning || !this.isWelcomed) return;
    this.isRunning = true;
    void this.run(next);
  }

  /** Never rejects. */
  private async run({ command, sinceMs }: Waiting): Promise<void> {
    const { clock, wallClock, limits, onAnswer } = this.context;
    const beganMs = clock.nowMs();
    const isLate = wallClock.nowMs() - sinceMs > limits.turnMsMax;
    const result = isLate ? this.refusalOfLate() : await this.perform(command);
    this.isRunning = false;
    this.queue?.shift();
    if (result.ok) this.send({ t: 'ack', id: command.id, ...result.value });
    else this.refuse(result, command.id);
    onAnswer(command.t, result.ok ? 'ok' : result.code, clock.nowMs() - beganMs);
    if (this.queue?.length === 0) this.queue = null;
    if (this.queue === null && this.closesWhenIdle) return this.close('going_away');
    this.runNext();
  }

  private async perform(command: Command): Promise<Result<AckBody>> {
    const { desk, onError } = this.context;
    const { member } = this;
    try {
      // The decoder of this role made the command: the other role's cannot be here.
      if (member.role === 'driver') return await desk.driver(member.driverId, command as DriverCommand);
      return await desk.rider(member.riderId, command as RiderCommand);
    } catch (error) {
      onError(error, { command: command.t, commandId: command.id });
      return rejected('unavailable');
    }
  }
}
