/**
 * Short messages between replicas. At most once as a rule: a message may be lost (while the store is out of reach it is, and is
 * counted) or late, and around a lost connection repeated; nothing rests on it alone (R6, R7). But for that, messages of one sender on
 * one topic arrive in order. The sender hears its own messages too where it listens to the topic.
 * Implementations: bus-redis.ts (Redis pub/sub, sharded on a Redis Cluster), bus-memory.ts; one contract suite for both.
 */
export interface Bus {
  /** Never waits, never throws. The bytes are the bus's from here on: do not write to them again. */
  publish(topic: string, bytes: Uint8Array): void;
  /**
   * Calls `heard` with each message of a topic from about now on; resolves when the store has confirmed it, after which nothing
   * published is missed but by loss. Rejects (an Error with `code`) when the store is out of reach: then it is listened to as soon as it
   * is back, and the gap is told. One listener a topic; after a lost connection all topics are listened to again by themselves.
   */
  listen(topic: string, heard: (bytes: Uint8Array) => void): Promise<void>;
  /** No more calls for the topic, from now on. */
  unlisten(topic: string): void;
  /** Called after each time the connection was lost and is back, with all topics heard again: messages were missed. */
  onGap(gap: () => void): void;
  readonly counts: Readonly<BusCounts>;
  /** Ends what the bus itself holds (its timers and listeners; connections belong to who gave them). */
  close(): void;
}

/**
 * For metrics, since the start. `sent`: handed to the store's connection. `lost`: messages of this process that were not, or that
 * the store did not confirm.
 */
export interface BusCounts {
  sent: number;
  sentBytes: number;
  heard: number;
  heardBytes: number;
  lost: number;
}
