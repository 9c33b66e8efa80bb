import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import type { TripView } from '../../src/protocol/messages.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import type { App } from './app.ts';
import { Cable } from './cable.ts';
import { aboard, ask, at, City, matched, offerTo, RIDE, type ServedCity, soon } from './city.ts';
import { CityProcess } from './city-process.ts';

const database = await freshDatabase();
const redis = await freshRedis();

let city: ServedCity;
const cables: Cable[] = [];
afterEach(async () => {
  await city.close();
  for (const cable of cables.splice(0)) await cable.cut();
});

const layCable = async (url: string): Promise<Cable> => {
  const cable = await Cable.lay(url);
  cables.push(cable);
  return cable;
};
const ready = async (): Promise<number> => (await city.http('GET', '/readyz')).status;
const readyAgain = (): Promise<true> =>
  soon('readiness', async () => ((await ready()) === 200 ? true : null));

async function tripsOf(riders: string): Promise<string[]> {
  const rows = await database.sql<{ id: string }[]>`
    select trip_id as id from trips where rider_id like ${`${city.id(riders)}%`}`;
  return rows.map(({ id }) => id);
}

describe('Redis', () => {
  it('R12: emptied, positions come back with the next pings, offers can be taken and rides go on', async () => {
    const here = await City.open({ database, redisUrl: redis.url, flags: ['--geo-flush-ms', '50'] });
    city = here;
    const client = new Redis(redis.url);
    const positions = async (): Promise<true | null> => {
      const keys = await client.keys(`${here.tag}:*:drivers`);
      const counts = await Promise.all(keys.map((key) => client.hlen(key)));
      return counts.reduce((sum, count) => sum + count, 0) === 2 ? true : null;
    };
    try {
      const [one, two] = [await city.driver('one', at(-100)), await city.driver('two', at(-1_500))];
      await soon('positions in Redis', positions);
      const rider = await city.rider('rider');
      await ask(rider);
      const offer = await offerTo(one);
      await client.flushall();
      // R3, with the claim gone: the driver with the live offer is not asked for the other ride.
      const other = await ask(await city.rider('other'));
      const second = await offerTo(two);
      expect(second.tripId).toBe(other.tripId);
      await one.done({ t: 'accept', offerId: offer.offerId });
      await two.done({ t: 'accept', offerId: second.offerId });
      here.clock.advance(2_000);
      one.ping(at(-90));
      two.ping(at(-1_490));
      await soon('positions in Redis again', positions);
      expect([one.count('offer'), two.count('offer')]).toEqual([1, 1]);
    } finally {
      client.disconnect();
    }
  });

  it('out of reach, the server says that it is not ready, stores rides all the same and offers them when it is back', async () => {
    const cable = await layCable(redis.url);
    city = await City.open({ database, redisUrl: cable.url });
    const driver = await city.driver('driver', at(-100));
    expect(await ready()).toBe(200);
    await cable.cut();
    await soon('unreadiness', async () => ((await ready()) === 503 ? true : null));
    expect((await city.http('GET', '/livez')).status).toBe(200);
    const rider = await city.rider('rider');
    const { tripId } = await ask(rider);
    await cable.mend();
    await readyAgain();
    driver.ping(at(-100));
    const offer = await offerTo(driver);
    expect(offer.tripId).toBe(tripId);
    await driver.done({ t: 'accept', offerId: offer.offerId });
    await rider.trip('to_pickup');
  });
});

describe('PostgreSQL', () => {
  it('R1, R5: out of reach, commands are refused as to be tried again, and the same key goes through when it is back', async () => {
    const cable = await layCable(database.url);
    city = await City.open({ database, databaseUrl: cable.url, redisUrl: redis.url });
    const driver = await city.driver('driver', at(-100));
    const rider = await city.rider('rider');
    await cable.cut();
    const refused = await rider.ask({ t: 'request', ...RIDE }, 'patient');
    expect(refused).toMatchObject({ t: 'error', code: 'unavailable', retryable: true });
    expect(await ready()).toBe(503);
    await cable.mend();
    await readyAgain();
    const { tripId } = await ask(rider, RIDE, 'patient');
    driver.ping(at(-100));
    const offer = await offerTo(driver);
    expect(offer.tripId).toBe(tripId);
    await driver.done({ t: 'accept', offerId: offer.offerId });
    expect(await tripsOf('rider')).toEqual([tripId]);
  });
});

/** What became of a command: acknowledged (by trip), refused (by code), or never answered because the socket closed. */
async function outcomeOf(rider: App, key: string): Promise<{ tripId?: string; code?: string }> {
  try {
    const answer = await rider.ask({ t: 'request', ...RIDE }, key);
    return answer.t === 'ack' ? { tripId: answer.trip!.tripId } : { code: answer.code };
  } catch (error) {
    if (!/closed with/.test(String(error))) throw error;
    return {};
  }
}

/** The same over REST: the trip's id, or null when there was no answer or a 503. */
async function tripOverRest(id: string): Promise<string | null> {
  try {
    const { status, body } = await city.http<TripView>('POST', '/v1/trips', {
      ...{ role: 'rider', id, key: `rest-${id}`, body: RIDE },
    });
    if (status !== 503) expect(status).toBe(201);
    return status === 201 ? body.tripId : null;
  } catch (error) {
    // What fetch says of a connection that was refused or closed.
    if (!(error instanceof TypeError)) throw error;
    return null;
  }
}

