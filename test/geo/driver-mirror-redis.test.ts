import { Redis } from 'ioredis';
import { afterAll, describe, expect, it } from 'vitest';
import { zoneAt } from '../../src/domain/cell.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { destination } from '../../src/domain/place.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import type { FlushPlan } from '../../src/geo/driver-mirror.ts';
import { createRedisDriverMirror } from '../../src/geo/driver-mirror-redis.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { createWallClock, type Clock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { createRedisKeys, ZONE_TTL_MS } from '../../src/protocol/redis-keys.ts';
import { freshRedis } from '../stores.ts';

const { url } = await freshRedis();
const redis = new Redis(url);
afterAll(() => redis.quit());

const GRID = { resolution: 9, zoneResolution: 6 };
const CAB = { vehicleClass: 'comfort', seats: 4 } as const;
const SF = { lat: 37.7749, lng: -122.4194 };
const driver = (n: number) => `d${n}` as DriverId;

let tests = 0;
function setUp(
  client = redis,
  onPlan?: (plan: FlushPlan, nowMs: number) => void,
  pace: { everyMs?: number; flushDriversMax?: number; wallClock?: Clock } = {},
) {
  const keys = createRedisKeys(`mirror-${++tests}`);
  const index = new DriverIndex({ grid: GRID, driversMax: 5_000 });
  const errors: Error[] = [];
  const mirror = createRedisDriverMirror({
    redis: client,
    keys,
    index,
    wallClock: createWallClock(),
    onError: (error) => errors.push(error),
    ...(onPlan && { onPlan }),
    ...pace,
  });
  const ingest = createIngest({ index, limits: DEFAULT_PING_LIMITS });
  const put = (n: number, { lat, lng }: { lat: number; lng: number }, nowMs: number) =>
    ingest.pings(
      index.add(driver(n), CAB, 'available', nowMs),
      Float64Array.of(nowMs, lat, lng, 5, 8.5, 270),
      1,
      nowMs,
    );
  const names = async (at: { lat: number; lng: number }, nowMs: number) =>
    (await mirror.readZone(zoneAt(at.lat, at.lng, GRID), nowMs, 30_000)).map((it) => it.driverId).sort();
  return { keys, index, errors, mirror, ingest, put, names };
}

