import { afterEach, describe, expect, it } from 'vitest';
import { at, ask, offerTo, RIDE, SECRET } from '../integration/city.ts';
import { CityProcess } from '../integration/city-process.ts';
import { metric } from '../integration/metric.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import { HostileProcess } from './hostile-process.ts';
import type { HostileKind } from './hostile-clients.ts';

const database = await freshDatabase();
const redis = await freshRedis();

let city: CityProcess;
let hostile: HostileProcess | null = null;
afterEach(async () => {
  await hostile?.stop();
  hostile = null;
  await city.close();
});

/** What the clients of each kind do at least, so that it was an attack. */
const KINDS: Readonly<Record<HostileKind, { clients: number; does: string; atLeast: number }>> = {
  pings: { clients: 20, does: 'in', atLeast: 20 },
  batches: { clients: 10, does: 'in', atLeast: 10 },
  garbage: { clients: 10, does: 'frames', atLeast: 100 },
  halfFrames: { clients: 20, does: 'bytes', atLeast: 100 },
  longFrames: { clients: 5, does: 'frames', atLeast: 20 },
  slowReaders: { clients: 20, does: 'commands', atLeast: 200 },
  commands: { clients: 10, does: 'commands', atLeast: 500 },
  comeAndGo: { clients: 10, does: 'in', atLeast: 50 },
  hangUps: { clients: 5, does: 'upgrades', atLeast: 50 },
  slowHeads: { clients: 100, does: 'bytes', atLeast: 1_000 },
  slowBodies: { clients: 50, does: 'bytes', atLeast: 500 },
  rest: { clients: 6, does: 'chunks', atLeast: 50 },
};
const RIDES = 4;
/** Ten seconds on two cores of its own; here it also must share them. */
const TEST_MS_MAX = 120_000;
const MEMORY_MAX = 600 * 1024 * 1024;

async function ride(name: string): Promise<void> {
  const rider = await city.rider(`rider-${name}`);
  const driver = await city.driver(`driver-${name}`, at(-50));
  const { tripId, pin } = await ask(rider);
  const offer = await offerTo(driver);
  expect(offer.tripId).toBe(tripId);
  await driver.done({ t: 'accept', offerId: offer.offerId });
  await rider.trip('to_pickup');
  driver.ping(RIDE.pickup);
  await driver.done({ t: 'arrived', tripId });
  await driver.done({ t: 'start', tripId, pin });
  await rider.trip('on_trip');
  await driver.done({ t: 'complete', tripId });
  await rider.trip('completed');
  await driver.done({ t: 'offline' });
}

describe('R10: while hostile clients of every kind do their worst', () => {
  it(
    'others ride as ever, every command of theirs is answered, and the server stays small',
    async () => {
      city = await CityProcess.open(database, redis.url, { speed: 1, env: { TRUST_FORWARDED_FOR: 'yes' } });
      await ride('before');
      const kinds = Object.fromEntries(Object.entries(KINDS).map(([kind, { clients }]) => [kind, clients]));
      hostile = await HostileProcess.start({
        ...{ port: Number(new URL(city.url).port), secret: SECRET, tag: city.id('hostile'), kinds },
        ...{ place: at(20_000), clock: city.demoClock },
      });
      for (let i = 0; i < RIDES; i++) await ride(`during-${i}`);
      expect(await metric(city, 'process_resident_memory_bytes')).toBeLessThan(MEMORY_MAX);
      const counts = await hostile.stop();
      hostile = null;
      for (const [kind, { does, atLeast }] of Object.entries(KINDS))
        expect(counts[kind as HostileKind]?.[does] ?? 0, `${kind}: ${does}`).toBeGreaterThanOrEqual(atLeast);
      await ride('after');
      expect(await metric(city, 'hexdispatch_socket_closes_total{reason="bad_frames"}')).toBeGreaterThan(0);
      expect(await metric(city, 'hexdispatch_socket_closes_total{reason="rate_abuse"}')).toBeGreaterThan(0);
    },
    TEST_MS_MAX,
  );
});
