import { cp, mkdtemp, readdir, rm, writeFile, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { createWallClock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { randomToken } from '../../src/lib/entropy.ts';
import { migrate, MIGRATIONS_DIR } from '../../src/store/migrate-postgres.ts';
import { ensurePartitions } from '../../src/store/partitions-postgres.ts';
import { PostgresTripStore } from '../../src/store/trip-store-postgres.ts';
import { freshDatabase } from '../stores.ts';
import { answerOf, newTrip, openOffer, requestOf, searchingTrip, START_MS, valueOf } from './town.ts';

const database = await freshDatabase();
const sql = postgres(database.url, { max: 6, onnotice: () => undefined });
const dir = await mkdtemp(join(tmpdir(), 'migrations-'));
afterAll(async () => {
  await sql.end({ timeout: 5 });
  await rm(dir, { recursive: true });
});

const names = (await readdir(MIGRATIONS_DIR)).filter((name) => name.endsWith('.sql')).sort();

const nextName = (what: string): string => `${String(names.length + 1).padStart(4, '0')}-${what}.sql`;

async function emptyDatabase(): Promise<void> {
  await sql`drop schema public cascade`;
  await sql`create schema public`;
}

describe('migrate', () => {
  beforeEach(async () => {
    await rm(dir, { recursive: true });
    await cp(MIGRATIONS_DIR, dir, { recursive: true });
    await emptyDatabase();
  });

  it('applies every file once, in order; a second run does nothing', async () => {
    expect(await migrate(sql, dir)).toEqual({ applied: names });
    expect(await migrate(sql, dir)).toEqual({ applied: [] });
    await writeFile(join(dir, '0099-x.sql'), 'select 1');
    await expect(migrate(sql, dir)).rejects.toThrow(/numbers run without gaps/);
  });

  it('applies only what is new', async () => {
    await migrate(sql, dir);
    const next = nextName('next');
    await writeFile(
      join(dir, next),
      'create table next_thing (id integer); create index on next_thing (id);',
    );
    expect(await migrate(sql, dir)).toEqual({ applied: [next] });
    expect(await sql`select * from next_thing`).toHaveLength(0);
  });

  it('lets concurrent runs wait for each other', async () => {
    const runs = await Promise.all(Array.from({ length: 5 }, () => migrate(sql, dir)));
    expect(runs.map((run) => run.applied.length).sort()).toEqual([0, 0, 0, 0, names.length]);
  });

  it('refuses a file that changed after it was applied, but not for its line ends', async () => {
    await migrate(sql, dir);
    const file = join(dir, names[1] ?? '');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replaceAll('\n', '\r\n'));
    expect(await migrate(sql, dir)).toEqual({ applied: [] });
    await writeFile(file, `${text}\n-- changed`);
    await expect(migrate(sql, dir)).rejects.toThrow(/is not what was applied .* new migration/);
  });

  it('says so when the database is newer than the build', async () => {
    await migrate(sql, dir);
    await rm(join(dir, names.at(-1) ?? ''));
    await expect(migrate(sql, dir)).rejects.toThrow(
      `the database is newer than this build: it has ${names.at(-1)}`,
    );
  });

  it('leaves nothing behind when a file fails, and names it', async () => {
    const broken = nextName('broken');
    await writeFile(join(dir, broken), 'create table half (id integer); select nonsense;');
    await expect(migrate(sql, dir)).rejects.toThrow(`${broken} failed; nothing was changed`);
    expect(await sql`select to_regclass('trips') as trips, to_regclass('half') as half`).toEqual([
      { trips: null, half: null },
    ]);
    await writeFile(join(dir, 'stray.sql'), 'select 1');
    await expect(migrate(sql, dir)).rejects.toThrow(/stray.sql is not named like a migration/);
  });
});

describe('partitions', () => {
  const store = new PostgresTripStore({
    sql,
    clock: createWallClock(),
    prng: createPrng(1),
    instance: randomToken(8),
  });
  const rowsIn = async (table: string): Promise<number> => (await sql`select from ${sql(table)}`).length;

  beforeEach(async () => {
    await emptyDatabase();
    await migrate(sql);
  });

  it('are made for this month and the next, once', async () => {
    const december = Date.UTC(2013, 11, 31, 23, 59, 59);
    expect(await ensurePartitions(sql, december)).toEqual([
      'trip_events_2013_12',
      'trip_path_2013_12',
      'trip_events_2014_01',
      'trip_path_2014_01',
    ]);
    const again = await Promise.all([1, 2, 3].map(() => ensurePartitions(sql, december)));
    expect(again.flat()).toEqual([]);
  });

  it('R4 take a trip’s events by the month of its request, also those of the month after', async () => {
    const requestedMs = Date.UTC(2008, 4, 31, 23, 59, 30);
    await ensurePartitions(sql, requestedMs);
    const trip = await searchingTrip(store, { requestedMs });
    const offer = await openOffer(store, trip.tripId, { offeredMs: requestedMs + 1_000 });
    valueOf(await store.execute(answerOf('accept', offer, { atMs: requestedMs + 10_000 })));
    const laterMs = requestedMs + 3_600_000;
    await store.appendPath([{ tripId: trip.tripId, atMs: laterMs, lat: 1, lng: 2, speedMps: null }]);
    expect(await rowsIn('trip_events_2008_05')).toBe(2);
    expect(await rowsIn('trip_path_2008_05')).toBe(1);
    expect(await rowsIn('trip_events_2008_06')).toBe(0);
    expect(await store.pathOf(trip.tripId)).toHaveLength(1);
    expect(await store.eventsOf(trip.tripId)).toHaveLength(2);
  });

  it('can be made while trips are asked for', async () => {
    const requests = async (): Promise<void> => {
      for (let n = 0; n < 20; n++) valueOf(await store.execute(requestOf(newTrip())));
    };
    const making = [1, 2].map(() => ensurePartitions(sql, START_MS));
    await Promise.all([...making, ...Array.from({ length: 5 }, requests)]);
    expect(await rowsIn('trip_events_default')).toBe(0);
    expect(await rowsIn('trip_events_2008_06')).toBe(100);
  });

  it('nothing fails without them, and rows that went to the default move when they are made', async () => {
    const trip = newTrip();
    valueOf(await store.execute(requestOf(trip)));
    await store.appendPath([{ tripId: trip.tripId, atMs: START_MS, lat: 1, lng: 2, speedMps: 3 }]);
    expect(await rowsIn('trip_events_default')).toBe(1);
    await ensurePartitions(sql, START_MS);
    expect(await rowsIn('trip_events_default')).toBe(0);
    expect(await rowsIn('trip_events_2008_06')).toBe(1);
    expect(await rowsIn('trip_path_2008_06')).toBe(1);
    expect(await store.eventsOf(trip.tripId)).toHaveLength(1);
    const twice = sql`insert into trip_events select * from trip_events where trip_id = ${trip.tripId}`;
    await expect(twice).rejects.toMatchObject({ code: '23505' });
  });
});
