/** What the checker looks for. */
export type Rule =
  /** An acknowledged command of which the database knows nothing, or a request that never ended. */
  | 'lost'
  /** A driver or a rider with two active trips, a driver with two live offers, one acceptance told to two drivers. */
  | 'double_assigned'
  /** Events of a trip that cannot follow each other, or have gaps, or do not add up to the trip. */
  | 'impossible_transition'
  /** An offer that should not have been made, or was left open. */
  | 'impossible_offer'
  /** One key, two answers. */
  | 'answers_differ'
  /** A command without an answer, though its client was there to hear it. */
  | 'unanswered'
  /** Numbers of a session with a gap, a repetition or out of order; versions of a trip that fall. */
  | 'out_of_order'
  /** The client was told of something that is not in the database, or that is not its own. */
  | 'never_was'
  /** A snapshot older than what the client knew, or without what it has. */
  | 'stale_snapshot'
  /** In the end the client believes in a trip or an offer that is over. */
  | 'stale_picture'
  /** The run itself: a process that died by itself, rides that did not end. */
  | 'mishap';

export interface Violation {
  readonly rule: Rule;
  readonly detail: string;
  /** What its history lines are found by; null: there are none. */
  readonly who: string | null;
  readonly about: string | null;
}
