/** A city at one moment: how many wait, and who could drive them. */
export interface TickCase {
  /** As in the report. */
  readonly on: string;
  readonly riders: number;
  readonly drivers: number;
  /** Of the drivers; the others are on a trip. */
  readonly freeDrivers: number;
  readonly rounds: number;
  readonly seed: number;
}

/** A turn of the loop while a tick, or what follows from it, was worked on. */
export interface TurnTime {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** What a tick process prints in the end. */
export interface TickReport {
  readonly turns: TurnTime[];
  /** Each round's tick from its beginning to the last offer stored and told, and the CPU time of its turns. */
  readonly rounds: { readonly elapsedMs: number; readonly cpuMs: number; readonly offers: number }[];
}
