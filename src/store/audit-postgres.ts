import type postgres from 'postgres';
import {
  auditAnswers,
  DRIVER_HOLD_KINDS,
  Findings,
  HoldAudit,
  type AnsweredEvent,
  type AuditReport,
  type Hold,
  type TripRecord,
} from './audit.ts';

/** Trips loaded at once, and rows per fetch of a cursor: what an audit holds in memory, whatever the database's size. */
const CHUNK = 500;

/**
 * Audits a whole database against R1 to R6 (and R9): nothing is trusted, neither indexes nor rows of the present, the past is
 * walked event by event. Works on one snapshot, so it may run beside live traffic; reads everything, so better on a replica.
 */
export async function auditTrips(sql: postgres.Sql): Promise<AuditReport> {
  return sql.begin('isolation level repeatable read read only', async (tx) => {
    const findings = new Findings();
    await walkTrips(tx, findings);
    await walkHolds(riderHolds(tx), new HoldAudit('R2'), findings);
    await walkHolds(driverHolds(tx), new HoldAudit('R2'), findings);
    await walkHolds(offerHolds(tx), new HoldAudit('R3'), findings);
    await walkOrphans(tx, findings);
    await walkAnswers(tx, findings);
    return findings.report();
  });
}

async function walkTrips(tx: postgres.TransactionSql, findings: Findings): Promise<void> {
  let after = '00000000-0000-0000-0000-000000000000';
  for (;;) {
    const rows = await tx<{ id: string; record: TripRecord }[]>`
      select t.trip_id as id, jsonb_build_object(
        'trip', trip_document(t),
        'events', coalesce((select jsonb_agg(event_document(e) || jsonb_build_object('position', e.position) order by e.seq)
          from trip_events e where e.month = t.month and e.trip_id = t.trip_id), '[]'),
        'offers', coalesce((select jsonb_agg(offer_document(o) || jsonb_build_object(
            'openedPosition', o.opened_position, 'closedPosition', o.closed_position) order by o.opened_position)
          from offers o where o.trip_id = t.trip_id), '[]')) as record
      from trips t where t.trip_id > ${after} order by t.trip_id limit ${CHUNK}`;
    for (const { record } of rows) findings.trip(record);
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

async function walkHolds(
  holds: postgres.PendingQuery<Hold[]>,
  audit: HoldAudit,
  findings: Findings,
): Promise<void> {
  for await (const rows of holds.cursor(CHUNK)) {
    for (const hold of rows) findings.add(audit.next(hold));
  }
}

/** A rider holds a trip from its request to its end. */
const riderHolds = (tx: postgres.TransactionSql): postgres.PendingQuery<Hold[]> => tx<Hold[]>`
  select t.rider_id as account, t.trip_id as "tripId", t.trip_id as held, e.kind = 'requested' as takes
  from trip_events e join trips t using (trip_id)
  where e.kind = 'requested' or e.status in ('completed', 'cancelled', 'expired')
  order by t.rider_id, e.position`;

/** A driver holds a trip from the acceptance to its end or release. */
const driverHolds = (tx: postgres.TransactionSql): postgres.PendingQuery<Hold[]> => tx<Hold[]>`
  select * from (
    select case e.kind when 'accepted' then e.actor_id when 'released' then e.detail ->> 'driverId' else t.driver_id end
        as account,
      t.trip_id as "tripId", t.trip_id as held, e.kind = 'accepted' as takes, e.position
    from trip_events e join trips t using (trip_id)
    where e.kind = any (${DRIVER_HOLD_KINDS})) h
  where account is not null order by account, position`;

const offerHolds = (tx: postgres.TransactionSql): postgres.PendingQuery<Hold[]> => tx<Hold[]>`
  select o.driver_id as account, o.trip_id as "tripId", o.offer_id as held, m.takes
  from offers o, lateral (values (true, o.opened_position), (false, o.closed_position)) m (takes, position)
  where m.position is not null order by o.driver_id, m.position`;

/** What the walk over trips does not see: rows that belong to no trip (foreign keys dropped), keys answered twice. */
async function walkOrphans(tx: postgres.TransactionSql, findings: Findings): Promise<void> {
  const events = await tx<{ tripId: string }[]>`
    select distinct e.trip_id as "tripId" from trip_events e left join trips t on t.trip_id = e.trip_id and t.month = e.month
    where t.trip_id is null limit 1000`;
  const offers = await tx<{ tripId: string }[]>`
    select distinct o.trip_id as "tripId" from offers o left join trips t using (trip_id)
    where t.trip_id is null limit 1000`;
  const keys = await tx<{ accountId: string; key: string; answers: number }[]>`
    select account_id as "accountId", key, count(*)::integer as answers from command_answers
    group by account_id, key having count(*) > 1 limit 1000`;
  findings.add(events.map(({ tripId }) => ({ rule: 'R4', tripId, detail: 'events without their trip' })));
  findings.add(
    offers.map(({ tripId }) => ({ rule: 'R6', tripId, detail: 'offers of a trip that is not stored' })),
  );
  findings.add(
    keys.map(({ accountId, key, answers }) => ({
      rule: 'R5',
      detail: `key ${key} of ${accountId} has ${answers} answers`,
    })),
  );
}

/** Every event with the answers that claim it: requests and acceptances must have one, the rest may. */
async function walkAnswers(tx: postgres.TransactionSql, findings: Findings): Promise<void> {
  const rows = tx<(AnsweredEvent & postgres.Row)[]>`
    select trip_id as "tripId", seq, e.document as event, coalesce(a.answers, '[]') as answers
    from (select trip_id, seq, kind, event_document(x) as document from trip_events x) e
    full join (select trip_id, seq, jsonb_agg(answer) as answers from command_answers
      where seq is not null group by trip_id, seq) a using (trip_id, seq)
    where a.answers is not null or e.kind in ('requested', 'accepted')`;
  for await (const chunk of rows.cursor(CHUNK)) {
    for (const row of chunk) findings.add(auditAnswers(row));
  }
}
