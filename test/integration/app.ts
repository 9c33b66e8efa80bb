import { WebSocket } from 'ws';
import type { Place } from '../../src/domain/place.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { decodeServerMessage, encode, type Encoding, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { ServerMessage, TripView } from '../../src/protocol/messages.ts';

type Type = ServerMessage['t'];
export type OfType<T extends Type> = Extract<ServerMessage, { t: T }>;
export type Answer = OfType<'ack'> | OfType<'error'>;

/** A command without its id, which the app makes. */
export interface Command {
  readonly t: string;
  readonly [field: string]: unknown;
}

/** Where an app left off. */
export interface LeftOff {
  readonly epoch: string;
  readonly seq: number;
}

export interface AppOptions {
  readonly url: string;
  readonly token: string;
  /** For messages of failed tests. */
  readonly name: string;
  readonly encoding: Encoding;
  /** What its GPS fixes are dated by. */
  readonly clock: Clock;
  readonly resume?: LeftOff;
}

/** The longest that anything is waited for, wall ms. */
const WAIT_MS = 15_000;
const wall = createWallClock();
let commands = 0;

/**
 * A driver's or rider's app on a real socket. Every message is decoded by the contract and numbered messages must come without a
 * gap. Answers go to whoever asked; the rest waits in the order it came until a test asks for it.
 */
export class App {
  /** All that has come, answers aside. */
  readonly seen: ServerMessage[] = [];
  /** Resolves with the close code. */
  readonly gone: Promise<number>;
  leftOff: LeftOff = { epoch: '', seq: 0 };
  private readonly options: AppOptions;
  private readonly socket: WebSocket;
  private readonly inbox: ServerMessage[] = [];
  private readonly answers = new Map<string, Answer>();
  private closeCode: number | null = null;
  private trouble: string | null = null;
  private wake = (): void => undefined;

  /** Connects and takes the welcome. */
  static async connect(options: AppOptions): Promise<{ app: App; welcome: OfType<'welcome'> }> {
    const app = new App(options);
    return { app, welcome: await app.wait('welcome') };
  }

  private constructor(options: AppOptions) {
    this.options = options;
    const { url, token, encoding, resume } = options;
    const query = resume === undefined ? '' : `?epoch=${resume.epoch}&seq=${resume.seq}`;
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/v1/socket${query}`, SUBPROTOCOLS[encoding], {
      headers: { authorization: `Bearer ${token}` },
    });
    this.socket.on('message', (data: Buffer) => this.receive(data));
    this.socket.on('error', (error) => {
      this.trouble ??= error.message;
      this.wake();
    });
    this.gone = new Promise((resolve) => {
      this.socket.on('close', (code) => {
        this.closeCode = code;
        resolve(code);
        this.wake();
      });
    });
  }

  private receive(data: Buffer): void {
    const decoded = decodeServerMessage(data, this.options.encoding);
    if (!decoded.ok) this.trouble ??= `a frame not of the contract: ${decoded.detail ?? ''}`;
    else this.take(decoded.value);
    this.wake();
  }

  private take(message: ServerMessage): void {
    if ((message.t === 'ack' || message.t === 'error') && message.id !== null) {
      this.answers.set(message.id, message);
      return;
    }
    if (message.t === 'welcome') this.leftOff = { epoch: message.epoch, seq: message.seq };
    else if ('seq' in message) {
      if (message.seq !== this.leftOff.seq + 1)
        this.trouble ??= `number ${message.seq} after ${this.leftOff.seq}`;
      this.leftOff = { ...this.leftOff, seq: message.seq };
    }
    this.seen.push(message);
    this.inbox.push(message);
  }

  /** The next message of type `t` that fits; others stay where they are. */
  wait<T extends Type>(
    t: T,
    fits: (message: OfType<T>) => boolean = () => true,
    what: string = t,
  ): Promise<OfType<T>> {
    return this.until(what, () => {
      const at = this.inbox.findIndex((message) => message.t === t && fits(message as OfType<T>));
      return at < 0 ? undefined : (this.inbox.splice(at, 1)[0] as OfType<T>);
    });
  }

  /** The trip as announced in this state. */
  async trip(status: TripView['status']): Promise<TripView> {
    return (await this.wait('trip', ({ trip }) => trip.status === status, `trip ${status}`)).trip;
  }

  /** Sends a command and takes its answer, whatever it is. `id`: its idempotency key, a new one by default. */
  async ask(command: Command, id = `key-${(commands += 1)}`): Promise<Answer> {
    const message: Command = { ...command, id };
    this.socket.send(encode(message, this.options.encoding));
    return this.until(`answer to ${command.t}`, () => {
      const answer = this.answers.get(id);
      this.answers.delete(id);
      return answer;
    });
  }

  /** Sends a command that must be done. */
  async done(command: Command, id?: string): Promise<OfType<'ack'>> {
    const answer = await this.ask(command, id);
    if (answer.t === 'error') throw new Error(`${this.options.name}: ${command.t} refused: ${answer.code}`);
    return answer;
  }

  /** Sends a command that must be refused; answers the code. */
  async refused(command: Command, id?: string): Promise<string> {
    const answer = await this.ask(command, id);
    return answer.t === 'error' ? answer.code : `${command.t} was done`;
  }

  /** One GPS fix, taken `agoMs` ago. */
  ping(place: Place, { agoMs = 0, speedMps = 8 }: { agoMs?: number; speedMps?: number } = {}): void {
    const atMs = this.options.clock.nowMs() - agoMs;
    const message: Command = { t: 'ping', p: [atMs, place.lat, place.lng, 5, speedMps, null] };
    this.socket.send(encode(message, this.options.encoding));
  }

  /** Sends bytes as they are. */
  raw(bytes: Buffer | string): void {
    this.socket.send(bytes);
  }

  count(t: Type): number {
    return this.seen.filter((message) => message.t === t).length;
  }

  /** Gone without a word, like a phone in a tunnel. */
  async drop(): Promise<LeftOff> {
    this.socket.terminate();
    await this.gone;
    return this.leftOff;
  }

  private async until<R>(what: string, find: () => R | undefined): Promise<R> {
    const { name } = this.options;
    let isLate = false;
    const timer = wall.after(WAIT_MS, () => {
      isLate = true;
      this.wake();
    });
    try {
      for (;;) {
        if (this.trouble !== null) throw new Error(`${name}: ${this.trouble}`);
        const found = find();
        if (found !== undefined) return found;
        const has = `has ${this.inbox.map((message) => message.t).join(', ') || 'nothing'}`;
        if (this.closeCode !== null)
          throw new Error(`${name}: closed with ${this.closeCode} before ${what}; ${has}`);
        if (isLate) throw new Error(`${name}: waited ${WAIT_MS} ms for ${what}; ${has}`);
        const others = this.wake;
        await new Promise<void>((resolve) => {
          this.wake = () => {
            others();
            resolve();
          };
        });
      }
    } finally {
      timer.cancel();
    }
  }
}
