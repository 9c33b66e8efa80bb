/**
 * Short messages between replicas. At most once: a message may be lost (while the store is out of reach it is, and is counted),
 * late, and in the simulation repeated; nothing rests on it alone (R6, R7). Messages of one sender on one topic arrive in
 * order or not at all. The sender hears its own messages too where it listens to the topic.
 * Implementations: bus-redis.ts (Redis pub/sub, sharded on a Redis Cluster), bus-memory.ts; one contract suite for both.
 */
export interface Bus {
  /** Never waits, never throws. The bytes are the bus's from here on: do not write to them again. */
  publish(topic: string, bytes: Uint8Array): void;
  /**
   * Calls `heard` with each message of a topic from about now on; resolves when the store has confirmed it, after which nothing
   * published is missed but by loss. Rejects when the store is out of reach: then it is listened to as soon as it is back. One
   * listener a topic; after a lost connection all topics are listened to again by themselves.
   */
  listen(topic: string, heard: (bytes: Uint8Array) => void): Promise<void>;
  /** No more calls for the topic, from now on. */
  unlisten(topic: string): void;
  /** Called after each time the connection was lost and is back: messages were missed. */
  onGap(gap: () => void): void;
  readonly counts: Readonly<BusCounts>;
  /** Ends what the bus itself holds (its timers and listeners; connections belong to who gave them). */
  close(): void;
}

/** For metrics, since the start. `lost`: messages of this process that certainly did not go out. */
export interface BusCounts {
  sent: number;
  sentBytes: number;
  heard: number;
  heardBytes: number;
  lost: number;
}
