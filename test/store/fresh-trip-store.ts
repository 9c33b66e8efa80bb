import postgres from 'postgres';
import { afterAll } from 'vitest';
import { createWallClock } from '../../src/lib/clock.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { PostgresTripStore, type PostgresTripStoreOptions } from '../../src/store/trip-store-postgres.ts';
import { freshDatabase } from '../stores.ts';

/** A trip store on a database of this file's own. */
export interface FreshTripStore {
  readonly databaseUrl: string;
  /** The store's pool, open to the test's own questions; ended after the file. */
  readonly sql: postgres.Sql;
  readonly store: PostgresTripStore;
  /** Another store on the same database, as another replica has it, or with options of the test's own. */
  readonly storeWith: (over?: Partial<PostgresTripStoreOptions>) => PostgresTripStore;
}

/** To be called while the file is loaded, not in a hook: `const { sql, store } = await freshTripStore(4);` */
export async function freshTripStore(poolMax: number): Promise<FreshTripStore> {
  const { url: databaseUrl } = await freshDatabase();
  const sql = postgres(databaseUrl, { max: poolMax, onnotice: () => undefined });
  // With a limit: the client waits for ever for a connection that was cut and not used again.
  afterAll(() => sql.end({ timeout: 1 }));
  let made = 0;
  const storeWith = (over: Partial<PostgresTripStoreOptions> = {}): PostgresTripStore =>
    new PostgresTripStore({
      ...{ sql, clock: createWallClock(), prng: createPrng(++made), instance: randomToken(8) },
      ...over,
    });
  return { databaseUrl, sql, store: storeWith(), storeWith };
}
