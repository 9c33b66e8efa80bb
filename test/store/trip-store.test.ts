import { afterEach, describe, expect, it } from 'vitest';
import { auditMemory } from '../../src/store/audit-memory.ts';
import { auditTrips } from '../../src/store/audit-postgres.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import { freshTripStore } from './fresh-trip-store.ts';
import { tripRequestSuite } from './trip-request-suite.ts';
import { tripRideSuite } from './trip-ride-suite.ts';

const { sql, store: onPostgres } = await freshTripStore(8);
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
