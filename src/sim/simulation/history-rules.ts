import { isFinal, type TripEventKind } from '../../domain/trip.ts';
import type { TripId } from '../../domain/ids.ts';
import { auditMemory } from '../../store/audit-memory.ts';
import type { TripRecord } from '../../store/audit.ts';
import type { MemoryTripStore } from '../../store/trip-store-memory.ts';
import type { Asked, ClientHistory, Command } from './client-history.ts';
import type { Report } from './violation.ts';

/** Commands that are stored under their key: R5 holds for them. The others ask, or say what they say again. */
const KEYED: Readonly<Partial<Record<Command['t'], readonly TripEventKind[]>>> = {
  request: ['requested'],
  accept: ['accepted'],
  decline: [],
  arrived: ['arrived'],
  start: ['started'],
  complete: ['completed'],
  no_show: ['no_show'],
  cancel: ['cancelled', 'released'],
};

/**
 * The independent check at the end of a run: what every client sent, was answered and was told, against what is stored. Uses
 * nothing of the server's. `checkConverged` holds only in a quiet world: no faults, nothing under way.
 */
export function checkHistories(
  histories: readonly ClientHistory[],
  store: MemoryTripStore,
  report: Report,
): void {
  const asked = new Map<string, Asked[]>();
  for (const history of histories) {
    const own = asked.get(history.account) ?? [];
    own.push(...history.asked.values());
    asked.set(history.account, own);
    for (const one of history.asked.values()) checkAnswers(history, one, store, report);
    checkOffersTold(history, report);
  }
  for (const record of store.records()) checkNothingInvented(record, asked, report);
  for (const violation of auditMemory(store).violations)
    report({ rule: violation.rule, tripId: violation.tripId ?? null, detail: violation.detail });
}

/** R1 and R5: one answer per key, and each "yes" is in the store as the event it says. */
function checkAnswers(
  { account }: ClientHistory,
  { command, answers }: Asked,
  store: MemoryTripStore,
  report: Report,
): void {
  const kinds = KEYED[command.t];
  if (kinds === undefined) return;
  const final = answers.filter((answer) => answer.t === 'ack' || !answer.retryable).map(answerText);
  const tripId = 'tripId' in command ? command.tripId : null;
  if (new Set(final).size > 1)
    report({
      rule: 'R5',
      tripId,
      detail: `${account} ${command.t} ${command.id} got ${[...new Set(final)].join(' and ')}`,
    });
  for (const answer of answers) {
    if (answer.t !== 'ack' || kinds.length === 0) continue;
    const { trip } = answer;
    if (trip === undefined) {
      report({ rule: 'R1', tripId, detail: `${command.t} ${command.id} was acknowledged without its trip` });
      continue;
    }
    const event = store.record(trip.tripId as TripId)?.events[trip.version - 1];
    if (event === undefined || !kinds.includes(event.kind) || event.actorId !== account)
      report({
        rule: 'R1',
        tripId: trip.tripId,
        detail: `${account} ${command.t} ${command.id} was acknowledged as v${trip.version}, stored is ${event?.kind ?? 'nothing'} by ${event?.actorId ?? 'nobody'}`,
      });
  }
}

/** An answer without what is live in it: where the driver is just now. */
function answerText(answer: Asked['answers'][number]): string {
  if (answer.t === 'error') return `no: ${answer.code}`;
  if (answer.trip === undefined) return 'yes';
  return `yes: ${JSON.stringify({ ...answer.trip, driverAt: null, etaS: null })}`;
}

/** R9 by the driver's own ears: who said no, and was heard, is not told of another offer of that trip afterwards. */
function checkOffersTold({ account, asked, offersTold }: ClientHistory, report: Report): void {
  const refused = new Map<string, string>();
  for (const { command, answers } of asked.values()) {
    if (command.t !== 'decline' || !answers.some((answer) => answer.t === 'ack')) continue;
    const tripId = offersTold.get(command.offerId);
    if (tripId !== undefined) refused.set(tripId, command.offerId);
  }
  let seen = new Set<string>();
  for (const [offerId, tripId] of offersTold) {
    if (seen.has(tripId) && refused.has(tripId))
      report({ rule: 'R9', tripId, detail: `${account} declined and was offered it again (${offerId})` });
    if (refused.get(tripId) === offerId) seen = new Set([...seen, tripId]);
  }
}

/** Every event by a rider or a driver was asked for by that account. */
function checkNothingInvented(
  { trip, events }: TripRecord,
  asked: ReadonlyMap<string, readonly Asked[]>,
  report: Report,
): void {
  for (const { kind, actorId, detail, seq } of events) {
    if (actorId === null) continue;
    const isAsked = (asked.get(actorId) ?? []).some(({ command }) => {
      if (!KEYED[command.t]?.includes(kind)) return false;
      if (command.t === 'accept') return command.offerId === detail.offerId;
      return !('tripId' in command) || command.tripId === trip.tripId;
    });
    if (!isAsked)
      report({ rule: 'R4', tripId: trip.tripId, detail: `v${seq} ${kind}: ${actorId} never asked for it` });
  }
}

/** R1 and R6 in a quiet world: all trips have ended, and every connected app knows what is so. */
export async function checkConverged(
  histories: readonly ClientHistory[],
  store: MemoryTripStore,
  nowMs: number,
  report: Report,
): Promise<void> {
  for (const { trip } of store.records())
    if (!isFinal(trip.status))
      report({ rule: 'R1', tripId: trip.tripId, detail: `has not ended: ${trip.status} v${trip.version}` });
  for (const history of histories) {
    if (!history.isConnected) continue;
    const { member, trip, offer, account } = history;
    const stored =
      member.role === 'rider'
        ? await store.activeTripOfRider(member.riderId)
        : await store.activeTripOfDriver(member.driverId);
    if (trip?.tripId !== stored?.tripId || trip?.version !== stored?.version)
      report({
        rule: 'R6',
        tripId: trip?.tripId ?? stored?.tripId ?? null,
        detail: `${account} thinks ${textOf(trip)}, stored is ${textOf(stored)}`,
      });
    if (offer !== null && offer.expiresMs > nowMs)
      report({ rule: 'R6', tripId: offer.tripId, detail: `${account} still holds offer ${offer.offerId}` });
  }
}

const textOf = (trip: { tripId: string; version: number; status: string } | null): string =>
  trip === null ? 'no trip' : `${trip.tripId.slice(-6)} v${trip.version} ${trip.status}`;
