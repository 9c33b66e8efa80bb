import { Redis } from 'ioredis';
import { createWallClock } from '../../src/lib/clock.ts';
import type { Place } from '../../src/domain/place.ts';

const DRIVERS = 'drivers';
const SEEN = 'drivers:seen';
const RADIUS_M = 3_000;
const CANDIDATES = 10;
const NEARBY_MAX = 20;
/** A driver silent for so long is not offered a ride. */
const FRESH_MS = 60_000;
/** A driver who was offered a ride is held for so long unless he has completed it before. */
const HOLD_S = 20;

const busyKey = (driverId: string): string => `busy:${driverId}`;

export interface NearbyDriver extends Place {
  readonly id: string;
  readonly dist: number;
}

/**
 * Where drivers are, in Redis, for the peers in JavaScript: a geo set, and a hash of when each was heard last. Commands of the same turn of the
 * event loop go out in one pipeline (ioredis does that by itself), which is the best that is to be had without a design for it.
 */
export class DriverPositions {
  private readonly redis: Redis;
  private readonly clock = createWallClock();

  constructor(redisUrl: string) {
    this.redis = new Redis(redisUrl, { enableAutoPipelining: true });
  }

  async save(driverId: string, { lat, lng }: Place): Promise<void> {
    const { redis } = this;
    await Promise.all([
      redis.geoadd(DRIVERS, lng, lat, driverId),
      redis.hset(SEEN, driverId, this.clock.nowMs()),
    ]);
  }

  async remove(driverId: string): Promise<void> {
    const { redis } = this;
    await Promise.all([
      redis.zrem(DRIVERS, driverId),
      redis.hdel(SEEN, driverId),
      redis.del(busyKey(driverId)),
    ]);
  }

  /** The nearest driver who is fresh, free and not in `tried`, held for this ride from now on; null when there is none. */
  async claimNearest(
    rideId: string,
    { lat, lng }: Place,
    tried: ReadonlySet<string>,
  ): Promise<string | null> {
    const { redis } = this;
    const around = ['FROMLONLAT', lng, lat, 'BYRADIUS', RADIUS_M, 'm', 'ASC', 'COUNT', CANDIDATES];
    const ids = (await redis.geosearch(DRIVERS, ...around)) as string[];
    if (ids.length === 0) return null;
    const seen = await redis.hmget(SEEN, ...ids);
    const oldestMs = this.clock.nowMs() - FRESH_MS;
    for (const [i, id] of ids.entries()) {
      if (tried.has(id) || !(Number(seen[i]) >= oldestMs)) continue;
      if ((await redis.set(busyKey(id), rideId, 'EX', HOLD_S, 'NX')) === 'OK') return id;
    }
    return null;
  }

  async release(driverId: string): Promise<void> {
    await this.redis.del(busyKey(driverId));
  }

  /** Nearest first, at most 20. */
  async nearby({ lat, lng }: Place, radiusM: number): Promise<NearbyDriver[]> {
    const around = ['FROMLONLAT', lng, lat, 'BYRADIUS', radiusM, 'm', 'ASC', 'COUNT', NEARBY_MAX];
    const rows = await this.redis.geosearch(DRIVERS, ...around, 'WITHCOORD', 'WITHDIST');
    return (rows as [string, string, [string, string]][]).map(([id, dist, [x, y]]) => ({
      ...{ id, dist: Number(dist), lat: Number(y), lng: Number(x) },
    }));
  }
}

/** A place of a message or a query; null when it is none, or nearer to a pole than Redis takes. */
export function readPlace(lat: unknown, lng: unknown): Place | null {
  const place = { lat: Number(lat), lng: Number(lng) };
  const isOnMap = Math.abs(place.lat) <= 85 && Math.abs(place.lng) <= 180;
  return isOnMap ? place : null;
}
