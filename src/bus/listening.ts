import { assert } from '../lib/assert.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Line } from './line.ts';

/** After a subscription was refused, the next try. */
const RETRY_MS = 500;
/** How often the line is asked for a sign of life. */
const CHECK_MS = 3_000;
/** How long `listen` waits for the store. */
const LISTEN_TIMEOUT_MS = 5_000;

interface Listen {
  readonly topic: string;
  readonly heard: (bytes: Uint8Array) => void;
  /** The store has confirmed it, and it was not lost since. */
  isConfirmed: boolean;
  /** A subscription is under way: one a topic at a time, so that a store that hangs is not asked ever more. */
  isAsked: boolean;
  /** Times it was lost: a confirmation of what was asked before counts for nothing. */
  losses: number;
  /** Ends the promise of `listen`; null once it has ended. */
  settle: ((failure: Error | null) => void) | null;
}

/**
 * The topics of one bus, kept subscribed over a line that comes and goes. Every change goes the same way: what is not
 * confirmed is asked for, as soon as the line is up, until it is; once all is, who waits for the gap is told.
 */
export class Listening {
  private readonly topics = new Map<string, Listen>();
  private readonly gaps: (() => void)[] = [];
  private hasMissed = false;
  private retry: Timer | null = null;
  private isClosed = false;
  private readonly check: Timer;
  private readonly line: Line;
  private readonly clock: Clock;
  private readonly log: Log;
  private readonly unwatch: () => void;

  constructor(options: { readonly line: Line; readonly clock: Clock; readonly log: Log }) {
    this.line = options.line;
    this.clock = options.clock;
    this.log = options.log;
    this.check = this.clock.every(CHECK_MS, () => this.line.check());
    this.unwatch = this.line.watch({
      lost: (topics) => this.lost(topics ?? [...this.topics.keys()]),
      back: () => this.tend(),
      heard: (topic, bytes) => this.topics.get(topic)?.heard(bytes),
    });
  }

  listen(topic: string, heard: (bytes: Uint8Array) => void): Promise<void> {
    assert(!this.topics.has(topic), `${topic} is listened to already`);
    const fields = { topic, heard, isConfirmed: false, isAsked: false, losses: 0 };
    const listen: Listen = { ...fields, settle: null };
    this.topics.set(topic, listen);
    const confirmed = new Promise<void>((resolve, reject) => {
      const timer = this.clock.after(LISTEN_TIMEOUT_MS, () => listen.settle?.(timedOut(topic)));
      listen.settle = (failure) => {
        listen.settle = null;
        timer.cancel();
        if (failure === null) resolve();
        else reject(failure);
      };
    });
    if (this.line.state === 'down') listen.settle?.(outOfReach(topic));
    else void this.ask(listen);
    return confirmed;
  }

  unlisten(topic: string): void {
    const listen = this.topics.get(topic);
    if (listen === undefined) return;
    this.topics.delete(topic);
    listen.settle?.(null);
    this.unsubscribe(topic);
    // It may have been the last that the others' gap was waiting for.
    if (this.hasMissed) this.retryLater();
  }

  onGap(gap: () => void): void {
    this.gaps.push(gap);
  }

  close(): void {
    this.isClosed = true;
    this.unwatch();
    this.check.cancel();
    this.retry?.cancel();
    for (const { topic, settle } of this.topics.values()) settle?.(outOfReach(topic));
    this.topics.clear();
  }

  private lost(topics: readonly string[]): void {
    const isDown = this.line.state === 'down';
    if (isDown && !this.hasMissed) this.log.warn({ topics: topics.length }, 'the bus is out of reach');
    this.hasMissed ||= isDown;
    for (const topic of topics) {
      const listen = this.topics.get(topic);
      if (listen === undefined) continue;
      this.hasMissed ||= listen.isConfirmed;
      listen.isConfirmed = false;
      listen.losses += 1;
      if (isDown) listen.settle?.(outOfReach(topic));
    }
  }

  private tend(): void {
    for (const listen of this.topics.values()) void this.ask(listen);
    this.tellGap();
  }

  private async ask(listen: Listen): Promise<void> {
    if (listen.isAsked || listen.isConfirmed || this.line.state !== 'up') return;
    listen.isAsked = true;
    const { losses } = listen;
    const failure = await this.line.subscribe(listen.topic).then(
      () => null,
      (error: Error) => error,
    );
    listen.isAsked = false;
    if (this.isClosed) return;
    if (this.topics.get(listen.topic) !== listen) this.unsubscribe(listen.topic);
    else if (failure !== null) this.refused(listen, failure);
    else if (losses !== listen.losses) void this.ask(listen);
    else this.confirmed(listen);
  }

  private confirmed(listen: Listen): void {
    listen.isConfirmed = true;
    listen.settle?.(null);
    this.tellGap();
  }

  private refused(listen: Listen, failure: Error): void {
    this.hasMissed = true;
    this.log.debug({ err: failure, topic: listen.topic }, 'a topic could not be listened to');
    listen.settle?.(outOfReach(listen.topic, failure));
    this.retryLater();
  }

  private retryLater(): void {
    this.retry ??= this.clock.after(RETRY_MS, () => {
      this.retry = null;
      this.tend();
    });
  }

  /** Unless somebody listens to the topic again by now. */
  private unsubscribe(topic: string): void {
    if (this.topics.has(topic) || this.line.state !== 'up') return;
    this.line.unsubscribe(topic).catch((error: unknown) => {
      // Heard from then on, it is dropped: nobody is entered for it.
      this.log.debug({ err: error, topic }, 'a topic could not be left');
    });
  }

  private tellGap(): void {
    if (!this.hasMissed || this.line.state !== 'up') return;
    for (const listen of this.topics.values()) if (!listen.isConfirmed) return;
    this.hasMissed = false;
    this.log.info({ topics: this.topics.size }, 'the bus is back');
    for (const gap of this.gaps) gap();
  }
}

function outOfReach(topic: string, cause?: Error): Error {
  return Object.assign(new Error(`could not listen to ${topic}`, { cause }), { code: 'ECONNREFUSED' });
}

function timedOut(topic: string): Error {
  const message = `could not listen to ${topic} within ${LISTEN_TIMEOUT_MS} ms`;
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' });
}
