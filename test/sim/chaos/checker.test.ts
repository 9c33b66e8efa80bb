import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { judge } from '../../../src/sim/chaos/checker.ts';
import { freshDatabase } from '../../stores.ts';
import { BEGAN_MS, DRIVER, OFFER, oneRide, RIDER, SECOND, TRIP } from './told-city.ts';

const { sql } = await freshDatabase();
const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-checker-'));
const file = path.join(dir, 'history.ndjson');

afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function storeTrip(tripId: string, riderId: string, driverId: string): Promise<void> {
  await sql`
    insert into trips (trip_id, market_id, rider_id, driver_id, status, version, vehicle_class, seats, pickup_lat, pickup_lng,
      dropoff_lat, dropoff_lng, pin, quote_fare_minor, quote_currency, quote_distance_m, quote_duration_s, requested_at,
      ended_at, ended_by)
    values (${tripId}, 'town', ${riderId}, ${driverId}, 'completed', 5, 'economy', 1, 1, 1, 1, 1, '1234', 100, 'EUR', 1, 1,
      ${new Date(BEGAN_MS)}, ${new Date(BEGAN_MS + 5_000)}, 'driver')`;
}

async function storeEvents(tripId: string, riderId: string, driverId: string, from: number): Promise<void> {
  for (const { seq, kind, status, actor, atMs, position } of oneRide().stored.events)
    await sql`
      insert into trip_events (month, trip_id, seq, kind, status, actor, actor_id, at, detail, position)
      values (month_of(${new Date(BEGAN_MS)}), ${tripId}, ${seq}, ${kind}, ${status}, ${actor},
        ${actor === 'rider' ? riderId : driverId}, ${new Date(atMs)}, '{}', ${from + position})`;
}

/** The honest ride of told-city.ts, in a real database and a real file. */
beforeEach(async () => {
  const { history, stored } = oneRide();
  writeFileSync(file, history.map((line) => `${JSON.stringify(line)}\n`).join(''));
  await sql`truncate trips, trip_events, offers, command_answers cascade`;
  await storeTrip(TRIP, RIDER, DRIVER);
  await storeEvents(TRIP, RIDER, DRIVER, 0);
  await sql`
    insert into offers (offer_id, trip_id, driver_id, status, eta_s, offered_at, expires_at, answered_at, opened_position,
      closed_position)
    values (${OFFER}, ${TRIP}, ${DRIVER}, 'accepted', 60, ${new Date(BEGAN_MS + 1_500)}, ${new Date(BEGAN_MS + 9_000)},
      ${new Date(BEGAN_MS + 2_000)}, 2, 4)`;
  for (const { accountId, key } of stored.answers)
    await sql`
      insert into command_answers (account_id, key, fingerprint, submission, answered_at, answer)
      values (${accountId}, ${key}, '', '', ${new Date(BEGAN_MS)}, ${sql.json({ ok: true, value: { trip: { tripId: TRIP } } })})`;
});

const rulesFound = async (): Promise<string[]> => (await judge(file, sql)).violations.map(({ rule }) => rule);

describe('the judge of a run, on a real database', () => {
  it('finds an honest one clean, and reads its figures', async () => {
    const judgement = await judge(file, sql);
    expect(judgement.violations).toEqual([]);
    expect(judgement).toMatchObject({ lost: 0, doubleAssigned: 0, trips: { completed: 1 }, offers: 1 });
    expect(judgement.figures).toEqual({ requests: 1, acknowledged: 1, errorsByCode: {} });
    expect(judgement.offeredMs.get(TRIP)).toBe(BEGAN_MS + 1_500);
  });

  it('R1: sees that an acknowledged request is lost, and shows its history', async () => {
    await sql`delete from offers`;
    await sql`delete from trip_events`;
    await sql`delete from trips`;
    const { lost, violations } = await judge(file, sql);
    expect(lost).toBeGreaterThan(0);
    const request = violations.find(({ rule, detail }) => rule === 'lost' && detail.startsWith('request'));
    expect(request?.history.some((line) => line.includes('"t":"ack"'))).toBe(true);
  });

  it('R2: sees a driver with two trips at once', async () => {
    await storeTrip(SECOND, 'run.ride-2', DRIVER);
    await storeEvents(SECOND, 'run.ride-2', DRIVER, 1.5 * 2);
    expect(await rulesFound()).toEqual(['double_assigned']);
  });

  it('R4: sees a missing event', async () => {
    await sql`delete from trip_events where seq = 3`;
    expect(await rulesFound()).toContain('impossible_transition');
  });

  it('R5: sees another answer kept', async () => {
    await sql`update command_answers set answer = '{"ok": false, "code": "rider_busy"}' where account_id = ${RIDER}`;
    expect(await rulesFound()).toEqual(['answers_differ']);
  });

  it('reads a history whose writer died in the middle of a line, and no other bad one', async () => {
    appendFileSync(file, '{"ms":18000');
    expect(await rulesFound()).toEqual([]);
    appendFileSync(file, '\n{}\n');
    await expect(judge(file, sql)).rejects.toThrow('a line that is none');
  });
});
