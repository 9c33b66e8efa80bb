import type { RejectionCode } from '../../domain/rejection.ts';
import type { ResumePoint } from '../../gateway/session.ts';
import { assert } from '../../lib/assert.ts';
import type { Clock, Timer } from '../../lib/clock.ts';
import type { Prng } from '../../lib/prng.ts';
import { afterClose, CLOSE } from '../../protocol/close-codes.ts';
import type { ServerMessage, Snapshot } from '../../protocol/messages.ts';
import type { PhoneHabits } from './habits.ts';
import type { Line, OpenLine } from './line.ts';
import { ServerChoice } from './server-choice.ts';

type Ack = Extract<ServerMessage, { t: 'ack' }>;
type Welcome = Extract<ServerMessage, { t: 'welcome' }>;
type Refusal = Extract<ServerMessage, { t: 'error' }>;
type Move = Extract<ServerMessage, { t: 'move' }>;
/** What the server tells without being asked. */
export type Told = Extract<ServerMessage, { t: 'offer' | 'offer_closed' | 'trip' | 'driver_at' | 'duty' }>;
/** The final answer to a command: retryable errors are retried and not seen here. */
export type Answer =
  { readonly ok: true; readonly ack: Ack } | { readonly ok: false; readonly code: RejectionCode };
type WithoutId<C> = C extends { id: string } ? Omit<C, 'id'> : never;

/** The app on the phone. */
export interface PhoneOwner {
  /** Connected; with a snapshot what the app thought before may be wrong. Commands not answered are on their way again. */
  welcomed(snapshot: Snapshot | null): void;
  told(message: Told): void;
  /** The server said not to come back, by its close code. */
  stopped(code: number): void;
  /** Whether it suits now to connect to another server, which takes a moment; absent: it never does. */
  mayMove?(): boolean;
}

/** What happened on the line, for summaries and for tests. */
export interface PhoneCounts {
  connections: number;
  resumed: number;
  snapshots: number;
  /** Commands sent again with the same id. */
  repeats: number;
  /** Numbered messages missing in between: never, if the server is right. */
  gaps: number;
  /** Numbered messages that had been seen. */
  duplicates: number;
  /** Connected elsewhere because the server asked for it. */
  moves: number;
  /** Lines given up because the server was silent. */
  silences: number;
}

/** Shared by all phones of one side: counting each by itself would cost memory and tell no more. */
export const createPhoneCounts = (): PhoneCounts => ({
  connections: 0,
  resumed: 0,
  snapshots: 0,
  repeats: 0,
  gaps: 0,
  duplicates: 0,
  moves: 0,
  silences: 0,
});

export interface PhoneOptions<M> {
  readonly clock: Clock;
  readonly prng: Prng;
  readonly habits: PhoneHabits;
  readonly line: OpenLine<M>;
  /** Base URLs of servers that do equally well; none: the line knows its way, and a silent server is waited for. */
  readonly servers?: readonly string[];
  /** Command ids begin with it: new for each run, or an old run's answers come back. */
  readonly idPrefix: string;
  readonly owner: PhoneOwner;
  readonly counts: PhoneCounts;
}

interface Pending<M> {
  readonly message: M;
  readonly answered: (answer: Answer) => void;
  sends: number;
  /** Time-outs on the present line, without a word from the server about it. */
  silences: number;
  timer: Timer | null;
}

/** Commands under way at once; an app that has more is wrong. The gateway takes 8. */
const PENDING_MAX = 8;
/** Time-outs of one command on one line: then its server is taken for frozen. */
const SILENCES_MAX = 2;
/** Seats lost within this time, and so many of them: two apps use the account, and this one gives in. */
const CONTEST_MS = 60_000;
const SEAT_LOSSES_MAX = 3;

/**
 * A phone's software below the app: stays connected while switched on, resumes by epoch and number, gives every command an
 * id and repeats it with that id, after a lost connection, a time-out or a retryable error, until it has an answer (R5). A server
 * that fails, goes away or is silent is left for the next; after a lost line it is tried once more, for it may resume.
 */
