import postgres from 'postgres';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { createWallClock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { auditMemory } from '../../src/store/audit-memory.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import { freshDatabase } from '../stores.ts';
import { tripRequestSuite } from './trip-request-suite.ts';
import { tripRideSuite } from './trip-ride-suite.ts';

const database = await freshDatabase();
const sql = postgres(database.url, { max: 8 });
afterAll(() => sql.end({ timeout: 5 }));

const onPostgres = new PostgresTripStore({
  sql,
  clock: createWallClock(),
  prng: createPrng(1),
  instance: randomToken(8),
});
const inMemory = new MemoryTripStore();

describe('contract', () => {
  for (const suite of [tripRequestSuite, tripRideSuite]) {
    suite('PostgreSQL', () => onPostgres);
    suite('memory', () => inMemory);
  }

  afterEach(async () => {
    expect((await auditTrips(sql)).violations).toEqual([]);
    expect(auditMemory(inMemory).violations).toEqual([]);
  });
});

it('the audits have looked at what the suite did', async () => {
  const { checked } = await auditTrips(sql);
  expect(checked.trips).toBeGreaterThan(50);
  expect(checked.events).toBeGreaterThan(checked.trips);
  expect(checked.offers).toBeGreaterThan(50);
});
