import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { City, tokenFor } from '../integration/city.ts';
import { freshDatabase, freshRedis } from '../stores.ts';

const run = promisify(execFile);
const database = await freshDatabase();
const redis = await freshRedis();
const PROTO = path.resolve(import.meta.dirname, '..', '..', 'proto');
const CLIENT = path.join(import.meta.dirname, 'client.py');
/** 3.10: the client counts on a socket's time-out being a TimeoutError. */
const hasPython =
  spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 10))']).status === 0;
const skipped = hasPython ? '' : ' (SKIPPED: there is no python3, 3.10 or newer, on this machine)';

/** The last line of what the client says. */
interface Report {
  readonly vectors: number;
  readonly vectorFaults: readonly string[];
  readonly refused: number;
  readonly trips: Readonly<Record<string, { tripId: string; distanceM: number; fareMinor: number }>>;
  readonly cancelledTripId: string;
}

let city: City;
afterEach(() => city?.close());

describe('a stranger’s client, in another language and from proto/ alone', () => {
  it.skipIf(!hasPython)(
    `reads every golden frame and drives whole trips in both encodings and over REST${skipped}`,
    async () => {
      city = await City.open({ database, redisUrl: redis.url });
      const tokens = { driver: city.id('driver'), rider: city.id('rider') };
      const { stdout } = await run('python3', [
        ...['-B', CLIENT, '--proto', PROTO, '--url', city.url],
        ...['--driver-token', await tokenFor('driver', tokens.driver)],
        ...['--rider-token', await tokenFor('rider', tokens.rider)],
      ]);
      const report = JSON.parse(stdout.trim().split('\n').at(-1)!) as Report;
      expect(report.vectorFaults).toEqual([]);
      expect(report.vectors).toBeGreaterThan(100);
      expect(report.refused).toBeGreaterThan(40);
      expect(Object.keys(report.trips).sort()).toEqual(['json', 'msgpack']);
      for (const { tripId, distanceM, fareMinor } of Object.values(report.trips)) {
        const [stored] = await database.sql`select * from trips where trip_id = ${tripId}`;
        expect(stored).toMatchObject({
          ...{ status: 'completed', driver_id: tokens.driver, rider_id: tokens.rider },
          distance_m: distanceM,
        });
        expect(Number(stored!['fare_minor'])).toBe(fareMinor);
      }
      const [cancelled] =
        await database.sql`select status from trips where trip_id = ${report.cancelledTripId}`;
      expect(cancelled).toMatchObject({ status: 'cancelled' });
    },
  );
});
