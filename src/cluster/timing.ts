/**
 * The times of membership, in one place because their order is what makes it safe: `beatMs` < `standDownMs` < `leaseMs`. A
 * replica stops matching `standDownMs` after its last answered beat BEGAN; others take over `leaseMs` after that beat ARRIVED
 * at the store, so 500 ms later or more, however slow the answer was. In milliseconds of the cluster's clock, which must go
 * as fast as the store's.
 */
export interface ClusterTiming {
  /** From the beginning of one beat to that of the next, less up to a tenth of it by chance. A beat unanswered so long has failed. */
  readonly beatMs: number;
  /** After a beat that failed, from its beginning to the next. */
  readonly retryMs: number;
  readonly standDownMs: number;
  /** Must be what the store of the beats (`Beats`) uses. */
  readonly leaseMs: number;
  /** How often leases are looked at between beats, and news that are overdue. */
  readonly checkMs: number;
  /** News that a beat has named but nobody heard are lost after this; they may be on their way until then. */
  readonly overdueMs: number;
  /** At most one `lostTrack` in this time: a burst of losses is one look-up. */
  readonly lostTrackMs: number;
  /** A question unanswered so long has failed. */
  readonly answerMs: number;
  /** Drivers' places for riders elsewhere go out so often. */
  readonly driverAtMs: number;
}

export const CLUSTER_TIMING: ClusterTiming = {
  beatMs: 1_000,
  retryMs: 500,
  standDownMs: 2_500,
  leaseMs: 3_000,
  checkMs: 250,
  overdueMs: 500,
  lostTrackMs: 250,
  answerMs: 1_000,
  driverAtMs: 250,
};
