import { totalMinor } from '../domain/fare.ts';
import { assert } from '../lib/assert.ts';
import { REJECTIONS, type RejectionCode } from '../domain/rejection.ts';
import { isFinal, TRIP_TRANSITIONS, type Actor, type TripStatus } from '../domain/trip.ts';
import type { TripCommand } from './trip-store.ts';

export type RequestCommand = Extract<TripCommand, { kind: 'request' }>;
/** `accept` and `decline`. */
export type AnswerCommand = Extract<TripCommand, { offerId: unknown }>;
export type TransitionCommand = Extract<TripCommand, { kind: 'transition' }>;

/** A transition with what its row of TRIP_TRANSITIONS and the command say about it; the same for both stores. */
export interface TransitionStep {
  readonly from: readonly TripStatus[];
  readonly to: TripStatus;
  readonly actors: readonly Actor[];
  readonly final: boolean;
  readonly endReason: string | null;
  /** What the driver typed, or null. */
  readonly pin: string | null;
  /** The sum of the command's lines, or null. */
  readonly fareMinor: number | null;
  /** The event's detail: what the command gave of reason and distance; the fare is added where it is owed. */
  readonly detail: Readonly<Record<string, unknown>>;
}

/** Length of a reason kept; a longer one is cut. */
const REASON_LENGTH_MAX = 200;

/** Codes not stored under a command's key: the same command may succeed later (R5 speaks of answers, not of "not yet"). */
export const RETRYABLE_CODES: readonly RejectionCode[] = (Object.keys(REJECTIONS) as RejectionCode[]).filter(
  (code) => REJECTIONS[code].retryable,
);

/** When the command happened by the engine's clock. */
export function commandAtMs(command: TripCommand): number {
  const atMs = command.kind === 'request' ? command.trip.requestedMs : command.atMs;
  assert(Number.isSafeInteger(atMs), `times are whole milliseconds, not ${atMs}`);
  return atMs;
}

/** What a transition command does, from the one table of the state machine. */
export function transitionStep(command: TransitionCommand): TransitionStep {
  const { from, to, actors } = TRIP_TRANSITIONS[command.event];
  const reason = command.reason === undefined ? undefined : storedText(command.reason);
  const detail: Record<string, unknown> = {};
  if (reason !== undefined) detail.reason = reason;
  if (command.distanceM !== undefined) detail.distanceM = command.distanceM;
  const endReason = reason ?? (command.event === 'no_show' ? 'no_show' : null);
  const pin = command.pin === undefined ? null : storedText(command.pin);
  const fareMinor = command.fareLines === undefined ? null : totalMinor(command.fareLines);
  return { from, to, actors, final: isFinal(to), endReason, pin, fareMinor, detail };
}

/** Text as PostgreSQL can hold it: no NUL, no half of a surrogate pair, at most REASON_LENGTH_MAX characters. */
function storedText(text: string): string {
  const clean = text.replaceAll('\0', '').replaceAll(/\p{Surrogate}/gu, '\uFFFD');
  return [...clean].slice(0, REASON_LENGTH_MAX).join('');
}
