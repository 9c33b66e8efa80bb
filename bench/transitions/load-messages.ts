/** What a load process is told to do, once. */
export interface LoadPlan {
  /** `trips`: whole trips through the trip store. `updates`: a random row of `limit_rows` each, in a transaction of its own. */
  readonly load: 'trips' | 'updates';
  readonly databaseUrl: string;
  /** The postmaster, whose family's CPU time is measured. */
  readonly postgresPid: number;
  /** Trips under way at once, or rows being updated at once. */
  readonly atOnce: number;
  /** Connections at most. */
  readonly poolMax: number;
  /** Commands in one transaction at most. */
  readonly batchMax: number;
  /** Transactions at once at most. */
  readonly lanesMax: number;
  readonly warmUpMs: number;
  /** Acknowledged before the measured time begins: each connection makes its plans with its first commands of each kind. */
  readonly warmUpTransitions: number;
  readonly measuredMs: number;
  readonly seed: number;
}

/** What came of it. Transitions are those acknowledged. */
export interface LoadReport {
  /** In the measured time. */
  readonly transitions: number;
  readonly elapsedMs: number;
  readonly postgresCpuUs: number;
  readonly clientCpuUs: number;
  /** From giving the command to its acknowledgement, ms; of the measured time. */
  readonly latenciesMs: readonly [p50: number, p99: number];
  /** With those before and after the measured time. */
  readonly transitionsInAll: number;
}

export type FromLoad =
  | { readonly kind: 'done'; readonly report: LoadReport }
  | { readonly kind: 'failed'; readonly message: string };
