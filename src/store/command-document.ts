import { TRIP_TRANSITIONS } from '../domain/trip.ts';
import { commandAtMs, transitionStep } from './trip-command.ts';
import type { CommandKey, TripCommand } from './trip-store.ts';

/** A command as run_commands (sql/0006-batches-as-sets.sql) reads it. */
export interface CommandDocument {
  readonly kind: TripCommand['kind'];
  readonly atMs: number;
  readonly account: string;
  readonly key: string;
  readonly fingerprint: string;
  /** Names this submission: the answer it stored itself is no replay to it. */
  readonly submission: string;
  readonly [field: string]: unknown;
}

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const NIL = '00000000-0000-0000-0000-000000000000';

export const isUuid = (text: string): boolean => UUID.test(text);

/** What is not a UUID names nothing, as the nil UUID does; PostgreSQL would refuse the whole statement. */
export const idOrNil = (text: string): string => (isUuid(text) ? text : NIL);

/** The command with everything its decision needs: PostgreSQL knows no table of transitions of its own. */
export function commandDocument(command: TripCommand, submission: string): CommandDocument {
  const { key: commandKey, ...body } = command;
  const { accountId, key, fingerprint } = commandKey ?? engineKey(submission);
  const named = { account: accountId, key, fingerprint, submission };
  return { ...body, ...specifics(command), ...named, atMs: commandAtMs(command) };
}

/**
 * The engine's own commands get a key for their one submission, so that these too can be repeated after a lost connection.
 * `#` begins no account's id.
 */
const engineKey = (submission: string): CommandKey => ({
  accountId: `#${submission}`,
  key: 'engine',
  fingerprint: '',
});

function specifics(command: TripCommand): Record<string, unknown> {
  switch (command.kind) {
    case 'request':
      return {};
    case 'accept':
    case 'decline': {
      const { from, to } = TRIP_TRANSITIONS.accepted;
      return { offerId: idOrNil(command.offerId), from, to };
    }
    case 'transition':
      // The reason as given may hold what JSON in PostgreSQL cannot; the step has it cleaned.
      return { tripId: idOrNil(command.tripId), ...transitionStep(command), reason: undefined };
  }
}
