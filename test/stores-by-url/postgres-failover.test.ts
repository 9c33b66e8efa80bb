import type postgres from 'postgres';
import { afterAll, describe, expect, it } from 'vitest';

import type { DriverId } from '../../src/domain/ids.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { openPostgres } from '../../src/postgres-pool.ts';
import { migrate } from '../../src/store/migrate-postgres.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import { newTrip, offerOf, requestOf } from '../store/town.ts';
import { lines, log } from './links.ts';
import { startPostgres } from './postgres-servers.ts';
import { Servers, soon } from './servers.ts';

const servers = await Servers.open();
const clock = createWallClock();
const pools: postgres.Sql[] = [];
// Before the servers' own clean-up: hooks run in reverse.
afterAll(() => Promise.all(pools.map((pool) => pool.end({ timeout: 1 }))));

function open(url: string, isReadOnly = false): postgres.Sql {
  const pool = openPostgres(url, { poolMax: 4, log, clock, prng: createPrng(1), isReadOnly });
  pools.push(pool);
  return pool;
}

const primary = await startPostgres(servers, { name: 'primary' });
const standby = await startPostgres(servers, { name: 'standby', standbyOf: primary });
const sql = open(primary.url);
await migrate(sql);

/** The URL of both, the standby first: whoever takes the first host is wrong. */
function both(query = ''): string {
  const [a, b] = [new URL(standby.url), new URL(primary.url)];
  return `postgres://${a.username}:${a.password}@${a.host},${b.host}/postgres${query}`;
}

const isStandby = async (at: postgres.Sql): Promise<boolean> =>
  (await at<{ is: boolean }[]>`select pg_is_in_recovery() as is`)[0]!.is;

/** Resolves when the standby has all that the primary has now. */
async function caughtUp(at: postgres.Sql): Promise<void> {
  const [row] = await sql<{ lsn: string }[]>`select pg_current_wal_lsn()::text as lsn`;
  await soon('the standby', async () => {
    const [has] = await at<{ has: boolean }[]>`select pg_last_wal_replay_lsn() >= ${row!.lsn}::pg_lsn as has`;
    return has!.has;
  });
}

describe('a read replica', () => {
  it('answers what may lag and nothing else, writes nothing, and the primary stands in for it', async () => {
    const readSql = open(standby.url, true);
    await caughtUp(readSql);
    const failures: unknown[] = [];
    const store = new PostgresTripStore({
      ...{ sql, readSql, clock, prng: createPrng(2), instance: randomToken(8) },
      onReadFallback: (error) => failures.push(error),
    });
    const trip = newTrip();
    const { tripId } = trip;
    await store.execute(requestOf(trip));
    await caughtUp(readSql);
    expect(await store.eventsOf(tripId)).toHaveLength(1);
    // Held still, it tells who was asked: what comes now is seen by the primary alone.
    await readSql`select pg_wal_replay_pause()`;
    await soon('the pause', async () => {
      const [row] = await readSql<{ state: string }[]>`select pg_get_wal_replay_pause_state() as state`;
      return row!.state === 'paused';
    });
    const offer = offerOf(tripId, 'driver-of-the-replica' as DriverId);
    expect(await store.openOffers([offer])).toMatchObject([{ opened: true }]);
    await store.recordDecisions([{ tripId, atMs: trip.requestedMs, body: { why: 'nearest' } }]);
    expect(await store.liveOfferOfDriver(offer.driverId)).toMatchObject({ offerId: offer.offerId });
    expect((await store.searchingTrips(trip.marketId, 10)).map((one) => one.liveOffers.length)).toEqual([1]);
    expect([await store.offersOf(tripId), await store.decisionsOf(tripId)]).toEqual([[], []]);
    await readSql`select pg_wal_replay_resume()`;
    await caughtUp(readSql);
    expect(await store.offersOf(tripId)).toMatchObject([{ offerId: offer.offerId }]);
    expect(await store.decisionsOf(tripId)).toHaveLength(1);
    expect(store.readFallbacks).toBe(0);
    await expect(readSql`delete from trips`).rejects.toMatchObject({ code: '25006' });
    // On the primary too, where nothing but the session keeps it from writing.
    await expect(open(primary.url, true)`delete from trips`).rejects.toMatchObject({ code: '25006' });
    servers.signal('standby', 'SIGQUIT');
    await soon('the primary’s answer', async () => {
      expect(await store.offersOf(tripId)).toHaveLength(1);
      return store.readFallbacks > 0;
    });
    expect(await store.eventsOf(tripId)).toHaveLength(1);
    // Left alone after the first failure.
    expect([failures.length, store.readFallbacks >= 2]).toEqual([1, true]);
    await servers.end('standby');
  });
});

describe('several hosts', () => {
  it('R1: no acknowledged command is lost when the standby is promoted, and commands go on there', async () => {
    await servers.restart('standby');
    const standbySql = open(standby.url);
    await soon('the standby’s start', () => isStandby(standbySql));
    await sql`alter system set synchronous_standby_names = 'standby'`;
    await sql`select pg_reload_conf()`;
    await soon('synchronous replication', async () => {
      const [row] = await sql<{ n: number }[]>`
        select count(*)::int as n from pg_stat_replication where sync_state = 'sync'`;
      return row!.n === 1;
    });
    const preferring = open(both('?target_session_attrs=prefer-standby'));
    expect(await isStandby(preferring)).toBe(true);
    await expect(open(`${standby.url}?target_session_attrs=primary`)`select 1`).rejects.toMatchObject({
      code: 'CONNECTION_DESTROYED',
    });
    const pool = open(both());
    expect(await isStandby(pool)).toBe(false);
    const store = new PostgresTripStore({ sql: pool, clock, prng: createPrng(3), instance: randomToken(8) });
    const acknowledged: string[] = [];
    let isOver = false;
    // Each rider asks one after the other, and asks again with the same key until there is an answer.
    const rider = async (): Promise<void> => {
      while (!isOver) {
        const trip = newTrip();
        const command = requestOf(trip);
        for (;;) {
          const answer = await store.execute(command).catch(() => null);
          if (answer?.ok === true) break;
          if (isOver) return;
        }
        acknowledged.push(trip.tripId);
      }
    };
    const riders = Array.from({ length: 8 }, rider);
    await soon('commands', () => acknowledged.length > 50);
    servers.signal('primary', 'SIGQUIT');
    const before = acknowledged.length;
    const diedMs = clock.nowMs();
    const promoted = await standbySql<{ done: boolean }[]>`select pg_promote(true, 10) as done`;
    expect(promoted[0]!.done).toBe(true);
    await soon('commands again', () => acknowledged.length > before + 50, 10_000);
    log.info({ backMs: clock.nowMs() - diedMs }, 'commands again');
    isOver = true;
    await Promise.all(riders);
    expect(await isStandby(pool)).toBe(false);
    const kept = await standbySql<{ id: string }[]>`select trip_id::text as id from trips`;
    const ids = new Set(kept.map(({ id }) => id));
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
    expect(lines.join()).not.toContain(new URL(primary.url).password);
    await servers.end('primary');
  });
});
