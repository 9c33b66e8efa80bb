/** Up; on its way up for the first time or again; or down, and if it comes back then by itself. */
export type LineState = 'up' | 'coming' | 'down';

/** What a line tells. */
export interface LineWatch {
  /** These topics (null = all) are subscribed no more, and messages may have been missed; repeated freely. */
  lost(topics: readonly string[] | null): void;
  /** It is worth subscribing now; repeated freely. */
  back(): void;
  heard(topic: string, bytes: Uint8Array): void;
}

/** The subscribing side of a bus, whatever it is made of. It reconnects by itself and forgets its subscriptions then. */
export interface Line {
  readonly state: LineState;
  /** Resolves when the store has confirmed it. To subscribe again does no harm. */
  subscribe(topic: string): Promise<void>;
  unsubscribe(topic: string): Promise<void>;
  /**
   * To be called every few seconds: asks the other end for a sign of life, and breaks a connection that has given none since the last
   * time. Who only listens would not notice that the other end is gone without a word.
   */
  check(): void;
  /** One watch a line; ends, with what the line holds itself, by the function given back. */
  watch(watch: LineWatch): () => void;
}
