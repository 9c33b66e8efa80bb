/** What a solver's process tells, as one line of JSON. */
export interface SolverReport {
  /** The first solve of the process; null when what is compiled beforehand has nothing to warm up. */
  readonly coldMs: number | null;
  /** Solves after that, in their order; at least one. */
  readonly timesMs: readonly number[];
  /** User and system time of all the process's threads, as the operating system counts it. */
  readonly cpuMsPerSolve: number;
  /** The mate of each row of the form that it was given. */
  readonly mates: readonly number[];
}