export class Phone<M extends { t: string }> {
  private readonly options: PhoneOptions<M>;
  private readonly line: Line<M>;
  private readonly servers: ServerChoice;
  private readonly pending = new Map<string, Pending<M>>();
  private resume: ResumePoint | null = null;
  private state: 'off' | 'connecting' | 'welcomed' | 'waiting' = 'off';
  /** Waiting for the welcome, for a sign of life, or to connect again. */
  private timer: Timer | null = null;
  private commands = 0;
  private failures = 0;
  /** When the server was last heard. */
  private heardMs = 0;
  /** When the account's seat was lately taken by another replica. */
  private seatLosses: number[] = [];

  constructor(options: PhoneOptions<M>) {
    this.options = options;
    this.servers = new ServerChoice(options.servers ?? [], options.prng);
    this.line = options.line({
      received: (message) => this.received(message),
      closed: (code) => this.closed(code),
      heard: () => this.heard(),
    });
  }

  /** True from the welcome until the line is lost. */
  get isConnected(): boolean {
    return this.state === 'welcomed';
  }

  get isOn(): boolean {
    return this.state !== 'off';
  }

  switchOn(): void {
    if (this.state === 'off') this.connect();
  }

  /** Closes; commands without an answer are forgotten, the place to resume from is not. */
  switchOff(): void {
    if (this.state === 'off') return;
    this.hangUp();
    this.state = 'off';
    this.pending.clear();
  }

  /** The line drops without a word, and is tried again after `outageMs`. */
  lose(outageMs: number): void {
    if (this.state === 'off') return;
    this.hangUp();
    this.wait(outageMs);
  }

  /** Sends, now or once connected, until answered; `answered` is called once, unless the phone is switched off before. */
  command(body: WithoutId<M>, answered: (answer: Answer) => void): void {
    assert(this.pending.size < PENDING_MAX, 'an app waits for answers before it asks for more');
    const id = `${this.options.idPrefix}-${(this.commands++).toString(36)}`;
    const message = { ...body, id } as unknown as M;
    const pending: Pending<M> = { message, answered, sends: 0, silences: 0, timer: null };
    this.pending.set(id, pending);
    this.sendPending(pending);
  }

  /** Sends what is not answered; false without a connection. */
  push(message: M): boolean {
    if (this.state !== 'welcomed') return false;
    this.line.send(message);
    return true;
  }

  private connect(): void {
    const { clock, habits, counts } = this.options;
    this.state = 'connecting';
    counts.connections += 1;
    this.timer = clock.after(habits.answerTimeoutMs, () => this.giveUp());
    this.line.open(this.resume, this.servers.url);
  }

  /** The server does not answer: on to the next. */
  private giveUp(): void {
    this.options.counts.silences += 1;
    this.hangUp();
    this.servers.tryNext();
    this.wait(this.backoffMs(this.failures++));
  }

  private hangUp(): void {
    this.timer?.cancel();
    this.timer = null;
    for (const pending of this.pending.values()) pending.timer?.cancel();
    if (this.state === 'connecting' || this.state === 'welcomed') this.line.close();
  }

  private wait(delayMs: number): void {
    this.state = 'waiting';
    this.timer = this.options.clock.after(delayMs, () => this.connect());
  }

  /** Full jitter: those who lost the same server come back spread over the whole pause. */
  private backoffMs(failures: number): number {
    const { habits, prng } = this.options;
    return Math.min(habits.retryMsMax, habits.retryMs * 2 ** Math.min(failures, 20)) * prng.float();
  }

  private closed(code: number): void {
    if (this.state !== 'connecting' && this.state !== 'welcomed') return;
    const wasWelcomed = this.state === 'welcomed';
    this.state = 'waiting';
    this.hangUp();
    const next = code === CLOSE.seated_elsewhere.code && this.isContested() ? 'stop' : afterClose(code);
    if (!wasWelcomed || code === CLOSE.going_away.code) this.servers.tryNext();
    if (next === 'stop') {
      this.state = 'off';
      this.pending.clear();
      this.options.owner.stopped(code);
    } else if (next === 'reconnect_now' && wasWelcomed) {
      this.wait(this.options.prng.float() * this.options.habits.retryMs);
    } else {
      this.wait(this.backoffMs(wasWelcomed ? 0 : this.failures++));
    }
  }

  /** The account is seated elsewhere, once more: true when another app must be using it. */
  private isContested(): boolean {
    const nowMs = this.options.clock.nowMs();
    this.seatLosses = this.seatLosses.filter((atMs) => nowMs - atMs < CONTEST_MS);
    this.seatLosses.push(nowMs);
    return this.seatLosses.length >= SEAT_LOSSES_MAX;
  }

