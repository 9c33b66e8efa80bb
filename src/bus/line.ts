/** Up; on its way up for the first time or again; or down, and if it comes back then by itself. */
export type LineState = 'up' | 'coming' | 'down';

/** What a line tells. */
export interface LineWatch {
  /** No subscription counts any more, and messages may have been missed; repeated freely. */
  lost(): void;
  /** It is worth subscribing now; repeated freely. */
  back(): void;
  heard(topic: string, bytes: Uint8Array): void;
}

/** The subscribing connection of a bus, whatever it is made of. It reconnects by itself and forgets its subscriptions then. */
export interface Line {
  readonly state: LineState;
  /** Resolves when the store has confirmed it. To subscribe again does no harm. */
  subscribe(topic: string): Promise<void>;
  unsubscribe(topic: string): Promise<void>;
  /** Resolves when the other end has answered, wherever these topics are subscribed. */
  probe(topics: Iterable<string>): Promise<void>;
  /** Breaks the connection, so that it is made anew. */
  cut(): void;
  /** One watch a line; ends with the function given back. */
  watch(watch: LineWatch): () => void;
}
