import {
  auditAnswers,
  DRIVER_HOLD_KINDS,
  Findings,
  HoldAudit,
  type AuditReport,
  type Hold,
  type TripRecord,
} from './audit.ts';
import { isFinal } from '../domain/trip.ts';
import type { MemoryTripStore } from './trip-store-memory.ts';

type PlacedHold = Hold & { readonly position: number };

/** The audit of audit-postgres.ts over a memory store: the same checks on the same records. Reads everything. */
export function auditMemory(store: MemoryTripStore): AuditReport {
  const findings = new Findings();
  const records = [...store.records()];
  for (const record of records) findings.trip(record);
  walkHolds(records.flatMap(riderHolds), new HoldAudit('R2'), findings);
  walkHolds(records.flatMap(driverHolds), new HoldAudit('R2'), findings);
  walkHolds(records.flatMap(offerHolds), new HoldAudit('R3'), findings);
  for (const answered of store.answeredEvents()) findings.add(auditAnswers(answered));
  return findings.report();
}

function walkHolds(holds: PlacedHold[], audit: HoldAudit, findings: Findings): void {
  holds.sort((a, b) => (a.account < b.account ? -1 : a.account > b.account ? 1 : a.position - b.position));
  for (const hold of holds) findings.add(audit.next(hold));
}

function riderHolds({ trip, events }: TripRecord): PlacedHold[] {
  return events
    .filter((event) => event.kind === 'requested' || isFinal(event.status))
    .map((event) => ({
      account: trip.riderId,
      tripId: trip.tripId,
      held: trip.tripId,
      takes: event.kind === 'requested',
      position: event.position,
    }));
}

function driverHolds({ trip, events }: TripRecord): PlacedHold[] {
  const kinds: readonly string[] = DRIVER_HOLD_KINDS;
  const { tripId } = trip;
  return events.flatMap(({ kind, actorId, detail, position }) => {
    const account = kind === 'accepted' ? actorId : (detail.driverId ?? trip.driverId);
    if (!kinds.includes(kind) || typeof account !== 'string') return [];
    return [{ account, tripId, held: tripId, takes: kind === 'accepted', position }];
  });
}

function offerHolds({ trip, offers }: TripRecord): PlacedHold[] {
  return offers.flatMap((offer) => {
    const { offerId: held, driverId: account, openedPosition, closedPosition } = offer;
    const hold = { account, held, tripId: trip.tripId };
    const taken = { ...hold, takes: true, position: openedPosition };
    return closedPosition === null ? [taken] : [taken, { ...hold, takes: false, position: closedPosition }];
  });
}