describe('the server process', () => {
  it('R1: told to stop it answers what it has taken, tells every socket to move and ends well; nothing told is lost', async () => {
    const here = await CityProcess.open(database, redis.url);
    city = here;
    const names = Array.from({ length: 10 }, (_, i) => `rider-${i}`);
    const riders = await Promise.all(names.map((name) => city.rider(name)));
    const outcomes = riders.map((rider, i) => outcomeOf(rider, `drain-${i}`));
    const overRest = Promise.all(['a', 'b', 'c', 'd'].map((id) => tripOverRest(`rest-rider-${id}`)));
    await Promise.race(outcomes);
    here.signal('SIGTERM');
    const after = riders.map((rider, i) => outcomeOf(rider, `late-${i}`));
    const closed = await Promise.all(riders.map((rider) => rider.gone));
    expect(new Set(closed)).toEqual(new Set([4000]));
    expect(await here.ended()).toEqual({ code: 0, signal: null });
    const told = (await Promise.all(outcomes)).flatMap(({ tripId }) => tripId ?? []);
    expect(told.length).toBeGreaterThan(0);
    expect(await tripsOf('rider-')).toEqual(expect.arrayContaining(told));
    const toldOverRest = (await overRest).filter((tripId) => tripId !== null);
    expect(await tripsOf('rest-rider-')).toEqual(expect.arrayContaining(toldOverRest));
    // Whoever asked again while the server was going has one ride already, or was told to ask elsewhere.
    const refusals = (await Promise.all(after)).flatMap(({ code }) => code ?? []);
    expect(refusals.filter((code) => code !== 'rider_busy' && code !== 'draining')).toEqual([]);

    await here.start();
    const again = await Promise.all(
      names.map(async (name, i) => ask(await city.rider(name), RIDE, `drain-${i}`)),
    );
    expect(again.map(({ tripId }) => tripId)).toEqual(expect.arrayContaining(told));
    expect((await tripsOf('rider-')).sort()).toEqual(again.map(({ tripId }) => tripId).sort());
  });

  it('R1, R5: killed in the middle of requests, every acknowledged one is there; asked again, each rider has one ride', async () => {
    const here = await CityProcess.open(database, redis.url);
    city = here;
    const names = Array.from({ length: 12 }, (_, i) => `killed-${i}`);
    const riders = await Promise.all(names.map((name) => city.rider(name)));
    const outcomes = riders.map((rider, i) => outcomeOf(rider, `kill-${i}`));
    await Promise.race(outcomes);
    here.signal('SIGKILL');
    expect((await here.ended()).signal).toBe('SIGKILL');
    const told = (await Promise.all(outcomes)).flatMap(({ tripId }) => tripId ?? []);
    expect(told.length).toBeGreaterThan(0);
    expect(await tripsOf('killed-')).toEqual(expect.arrayContaining(told));
    await here.start();
    const again = await Promise.all(
      names.map(async (name, i) => ask(await city.rider(name), RIDE, `kill-${i}`)),
    );
    expect(again.map(({ tripId }) => tripId)).toEqual(expect.arrayContaining(told));
    expect(await tripsOf('killed-')).toHaveLength(names.length);
  });

  it('R1, R6: killed in the middle of a trip, the trip goes on after it, with the way driven before', async () => {
    const here = await CityProcess.open(database, redis.url);
    city = here;
    const before = await city.driver('driver', at(-50));
    const { tripId } = await aboard(await city.rider('rider'), before);
    const stored = async (pointsMin: number): Promise<true | null> => {
      const rows = await database.sql`select 1 from trip_path where trip_id = ${tripId}`;
      return rows.length >= pointsMin ? true : null;
    };
    let northM = 0;
    const drive = async (app: App, points: number): Promise<void> => {
      for (let i = 0; i < points; i++) {
        // Forty metres are within what a fix may be off, however little time has passed.
        northM += 40;
        app.ping(at(northM));
        await app.done({ t: 'snapshot' });
      }
    };
    await drive(before, 5);
    await soon('points of the way in the database', () => stored(5));
    here.signal('SIGKILL');
    await here.ended();
    await here.start();
    const driver = await city.connect('driver', 'driver', { resume: before.leftOff });
    expect(driver.welcome).toMatchObject({
      resumed: false,
      snapshot: { status: 'on_trip', trip: { tripId } },
    });
    const rider = await city.connect('rider', 'rider');
    expect(rider.welcome.snapshot!.trip).toMatchObject({ tripId, status: 'on_trip' });
    await drive(driver.app, 5);
    expect(await rider.app.wait('driver_at')).toMatchObject({ tripId });
    await driver.app.done({ t: 'complete', tripId });
    const { distanceM } = await rider.app.trip('completed');
    expect(Math.abs(distanceM! - 9 * 40)).toBeLessThan(5);
    driver.app.ping(at(northM));
    await matched(await city.rider('next'), driver.app);
  });
});