  private received(message: ServerMessage): void {
    this.heard();
    if (message.t === 'welcome') return this.welcomed(message);
    if (this.state !== 'welcomed') return;
    switch (message.t) {
      case 'ack':
        return this.answered(message.id, { ok: true, ack: message });
      case 'error':
        return this.refused(message);
      case 'driver_at':
        return this.options.owner.told(message);
      case 'move':
        return this.askedToMove(message);
      default:
        return this.numbered(message);
    }
  }

  private welcomed(welcome: Welcome): void {
    const { counts, owner } = this.options;
    this.timer?.cancel();
    this.timer = null;
    this.failures = 0;
    this.state = 'welcomed';
    this.listenForLife();
    if (welcome.resumed) counts.resumed += 1;
    else {
      counts.snapshots += 1;
      this.resume = { epoch: welcome.epoch, seq: welcome.seq };
    }
    for (const pending of [...this.pending.values()]) {
      pending.silences = 0;
      this.sendPending(pending);
    }
    owner.welcomed(welcome.snapshot);
  }

  private heard(): void {
    this.heardMs = this.options.clock.nowMs();
  }

  /** A frozen server keeps its connections: the phone asks when it has heard nothing for long, and then goes. */
  private listenForLife(): void {
    // With no server to choose there is nowhere to go, and asking costs the server as much as a ping does.
    if (this.line.probe === undefined || this.servers.url === null) return;
    const { clock, habits } = this.options;
    const quietMs = clock.nowMs() - this.heardMs;
    if (quietMs >= 2 * habits.answerTimeoutMs) return this.giveUp();
    if (quietMs >= habits.answerTimeoutMs) this.line.probe();
    const lookInMs =
      quietMs >= habits.answerTimeoutMs ? habits.answerTimeoutMs : habits.answerTimeoutMs - quietMs;
    this.timer = clock.after(lookInMs, () => this.listenForLife());
  }

  /** It is close-then-open: what is told in between is in the snapshot that the new server gives. */
  private askedToMove({ url }: Move): void {
    const { owner, counts } = this.options;
    if (url === null || url === this.servers.url || this.pending.size > 0 || owner.mayMove?.() !== true)
      return;
    counts.moves += 1;
    this.servers.goTo(url);
    this.hangUp();
    this.connect();
  }

  private numbered(message: Exclude<Told, { t: 'driver_at' }>): void {
    const { counts, owner, prng, habits } = this.options;
    assert(this.resume !== null, 'numbered messages follow a welcome');
    const { epoch, seq: seen } = this.resume;
    if (message.seq <= seen) {
      counts.duplicates += 1;
      return;
    }
    if (message.seq > seen + 1) {
      counts.gaps += 1;
      this.resume = null;
      return this.lose(prng.float() * habits.retryMs);
    }
    this.resume = { epoch, seq: message.seq };
    owner.told(message);
  }

  private sendPending(pending: Pending<M>): void {
    if (this.state !== 'welcomed') return;
    if (pending.sends > 0) this.options.counts.repeats += 1;
    const { clock, habits } = this.options;
    pending.timer?.cancel();
    // Grows with each line that was given up for it: a store that is slow for all is not to be stormed.
    const patienceMs = habits.answerTimeoutMs * 2 ** Math.min(Math.floor(pending.sends / SILENCES_MAX), 4);
    pending.timer = clock.after(patienceMs, () => this.unanswered(pending));
    pending.sends += 1;
    this.line.send(pending.message);
  }

  private unanswered(pending: Pending<M>): void {
    pending.silences += 1;
    if (this.servers.url === null || pending.silences < SILENCES_MAX) this.sendPending(pending);
    else this.giveUp();
  }

  private answered(id: string, answer: Answer): void {
    const pending = this.pending.get(id);
    // The answer to a repeat of what has been answered.
    if (pending === undefined) return;
    pending.timer?.cancel();
    this.pending.delete(id);
    pending.answered(answer);
  }

  private refused({ id, code, retryable }: Refusal): void {
    if (id === null) return;
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    if (!retryable) return this.answered(id, { ok: false, code });
    pending.timer?.cancel();
    pending.silences = 0;
    const delayMs = this.backoffMs(pending.sends - 1);
    pending.timer = this.options.clock.after(delayMs, () => this.sendPending(pending));
  }
}
