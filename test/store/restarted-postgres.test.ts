import { afterAll, describe, expect, it } from 'vitest';
import type { TripId } from '../../src/domain/ids.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { openPostgres } from '../../src/postgres-pool.ts';
import { startPrivateStores } from '../../src/private-stores.ts';
import { migrate } from '../../src/store/migrate-postgres.ts';
import { failureKind, RetryBudget } from '../../src/store/retry.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import { DATA_DIR } from '../stores-setup.ts';
import { newTrip, requestOf } from './town.ts';

// One of its own: all test files share the other.
const stores = await startPrivateStores({ dataDir: DATA_DIR, only: 'postgres' });
const wall = createWallClock();
const sql = openPostgres(stores.databaseUrl!, {
  ...{ poolMax: 10, log: SILENT_LOG, prng: createPrng(2), clock: wall },
});
afterAll(async () => {
  await sql.end({ timeout: 1 });
  await stores.stop();
});

const CALLERS = 200;
const BUDGET = { perTry: 0.1, savedMax: 3 };

interface Outcomes {
  readonly done: TripId[];
  readonly failed: unknown[];
}

/** Stores requests one after the other, each tried once, until `isOver`, and reads each back. */
async function keepStoring(
  store: PostgresTripStore,
  outcomes: Outcomes,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const trip = newTrip();
    try {
      expect((await store.execute(requestOf(trip))).ok).toBe(true);
      outcomes.done.push(trip.tripId);
      expect((await store.trip(trip.tripId))?.tripId).toBe(trip.tripId);
    } catch (error) {
      outcomes.failed.push(error);
      await new Promise<void>((resolve) => wall.after(20, resolve));
    }
  }
}

describe('PostgreSQL restarting under load', () => {
  it.each(['orderly', 'crash'] as const)(
    'R1, R10 (%s): each command is done or fails as to be tried again, nothing done is lost, and retries stay within their budget',
    async (how) => {
      await migrate(sql);
      const budget = new RetryBudget(BUDGET);
      const instance = randomToken(8);
      const store = new PostgresTripStore({ sql, clock: wall, prng: createPrng(1), instance, budget });
      const outcomes: Outcomes = { done: [], failed: [] };
      let isOver = false;
      const callers = Array.from({ length: CALLERS }, () => keepStoring(store, outcomes, () => isOver));
      const someMore = async (): Promise<void> => {
        const before = outcomes.done.length;
        while (outcomes.done.length < before + CALLERS)
          await new Promise<void>((resolve) => wall.after(20, resolve));
      };
      await someMore();
      await stores.restart('postgres', how);
      // The load finds it again, all by itself.
      await someMore();
      isOver = true;
      await Promise.all(callers);

      const final = outcomes.failed.filter(
        (error) => failureKind(error) === 'final' && (error as { code?: string }).code !== 'never_sent',
      );
      expect(final).toEqual([]);
      const { tries, retries } = budget.counts;
      // It was felt.
      expect(retries).toBeGreaterThan(0);
      expect(retries).toBeLessThanOrEqual(BUDGET.savedMax + tries * BUDGET.perTry);
      const rows = await sql<
        { id: TripId }[]
      >`select trip_id as id from trips where trip_id = any (${outcomes.done})`;
      expect(rows.length).toBe(outcomes.done.length);
    },
  );
});
