import type { Bus } from '../bus/bus.ts';
import type { News } from '../dispatch/peers.ts';
import type { ReplicaId } from '../domain/ids.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import { decodeFrame, encodeItem, joinFrame, kindOf } from './frame.ts';
import { HeardNumbers } from './heard-numbers.ts';
import type { ClusterTiming } from './timing.ts';
import { NEWS_TOPIC } from './topics.ts';
import { isNewsKind, readWord, type Word } from './word.ts';

/** Items of one frame; so many in one turn of the loop go out at once, and the rest in further frames. */
const NEWS_FRAME_ITEMS_MAX = 500;
/** Bytes of one frame, but for a single item that is longer. */
const NEWS_FRAME_BYTES_MAX = 256 * 1024;

export interface NewsFeedOptions {
  readonly self: ReplicaId;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly timing: ClusterTiming;
  /** Whether anybody is there to be told: otherwise frames are numbered, so that who comes finds out, but not sent. */
  readonly hasOthers: () => boolean;
  readonly learn: (news: News, from: ReplicaId) => void;
  readonly heardWord: (word: Word, from: ReplicaId) => void;
  /** Any frame of another replica that could be read, before what is in it. */
  readonly heardFrom: (from: ReplicaId) => void;
  readonly lostTrack: () => void;
}

/** For metrics, since the start. */
export interface NewsCounts {
  /** Items and frames sent; frames nobody was there for. */
  toldItems: number;
  toldFrames: number;
  unsentFrames: number;
  heardItems: number;
  heardFrames: number;
  repeatedFrames: number;
  /** Frames of another version or damaged, items of kinds not known here. */
  unreadFrames: number;
  unknownItems: number;
  /** Times that frames were found missing, and `lostTrack` calls that came of it and of all other causes. */
  gaps: number;
  lostTracks: number;
}

/** News both ways: told once to all, one frame a turn of the loop, numbered; heard once, and losses noticed (R6). */
export class NewsFeed {
  readonly counts: NewsCounts = {
    toldItems: 0,
    toldFrames: 0,
    unsentFrames: 0,
    heardItems: 0,
    heardFrames: 0,
    repeatedFrames: 0,
    unreadFrames: 0,
    unknownItems: 0,
    gaps: 0,
    lostTracks: 0,
  };
  /** Of the last frame; the beat carries it. */
  number = 0;
  private readonly options: NewsFeedOptions;
  private readonly numbers: HeardNumbers;
  private waiting: (News | Word)[] = [];
  private flushTimer: Timer | null = null;
  private lossTimer: Timer | null = null;
  private lostMs = -Infinity;

  constructor(options: NewsFeedOptions) {
    this.options = options;
    this.numbers = new HeardNumbers(options.timing.overdueMs);
  }

  /** Resolves when the topic is confirmed; rejects when the store is out of reach. */
  listen(): Promise<void> {
    return this.options.bus.listen(NEWS_TOPIC, (bytes) => this.heard(bytes));
  }

  /** From now on every sender's frames are followed from its first. */
  begin(): void {
    this.numbers.begin();
  }

  tell(news: News): void {
    this.add(news);
  }

  /** Words are for who is there: with nobody else they are not even counted, and who comes is told what concerns it. */
  say(word: Word): void {
    if (this.options.hasOthers()) this.add(word);
  }

  /** Sends what waits, now. */
  flush(): void {
    this.flushTimer?.cancel();
    this.flushTimer = null;
    if (this.waiting.length === 0) return;
    const items = this.waiting;
    this.waiting = [];
    if (this.options.hasOthers()) return this.send(items);
    this.number++;
    this.counts.unsentFrames++;
  }

  /** The sender's beat named its last frame's number. */
  told(from: ReplicaId, number: number): void {
    this.numbers.told(from, number, this.options.clock.nowMs());
  }

  /** Looks for news that are overdue. */
  check(): void {
    if (!this.numbers.takeLost(this.options.clock.nowMs())) return;
    this.counts.gaps++;
    this.lose();
  }

  /** News have been lost, or may have been: `lostTrack` follows, in an event of its own, once for all within `lostTrackMs`. */
  lose(): void {
    const { clock, timing, lostTrack } = this.options;
    const delayMs = Math.max(0, this.lostMs + timing.lostTrackMs - clock.nowMs());
    this.lossTimer ??= clock.after(delayMs, () => {
      this.lossTimer = null;
      this.lostMs = clock.nowMs();
      this.counts.lostTracks++;
      lostTrack();
    });
  }

  close(): void {
    this.flush();
    this.lossTimer?.cancel();
    this.options.bus.unlisten(NEWS_TOPIC);
  }

  private add(item: News | Word): void {
    this.waiting.push(item);
    if (this.waiting.length >= NEWS_FRAME_ITEMS_MAX) this.flush();
    else this.flushTimer ??= this.options.clock.after(0, () => this.flush());
  }

  private send(items: readonly (News | Word)[]): void {
    let encoded: Uint8Array[] = [];
    let bytes = 0;
    for (const item of items) {
      const one = encodeItem(item);
      if (encoded.length > 0 && bytes + one.length > NEWS_FRAME_BYTES_MAX) {
        this.publish(encoded);
        encoded = [];
        bytes = 0;
      }
      encoded.push(one);
      bytes += one.length;
    }
    this.publish(encoded);
  }

  private publish(encoded: readonly Uint8Array[]): void {
    const { bus, self } = this.options;
    bus.publish(NEWS_TOPIC, joinFrame(self, ++this.number, encoded));
    this.counts.toldFrames++;
    this.counts.toldItems += encoded.length;
  }

  private heard(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes);
    if (frame === null) {
      this.counts.unreadFrames++;
      return;
    }
    const { from, number, items } = frame;
    if (from === this.options.self) return;
    this.options.heardFrom(from);
    const { isNew, isLost } = this.numbers.heard(from, number);
    if (!isNew) {
      this.counts.repeatedFrames++;
      return;
    }
    if (isLost) {
      this.counts.gaps++;
      this.lose();
    }
    this.counts.heardFrames++;
    for (const item of items) this.take(item, from);
  }

  private take(item: unknown, from: ReplicaId): void {
    const { learn, heardWord } = this.options;
    const kind = kindOf(item);
    const word = kind === null || isNewsKind(kind) ? null : readWord(item as object);
    if (kind !== null && isNewsKind(kind)) learn(item as News, from);
    else if (word !== null) heardWord(word, from);
    else {
      this.counts.unknownItems++;
      return;
    }
    this.counts.heardItems++;
  }
}
