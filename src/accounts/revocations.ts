import { Type } from 'typebox';
import type { Bus } from '../bus/bus.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import { readJson } from '../protocol/json-reader.ts';
import { compileCheck } from '../protocol/schema-check.ts';

/** Access tokens are good for so long, ms: a session that ended longer ago has none left. */
export const ACCESS_TOKEN_TTL_MS = 15 * 60_000;
/** How far clocks of replicas may differ, and how long a token is taken after its end, ms. */
const MARGIN_MS = 60_000;
/** Ended sessions remembered; the one that ended first goes, its tokens live to their end. */
const REVOKED_MAX = 500_000;
const SESSIONS_TOPIC = 'sessions';
const RELOAD_MS = 1_000;

export interface RevocationsOptions {
  readonly bus: Bus;
  /** The wall's: tokens live by it. */
  readonly wallClock: Clock;
  /** Ids of sessions that ended at `sinceMs` (Unix ms) or later, from the store. Rejects when it is out of reach. */
  readonly load: (sinceMs: number) => Promise<readonly string[]>;
  /** Sessions that have just become known as ended: their sockets are to be closed. */
  readonly onEnded: (sessionIds: ReadonlySet<string>) => void;
  readonly log: Pick<Log, 'warn'>;
}

const checkWord = compileCheck(
  Type.Object({ ended: Type.Array(Type.String({ maxLength: 64 }), { maxItems: 1_000 }) }),
);

/**
 * The sessions that ended while their access tokens are still good, so that a token costs a look-up in memory and no query. The store
 * is told first, by whoever ends a session; then the word goes to every replica. It is a hint (R6): after a lost connection, and when
 * a replica starts, what has ended of late is read from the store.
 */
export class Revocations {
  private readonly options: RevocationsOptions;
  /** When each became known, in that order. */
  private readonly endedMs = new Map<string, number>();
  private reloading: Timer | null = null;
  private isClosed = false;

  constructor(options: RevocationsOptions) {
    this.options = options;
  }

  /** Begins to listen, then reads what has ended. Rejects when a store is out of reach. Once. */
  async start(): Promise<void> {
    const { bus } = this.options;
    bus.onGap(() => this.reload());
    await bus.listen(SESSIONS_TOPIC, (bytes) => this.hear(bytes));
    await this.load();
  }

  has(sessionId: string): boolean {
    return this.endedMs.has(sessionId);
  }

  /** To be called once the store has it: from now on no token of these is good, here at once and elsewhere within milliseconds. */
  end(sessionIds: readonly string[]): void {
    if (sessionIds.length === 0) return;
    this.note(sessionIds);
    for (let at = 0; at < sessionIds.length; at += 1_000) {
      const ended = sessionIds.slice(at, at + 1_000);
      this.options.bus.publish(SESSIONS_TOPIC, Buffer.from(JSON.stringify({ ended })));
    }
  }

  close(): void {
    this.isClosed = true;
    this.reloading?.cancel();
  }

  private hear(bytes: Uint8Array): void {
    const parsed = readJson(bytes);
    const word = parsed.ok ? checkWord(parsed.value) : parsed;
    if (word.ok) this.note(word.value.ended);
    else this.options.log.warn({ detail: word.detail }, 'a word of ended sessions could not be read');
  }

  private note(sessionIds: readonly string[]): void {
    const nowMs = this.options.wallClock.nowMs();
    this.forgetBefore(nowMs - ACCESS_TOKEN_TTL_MS - MARGIN_MS);
    const fresh = new Set(sessionIds.filter((sessionId) => !this.endedMs.has(sessionId)));
    for (const sessionId of fresh) this.endedMs.set(sessionId, nowMs);
    if (fresh.size > 0) this.options.onEnded(fresh);
  }

  private forgetBefore(ms: number): void {
    for (const [sessionId, endedMs] of this.endedMs) {
      if (endedMs >= ms && this.endedMs.size < REVOKED_MAX) return;
      this.endedMs.delete(sessionId);
    }
  }

  private async load(): Promise<void> {
    const { load, wallClock } = this.options;
    this.note(await load(wallClock.nowMs() - ACCESS_TOKEN_TTL_MS - MARGIN_MS));
  }

  private reload(): void {
    if (this.isClosed) return;
    this.load().catch((err: unknown) => {
      this.options.log.warn({ err }, 'ended sessions could not be read: again in a second');
      this.reloading = this.options.wallClock.after(RELOAD_MS, () => this.reload());
    });
  }
}
