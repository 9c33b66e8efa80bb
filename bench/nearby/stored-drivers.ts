import { Redis } from 'ioredis';
import postgres from 'postgres';
import { distanceBetweenM, type Place } from '../../src/domain/place.ts';
import { driverIdOf, MARKET } from './town.ts';

/** What the peers' servers call it (bench/peers/driver-positions.ts). */
export const GEO_KEY = 'drivers';
export const TABLE = 'bench_nearby';
/** As the peers ask by default. A smaller circle would miss drivers where they are few, a larger one only slows Redis down, which sorts all in it. */
export const PEER_RADIUS_M = 3_000;

const { south, north } = MARKET.bounds;
const middle = (south + north) / 2;
/** Of the town: degrees times this are a flat map, right to a few metres in a kilometre, by which PostgreSQL finds neighbours. */
export const KM_PER_DEGREE = {
  lat: distanceBetweenM(middle, 0, middle + 1, 0) / 1_000,
  lng: distanceBetweenM(middle, 0, middle, 1) / 1_000,
};
const CHUNK = 10_000;

/** Puts these drivers, and none else, into a geo set of Redis. */
export async function storeInRedis(redisUrl: string, places: readonly Place[]): Promise<void> {
  const redis = new Redis(redisUrl);
  try {
    await redis.del(GEO_KEY);
    for (let from = 0; from < places.length; from += CHUNK) {
      const some = places.slice(from, from + CHUNK);
      await redis.geoadd(GEO_KEY, ...some.flatMap(({ lat, lng }, n) => [lng, lat, driverIdOf(from + n)]));
    }
    if ((await redis.zcard(GEO_KEY)) !== places.length) throw new Error('Redis has not all drivers');
  } finally {
    redis.disconnect();
  }
}

/**
 * Puts these drivers, and none else, into a table of PostgreSQL. Without PostGIS the best there is: points of a flat map under GiST, which
 * answers "nearest first" from the index (a btree on lat and lng would read a whole stripe of the town).
 */
export async function storeInPostgres(databaseUrl: string, places: readonly Place[]): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  try {
    await sql`DROP TABLE IF EXISTS ${sql(TABLE)}`;
    await sql`CREATE TABLE ${sql(TABLE)} (driver_id text, lat float8, lng float8, at point)`;
    for (let from = 0; from < places.length; from += CHUNK) {
      const some = places.slice(from, from + CHUNK);
      await sql`
        INSERT INTO ${sql(TABLE)}
        SELECT id, lat, lng, point(lng * ${KM_PER_DEGREE.lng}::float8, lat * ${KM_PER_DEGREE.lat}::float8)
        FROM unnest(${some.map((_, n) => driverIdOf(from + n))}::text[], ${some.map(({ lat }) => lat)}::float8[],
          ${some.map(({ lng }) => lng)}::float8[]) AS t(id, lat, lng)`;
    }
    await sql`CREATE INDEX ON ${sql(TABLE)} USING gist (at)`;
    await sql`ANALYZE ${sql(TABLE)}`;
  } finally {
    await sql.end();
  }
}
