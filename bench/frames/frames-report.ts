/** What one driver's row comes to. */
export interface FramesReport {
  /** On its host. */
  readonly makeNs: number;
  /** At a watcher, the move in its index included. */
  readonly applyNs: number;
  readonly bytes: number;
}