describe('the mirror in Redis', () => {
  it('can be read back, by record and by Redis’s own search', async () => {
    const { mirror, put, keys } = setUp();
    const near = destination(SF, 90, 400);
    put(1, SF, 1_000);
    put(2, near, 1_000);
    await mirror.flush(1_000);
    const zone = zoneAt(SF.lat, SF.lng, GRID);
    const drivers = await mirror.readZone(zone, 2_000, 30_000);
    expect(drivers.find((it) => it.driverId === driver(1))).toMatchObject({
      lat: expect.closeTo(SF.lat, 6) as number,
      lng: expect.closeTo(SF.lng, 6) as number,
      atMs: 1_000,
      status: 'available',
      vehicleClass: 'comfort',
      seats: 4,
      speedMps: 8.5,
      headingDeg: 270,
    });
    const found = await redis.geosearch(
      keys.zoneGeo(zone),
      'FROMLONLAT',
      SF.lng,
      SF.lat,
      'BYRADIUS',
      200,
      'm',
    );
    expect(found).toEqual([driver(1)]);
    expect(await mirror.readZone(zone, 31_001, 30_000)).toEqual([]);
  });

  it('follows who crosses into another zone, and who leaves', async () => {
    const { mirror, put, names, index, keys } = setUp();
    const oakland = { lat: 37.8044, lng: -122.2712 };
    put(1, SF, 0);
    put(2, SF, 0);
    await mirror.flush(0);
    index.place(index.slotOf(driver(1)), oakland.lat, oakland.lng);
    index.remove(index.slotOf(driver(2)));
    await mirror.flush(1);
    expect(await names(SF, 1)).toEqual([]);
    expect(await names(oakland, 1)).toEqual([driver(1)]);
    expect(await redis.exists(keys.zoneGeo(zoneAt(SF.lat, SF.lng, GRID)))).toBe(0);
  });

  it('R8 has no driver who was swept for silence', async () => {
    const { mirror, put, names, ingest } = setUp();
    put(1, SF, 0);
    put(2, SF, 50_000);
    await mirror.flush(0);
    expect(ingest.sweepSilent(60_001, 60_000).map((it) => it.driverId)).toEqual([driver(1)]);
    await mirror.flush(60_001);
    expect(await names(SF, 60_001)).toEqual([driver(2)]);
  });

  it('R12 positions return with the next pings after Redis was emptied, also of who stands still', async () => {
    const { mirror, put, names } = setUp();
    for (let n = 0; n < 20; n++) put(n, destination(SF, 0, n), 0);
    await mirror.flush(0);
    await redis.flushall();
    for (let nowMs = 1_000; nowMs <= 10_000; nowMs += 1_000) {
      for (let n = 0; n < 20; n++) put(n, destination(SF, 0, n < 10 ? n : n + nowMs / 1_000), nowMs);
      await mirror.flush(nowMs);
      if (nowMs === 1_000) expect((await names(SF, nowMs)).length).toBeGreaterThanOrEqual(10);
    }
    expect(await names(SF, 10_000)).toHaveLength(20);
  });

  it('lets the keys of an abandoned zone expire, also those made anew after Redis was emptied', async () => {
    const { mirror, put, keys } = setUp();
    const zone = zoneAt(SF.lat, SF.lng, GRID);
    const lives = async () => [
      await redis.pttl(keys.zoneGeo(zone)),
      await redis.pttl(keys.zoneDrivers(zone)),
    ];
    put(1, SF, 0);
    await mirror.flush(0);
    for (const ms of await lives()) expect(ms).toBeGreaterThan(ZONE_TTL_MS - 60_000);
    await redis.flushall();
    put(1, destination(SF, 0, 5), 1_000);
    await mirror.flush(1_000);
    expect(await lives()).toEqual([-1, -1]);
    await mirror.flush(2_000);
    for (const ms of await lives()) expect(ms).toBeGreaterThan(0);
  });

  it('R11 clears away what a replica that died has left, while others keep the zone alive', async () => {
    const { mirror, put, keys } = setUp();
    const zone = zoneAt(SF.lat, SF.lng, GRID);
    put(1, SF, 0);
    await mirror.flush(0);
    const index = new DriverIndex({ grid: GRID, driversMax: 5 });
    const other = createRedisDriverMirror({
      redis,
      keys,
      index,
      wallClock: createWallClock(),
      onError: (error) => expect.fail(error.message),
    });
    expect(await other.readZone(zone, 0, 1)).toHaveLength(1);
    const nowMs = ZONE_TTL_MS + 1;
    index.place(index.add(driver(2), CAB, 'available', nowMs), SF.lat, SF.lng);
    await other.flush(nowMs);
    expect(Object.keys(await redis.hgetall(keys.zoneDrivers(zone)))).toEqual([driver(2)]);
    expect(await redis.zrange(keys.zoneGeo(zone), '0', '-1')).toEqual([driver(2)]);
  });

  it('keeps drivers at the poles, which Redis’s geo sets do not', async () => {
    const { mirror, put, names, errors } = setUp();
    for (const [n, lat] of [
      [1, 90],
      [2, -89.9],
      [3, 86],
    ] as const)
      put(n, { lat, lng: 0 }, 0);
    await mirror.flush(0);
    expect(errors).toEqual([]);
    expect(await names({ lat: 90, lng: 0 }, 0)).toEqual([driver(1)]);
  });

  it('keeps everything of a flush that failed in part for a later one, after a pause', async () => {
    const { mirror, put, keys, names, errors, index } = setUp();
    const geo = keys.zoneGeo(zoneAt(SF.lat, SF.lng, GRID));
    await redis.set(geo, 'in the way');
    put(1, SF, 0);
    put(2, SF, 0);
    await mirror.flush(0);
    expect(errors).toHaveLength(1);
    expect(mirror.counts.failedFlushes).toBe(1);
    await redis.del(geo);
    index.remove(index.slotOf(driver(2)));
    await mirror.flush(499);
    expect(await redis.exists(geo)).toBe(0);
    await mirror.flush(500);
    expect(await redis.zrange(geo, '0', '-1')).toEqual([driver(1)]);
    expect(await names(SF, 500)).toEqual([driver(1)]);
  });

  it('writes the other zones when one cannot be written', async () => {
    const { mirror, put, keys, names, errors } = setUp();
    const oakland = { lat: 37.8044, lng: -122.2712 };
    const geo = keys.zoneGeo(zoneAt(SF.lat, SF.lng, GRID));
    await redis.set(geo, 'in the way');
    put(1, SF, 0);
    put(2, oakland, 0);
    await mirror.flush(0);
    expect(errors).toHaveLength(1);
    expect(await names(oakland, 0)).toEqual([driver(2)]);
    await redis.del(geo);
    await mirror.flush(500);
    expect(await redis.zrange(geo, '0', '-1')).toEqual([driver(1)]);
    expect(mirror.counts.drivers).toBe(3);
  });

  it('R12 tells of each plan at once, once, also while Redis is out of reach or busy', async () => {
    const client = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true });
    const plans: [number, number[]][] = [];
    const onPlan = (plan: FlushPlan, nowMs: number) =>
      plans.push([nowMs, [...plan.values()].flatMap(({ slots }) => slots)]);
    const { mirror, put, names, errors, index } = setUp(client, onPlan);
    const at = (m: number) => destination(SF, 0, m);
    put(1, SF, 0);
    put(2, SF, 0);
    await mirror.flush(0);
    put(1, at(10), 100);
    await mirror.flush(100);
    expect(errors).toHaveLength(1);
    await expect.poll(() => client.status).toBe('ready');
    put(1, at(20), 500);
    const running = mirror.flush(500);
    put(2, at(30), 501);
    void mirror.flush(501);
    expect(plans).toEqual([
      [0, [0, 1]],
      [100, [0]],
      [500, [0]],
      [501, [1]],
    ]);
    await running;
    expect(await names(SF, 501)).toEqual([driver(1), driver(2)]);
    const [second] = (await mirror.readZone(index.zoneOf(1)!, 501, 30_000)).filter(
      (it) => it.driverId === driver(2),
    );
    expect(second?.atMs).toBe(0);
    await mirror.flush(502);
    expect(plans.at(-1)).toEqual([502, []]);
    const again = await mirror.readZone(index.zoneOf(1)!, 502, 30_000);
    expect(again.map((it) => it.atMs).sort()).toEqual([500, 501]);
    expect(errors).toHaveLength(1);
    await client.quit();
  });

  it('R10: writes many drivers in turns of the loop; who leaves between two turns is not written', async () => {
    const { index, mirror, put, names } = setUp();
    for (let n = 0; n < 2_000; n++) put(n, SF, 0);
    const flushed = mirror.flush(0);
    const firstTurn = mirror.counts.drivers;
    expect(firstTurn).toBeGreaterThan(0);
    expect(firstTurn).toBeLessThan(2_000);
    for (let n = 1_000; n < 2_000; n++) index.remove(index.slotOf(driver(n)));
    await flushed;
    expect(mirror.counts.drivers).toBe(1_000);
    expect(await names(SF, 0)).toHaveLength(1_000);
  });

  it('writes every everyMs, each driver once, and tells of each plan at its flush all the same', async () => {
    const told: number[] = [];
    const tell = (plan: FlushPlan): void =>
      void told.push([...plan.values()].reduce((sum, { slots }) => sum + slots.length, 0));
    const { mirror, put, names } = setUp(redis, tell, { everyMs: 5_000 });
    put(1, SF, 0);
    await mirror.flush(0);
    for (let nowMs = 1_000; nowMs < 5_000; nowMs += 1_000) {
      put(1, destination(SF, 90, nowMs / 100), nowMs);
      put(2, SF, nowMs);
      await mirror.flush(nowMs);
    }
    expect(mirror.counts.drivers).toBe(1);
    expect(await names(SF, 4_000)).toEqual([driver(1)]);
    await mirror.flush(5_000);
    expect(mirror.counts.drivers).toBe(3);
    expect(await names(SF, 5_000)).toEqual([driver(1), driver(2)]);
    expect(told).toEqual([1, 2, 2, 2, 2, 0]);
  });

  it('writes before everyMs is over when a write’s worth of drivers waits, and after the clock was set back', async () => {
    const { mirror, put } = setUp(redis, undefined, { everyMs: 60_000, flushDriversMax: 3 });
    put(1, SF, 100_000);
    await mirror.flush(100_000);
    for (const n of [2, 3]) put(n, SF, 101_000);
    await mirror.flush(101_000);
    expect(mirror.counts.drivers).toBe(1);
    put(4, SF, 102_000);
    await mirror.flush(102_000);
    expect(mirror.counts.drivers).toBe(4);
    put(5, SF, 102_000);
    await mirror.flush(1_000);
    expect(mirror.counts.drivers).toBe(5);
  });

  it('R10: spreads the turns of a large write over half of everyMs', async () => {
    const gapsMs: number[] = [];
    const wall = createWallClock();
    const wallClock = {
      ...wall,
      after: (ms: number, run: () => void) => {
        gapsMs.push(ms);
        return wall.after(0, run);
      },
    };
    const { mirror, put } = setUp(redis, undefined, { everyMs: 5_000, wallClock });
    for (let n = 0; n < 1_000; n++) put(n, SF, 0);
    await mirror.flush(0);
    expect(gapsMs.length).toBeGreaterThan(1);
    expect(gapsMs.reduce((sum, ms) => sum + ms)).toBeCloseTo((5_000 / 2) * (1_000 / 50_000));
    expect(mirror.counts.drivers).toBe(1_000);
  });

  it('never flushes twice at once, and goes on after the connection was lost', async () => {
    const client = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 0, lazyConnect: true });
    const { mirror, put, names, errors } = setUp(client);
    put(1, SF, 0);
    await mirror.flush(0);
    expect(errors).toHaveLength(1);
    await expect.poll(() => client.status).toBe('ready');
    const both = [mirror.flush(500), mirror.flush(500)] as const;
    expect(both[0]).toBe(both[1]);
    await Promise.all(both);
    expect(errors).toHaveLength(1);
    expect(await names(SF, 500)).toEqual([driver(1)]);
    await client.quit();
  });

  it('sends at most 0.1 commands a ping at 1,000 drivers in a city, one ping and one flush a second', async () => {
    const { mirror, put, ingest } = setUp();
    const prng = createPrng(4);
    const before = commandsOf(await redis.info('stats'));
    for (let s = 0; s < 20; s++) {
      for (let n = 0; n < 1_000; n++)
        put(n, destination(SF, n * 0.36, 6_000 * Math.sqrt(n / 1_000) + prng.int(20)), s * 1_000);
      await mirror.flush(s * 1_000);
    }
    const seen = commandsOf(await redis.info('stats')) - before;
    expect(ingest.counts.ok).toBe(20_000);
    expect(mirror.counts.drivers).toBeGreaterThan(19_000);
    // Redis's own account agrees with ours (but for the INFO itself).
    expect(Math.abs(seen - mirror.counts.commands)).toBeLessThanOrEqual(1);
    expect(mirror.counts.commands / ingest.counts.ok).toBeLessThanOrEqual(0.1);
  });
});

const commandsOf = (info: string): number => Number(/total_commands_processed:(\d+)/.exec(info)![1]);
