import type { Clock } from '../../src/lib/clock.ts';
import type { Figures } from './figures.ts';

/** Who a sample is of: this engine, the limit it is held against, or a peer. */
export type Subject =
  | 'hexdispatch'
  | 'bare uWebSockets.js'
  | 'Socket.IO'
  | 'ws'
  | 'Django Channels'
  | (string & Record<never, never>);

/** One value of one repeat. A row's samples with the same subject, case and metric are one series, told apart by `repeat`. */
export interface Sample {
  readonly subject: Subject;
  /** What was asked of the subject: `1,000 sockets, 1 ping a frame, closed loop`. */
  readonly on: string;
  /** What was measured: `server CPU per ping`. */
  readonly metric: string;
  /** `µs`, `ms`, `bytes`, `/s`, `×` … */
  readonly unit: string;
  readonly value: number;
  /** From 1. Samples of one repeat were taken close together in time, so ratios are made within a repeat. */
  readonly repeat: number;
}

/** A goal of docs/adr or of the issue, and what came out. `measured` is null when the figure could not be taken: that is a miss. */
export interface Goal {
  readonly name: string;
  /** As text: `at most 1.4`. */
  readonly goal: string;
  readonly measured: number | null;
  readonly unit: string;
  readonly met: boolean;
}

/** What one run of a row is given. */
export interface RowRun {
  /** Under a tenth of the time: fewer repeats, smaller sizes, and goals judged on what there is. */
  readonly isQuick: boolean;
  /** How often each subject is measured; subjects take turns within a repeat. */
  readonly repeats: number;
  readonly clock: Clock;
  /** For generators: the same seed, the same load. */
  readonly seed: number;
  record(sample: Sample): void;
  /** Something that was not measured, and why, in words for the report: `Django Channels: python3-daphne is not installed`. */
  skip(what: string, why: string): void;
  /** Progress, for whoever watches. */
  say(line: string): void;
}

/** One row of the suite: `npm run bench -- NAME`. */
export interface Row {
  readonly name: string;
  /** One line for the report. */
  readonly title: string;
  /** Starts what it measures, and ends it, also when it fails. Rejects when a message was lost or a result is wrong: then there is no figure. */
  measure(run: RowRun): Promise<void>;
  /** Judged after the last repeat. */
  goals(figures: Figures): Goal[];
}
