import { afterEach, describe, expect, it } from 'vitest';
import { HostileProcess } from '../gateway/hostile-process.ts';
import { freshDatabase, freshRedis } from '../stores.ts';
import type { App } from './app.ts';
import { at, ask, offerTo, RIDE, SECRET, soon } from './city.ts';
import { CityProcess } from './city-process.ts';
import { metric } from './metric.ts';

const database = await freshDatabase();
const redis = await freshRedis();

let city: CityProcess;
let crowd: HostileProcess | null = null;
afterEach(async () => {
  await crowd?.stop();
  crowd = null;
  await city.close();
});

/**
 * Fixes are let in at any rate, and a loop a few milliseconds late is busy, so that two cores can make the crowd that it takes; the rest
 * of the server is as it always is.
 */
const env = { FIXES_PER_S_MAX: '1000000', LOAD_LATE_MS: '15' };
const LEVEL = 'hexdispatch_load_level';
/** Ten seconds on two cores of its own; here it also must share them. */
const TEST_MS_MAX = 120_000;
const CROWD = 200;
const RIDERS = 40;
/** More than any driver here has: these requests find nobody. */
const SEATS = 6;

const levelIs = (fits: (level: number) => boolean): Promise<true> =>
  soon('the level', async () => (fits(await metric(city, LEVEL)) ? true : null));

/** Riders ask for a ride each, one after the other, and take it back when they have it; below the rate of commands that each may send. */
async function askInTurn(riders: readonly App[], isOver: () => boolean): Promise<string[]> {
  const codes: string[] = [];
  for (let turn = 0; turn < riders.length * 8 && !isOver(); turn++) {
    const rider = riders[turn % riders.length]!;
    const answer = await rider.ask({ t: 'request', ...RIDE, seats: SEATS });
    codes.push(answer.t === 'error' ? answer.code : 'ok');
    if (answer.t === 'ack')
      await rider.done({ t: 'cancel', tripId: answer.trip!.tripId, reason: 'changed_mind' });
  }
  return codes;
}

describe('far past capacity', () => {
  it(
    'R10: the oldest pings go first, then new requests, to be sent again; a trip under way never notices, and calm returns',
    async () => {
      city = await CityProcess.open(database, redis.url, { speed: 1, env });
      const rider = await city.rider('rider');
      const driver = await city.driver('driver', at(-50));
      const { tripId, pin } = await ask(rider);
      const offer = await offerTo(driver);
      const riders = await Promise.all(Array.from({ length: RIDERS }, (_, i) => city.rider(`rider-${i}`)));
      crowd = await HostileProcess.start({
        ...{ port: Number(new URL(city.url).port), secret: SECRET, tag: city.id('crowd') },
        ...{ kinds: { pings: CROWD }, place: at(20_000), clock: city.demoClock },
      });
      await levelIs((level) => level > 0);
      let isOver = false;
      const asking = askInTurn(riders, () => isOver);

      await driver.done({ t: 'accept', offerId: offer.offerId });
      await rider.trip('to_pickup');
      await driver.done({ t: 'arrived', tripId });
      await driver.done({ t: 'start', tripId, pin });
      await rider.trip('on_trip');
      const fixes = 4;
      for (let i = 1; i <= fixes; i++) {
        driver.ping(at(i * 40));
        await driver.done({ t: 'snapshot' });
      }
      await levelIs((level) => level === 2);
      await driver.done({ t: 'complete', tripId });
      const { distanceM } = await rider.trip('completed');
      // All of its fixes were taken.
      expect(Math.abs(distanceM! - (fixes - 1) * 40)).toBeLessThan(5);
      expect(await metric(city, 'hexdispatch_pings_shed_total')).toBeGreaterThan(1_000);
      await soon('a refusal', async () =>
        (await metric(city, 'hexdispatch_shed_total{what="request"}')) > 0 ? true : null,
      );
      isOver = true;
      const codes = new Set(await asking);
      expect(codes).toContain('overloaded');
      expect([...codes].filter((code) => code !== 'ok' && code !== 'overloaded')).toEqual([]);
      await crowd.stop();
      crowd = null;

      await levelIs((level) => level === 0);
      expect(await metric(city, 'hexdispatch_pings_parked')).toBe(0);
      driver.ping(at(200));
      const next = await ask(await city.rider('next'));
      expect((await offerTo(driver)).tripId).toBe(next.tripId);
    },
    TEST_MS_MAX,
  );
});
