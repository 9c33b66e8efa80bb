import type { ReplicaId } from '../domain/ids.ts';

/** What a replica says of itself with each beat. */
export interface BeatInfo {
  /** Where clients reach this replica itself, e.g. `wss://r1.example.com`; null where only a load balancer does. */
  readonly url: string | null;
  /** Number of its last message to all: who has heard fewer has lost some. */
  readonly newsSeq: number;
  /** Requests that wait in its zones. */
  readonly openRequests: number;
  /** Whether it reaches the database: one that does not can match nothing, and others own its zones while they can. */
  readonly canStore: boolean;
}

export interface Beaten {
  readonly replicaId: ReplicaId;
  /** Since its last beat, by the store's own clock: no two machines' clocks are compared. */
  readonly ageMs: number;
  readonly info: BeatInfo;
}

export interface Roll {
  /** Rises with every change of who is alive; never falls, also when the store was emptied (see `knownEpoch`). */
  readonly epoch: number;
  /** Who has beaten within the lease, this replica included, sorted by id. */
  readonly members: readonly Beaten[];
}

/**
 * Who is alive (design.md §7). Each replica beats about once a second; who has not for `leaseMs` is off the roll.
 * Implementations: beats-redis.ts (one script, one slot), beats-memory.ts; one contract suite for both.
 */
export interface Beats {
  /**
   * Puts this replica on the roll and answers the roll, atomically. Rejects (an Error with `code`) when the store is out of reach, or
   * after a second; whether the beat then counted is unknown. One at a time. `knownEpoch`: the highest this replica has been answered.
   */
  beat(info: BeatInfo, knownEpoch: number): Promise<Roll>;
  /** Off the roll at once, so that the others need not wait for the lease to run out. A later `beat` joins anew. */
  leave(): Promise<void>;
}
