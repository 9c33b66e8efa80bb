/**
 * Work done in pieces: yields after each piece what it costs, in µs of one core of an ordinary machine. Counted from what was looked
 * at, never measured, so that the same inputs are cut at the same places (R: a replay repeats a run). Whoever runs it may let
 * anything happen between two pieces.
 */
export type Work<T> = Generator<number, T, void>;

/** Does all that is left at once. */
export function finish<T>(work: Work<T>): T {
  for (;;) {
    const piece = work.next();
    if (piece.done === true) return piece.value;
  }
}
