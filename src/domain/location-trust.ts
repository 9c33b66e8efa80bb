/** What speaks against a device's places: a fix that nobody could have driven to, or a jump there that later fixes confirm. */
export type Misfix = 'refused' | 'jump';

/** What has spoken against a driver's device of late. */
export interface Misfixes {
  /** Grows with each, and halves every `HALF_LIFE_MS`. */
  readonly score: number;
  readonly atMs: number;
  readonly refused: number;
  readonly jumps: number;
}

/** One bad fix is a tunnel or a canyon of houses; a jump that holds is a device that says it is elsewhere. */
const WEIGHTS: Readonly<Record<Misfix, number>> = { refused: 1, jump: 4 };
const HALF_LIFE_MS = 10 * 60_000;
/** Twelve bad fixes or three jumps within minutes. Chosen, not fitted: the recorded taxis have one bad fix in some thousands. */
const SUSPECT_SCORE = 12;

/** What speaks against the device now that there is one more. Pure. */
export function noteMisfix(before: Misfixes | null, kind: Misfix, nowMs: number): Misfixes {
  const { score, atMs, refused, jumps } = before ?? { score: 0, atMs: nowMs, refused: 0, jumps: 0 };
  const left = score * 2 ** (-Math.max(0, nowMs - atMs) / HALF_LIFE_MS);
  return {
    score: left + WEIGHTS[kind],
    atMs: Math.max(atMs, nowMs),
    refused: refused + (kind === 'refused' ? 1 : 0),
    jumps: jumps + (kind === 'jump' ? 1 : 0),
  };
}

/** Whether the places are not to be believed. */
export const isSuspect = ({ score }: Misfixes): boolean => score >= SUSPECT_SCORE;
