import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

import type { Clock, Timer } from './lib/clock.ts';
import { cleanLogin, PostgresFrames } from './postgres-frames.ts';

export interface PostgresSocketOptions {
  readonly clock: Clock;
  /** Opens the connection under it; once. */
  readonly dial: () => Promise<Socket>;
  /** Asked on a connection of its own when this one has been silent for long: is the server in reach at all? */
  readonly isThere: () => Promise<boolean>;
  /**
   * Longest silence of a server that is there but whose answer may have been lost on the way; longer than any statement may take.
   * Infinity for work without a limit.
   */
  readonly silentMsMax: number;
  /** Called whenever the server has answered all that it was asked. */
  readonly onAnswer: () => void;
  /** Called once, at its end, with what went wrong. */
  readonly onClose: (error: Error | null) => void;
}

const CHECK_EVERY_MS = 500;
/** A statement that takes longer than this makes us ask whether the server is still there. */
const DOUBT_MS = 2_000;
/** A server that does not close its end in answer to ours. */
const LINGER_MS_MAX = 1_000;

/**
 * What the client library takes for its socket. It connects by itself, also encrypted, and ends with ETIMEDOUT when an answer
 * is owed and the server is out of reach: a link that swallows bytes would otherwise hold a statement for a quarter of an hour.
 */
export class PostgresSocket extends Duplex {
  readonly #options: PostgresSocketOptions;
  readonly #frames = new PostgresFrames();
  readonly #watch: Timer;
  #inner: Socket | null = null;
  /** What was written before there was a connection. */
  #waiting: { chunk: Buffer; done: (error?: Error | null) => void } | null = null;
  #heardMs: number;
  #isAsking = false;
  #hasLogin = false;
  #isFailing = false;

  constructor(options: PostgresSocketOptions) {
    super({ emitClose: false, decodeStrings: true });
    this.#options = options;
    this.#heardMs = options.clock.nowMs();
    this.#watch = options.clock.every(CHECK_EVERY_MS, () => void this.#check());
    options.dial().then(
      (inner) => this.#use(inner),
      (error: Error) => this.#fail(error),
    );
  }

  /** The library ends only what is open. */
  get readyState(): 'open' | 'closed' {
    return this.destroyed ? 'closed' : 'open';
  }

  #use(inner: Socket): void {
    if (this.destroyed) {
      inner.destroy();
      return;
    }
    this.#inner = inner;
    inner.on('data', (chunk: Buffer) => this.#hear(chunk));
    inner.on('error', (error) => this.#fail(error));
    inner.on('close', () => this.#fail(this.#cutOff()));
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting !== null) this.#send(inner, waiting.chunk, waiting.done);
  }

  /**
   * An end in the middle of something is an error: after one without, the library would log in again at once, for ever (what
   * stands behind a proxy that is there though its PostgreSQL is not).
   */
  #cutOff(): Error | undefined {
    if (this.#hasLogin && !this.#frames.owesAnswer) return undefined;
    return Object.assign(new Error('closed by PostgreSQL'), { code: 'ECONNRESET' });
  }

  #hear(chunk: Buffer): void {
    this.#heardMs = this.#options.clock.nowMs();
    const { pass, fatal } = this.#frames.heard(chunk);
    for (const part of pass) if (!this.push(part)) this.#inner?.pause();
    if (fatal !== null) this.#fail(fatal);
    else if (!this.#frames.owesAnswer) this.#options.onAnswer();
  }

  override _read(): void {
    this.#inner?.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#inner === null) this.#waiting = { chunk, done };
    else this.#send(this.#inner, chunk, done);
  }

  #send(inner: Socket, chunk: Buffer, done: (error?: Error | null) => void): void {
    if (!this.#frames.owesAnswer) this.#heardMs = this.#options.clock.nowMs();
    const isLogin = !this.#hasLogin;
    this.#hasLogin = true;
    if (isLogin) this.#frames.loginSent();
    else this.#frames.sent(chunk);
    if (inner.write(isLogin ? cleanLogin(chunk) : chunk)) done();
    else inner.once('drain', () => done());
  }

  override _final(done: () => void): void {
    this.#inner?.end();
    this.#options.clock.after(LINGER_MS_MAX, () => this.destroy());
    done();
  }

  /**
   * A turn later: who was answered just before must have heard it first. A transaction whose BEGIN was answered would else
   * not yet have asked to be told of the connection's end, and go on without it.
   */
  #fail(error: Error | undefined): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    setImmediate(() => this.destroy(error));
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#watch.cancel();
    this.#inner?.destroy();
    this.#options.onClose(error);
    done(error);
    // In the same turn, so that no statement is written to it any more. And false, "without an error": then the library also
    // fails what was written since the error, instead of taking the next connection's answers for its own.
    process.nextTick(() => this.emit('close', false));
  }

  async #check(): Promise<void> {
    const silentMs = (): number => this.#options.clock.nowMs() - this.#heardMs;
    const isDoubtful = (): boolean => !this.destroyed && this.#frames.owesAnswer && silentMs() >= DOUBT_MS;
    if (this.#inner === null || this.#isAsking || !isDoubtful()) return;
    this.#isAsking = true;
    const isThere = await this.#options.isThere();
    this.#isAsking = false;
    // Asked again: this process may itself have stood still, and the answer have lain in the socket.
    if (!isDoubtful() || (isThere && silentMs() < this.#options.silentMsMax)) return;
    const lost = new Error(`PostgreSQL has been silent for ${Math.round(silentMs() / 1000)} s`);
    this.#fail(Object.assign(lost, { code: 'ETIMEDOUT' }));
  }
}
