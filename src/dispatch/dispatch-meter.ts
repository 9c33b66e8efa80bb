/**
 * What the dispatcher counts; the composition root hands them to Prometheus. Durations are wall milliseconds, so that a
 * clock that runs faster does not flatter them.
 */
export interface DispatchMeter {
  /** A turn of the loop in which a tick was worked on. */
  turned(outcome: { durationMs: number }): void;
  /** A tick is done: how long it was worked on, in how many turns, and how long that took from beginning to end. */
  ticked(outcome: {
    durationMs: number;
    elapsedMs: number;
    turns: number;
    openRequests: number;
    zones: ReadonlyMap<string, number>;
  }): void;
  /** From the acknowledgement of the request to the announcement of its first offer. */
  offered(outcome: { latencyMs: number; supply: 'at_once' | 'waited' }): void;
  counted(event: DispatchEvent, by: number): void;
}

export type DispatchEvent =
  | 'offer_opened'
  | 'offer_refused'
  | 'offer_accepted'
  | 'offer_declined'
  | 'offer_timed_out'
  | 'offer_withdrawn'
  | 'claim_lost'
  | 'trip_expired'
  | 'store_failed'
  | 'sweep_found';

/** Counts nothing. */
export const NO_DISPATCH_METER: DispatchMeter = { turned() {}, ticked() {}, offered() {}, counted() {} };
