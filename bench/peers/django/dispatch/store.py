"""Where drivers are, in Redis, for the consumers and the views (one event loop a process)."""
import os
import time

from django.conf import settings
from redis import asyncio as aioredis

# Geo set of where drivers are, and hash of when each was heard last (ms).
DRIVERS = "drivers"
SEEN = "drivers:seen"
RADIUS_M = 3_000
CANDIDATES = 10
# A driver silent for so long is not offered a ride.
FRESH_MS = 60_000
# A driver who was offered a ride is held for so long unless they have completed it before.
HOLD_S = 20
# A driver who has not answered by then is passed over.
OFFER_TTL_S = int(os.environ.get("OFFER_TTL_MS", "10000")) / 1000

_redis = None


class Counters:
    received = 0
    stored = 0
    matched = 0


def counts():
    return {
        "received": Counters.received,
        "stored": Counters.stored,
        "matched": Counters.matched,
    }


def redis():
    """The client, made within the running loop."""
    global _redis
    if _redis is None:
        pool = aioredis.BlockingConnectionPool.from_url(
            settings.REDIS_URL,
            max_connections=settings.REDIS_CONNECTIONS,
            timeout=None,
            decode_responses=True,
        )
        _redis = aioredis.Redis(connection_pool=pool)
    return _redis


def now_ms():
    return int(time.time() * 1000)


async def save_location(driver_id, lat, lng):
    async with redis().pipeline(transaction=False) as pipe:
        pipe.geoadd(DRIVERS, (lng, lat, driver_id))
        pipe.hset(SEEN, driver_id, now_ms())
        await pipe.execute()


async def remove_driver(driver_id):
    async with redis().pipeline(transaction=False) as pipe:
        pipe.zrem(DRIVERS, driver_id)
        pipe.hdel(SEEN, driver_id)
        pipe.delete(f"busy:{driver_id}")
        await pipe.execute()


async def claim_nearest(ride_id, lat, lng, tried):
    """The nearest driver who is fresh, free and not in `tried`, held for this ride from now on; None without one."""
    client = redis()
    ids = await client.geosearch(
        DRIVERS,
        longitude=lng,
        latitude=lat,
        radius=RADIUS_M,
        unit="m",
        sort="ASC",
        count=CANDIDATES,
    )
    if not ids:
        return None
    seen = await client.hmget(SEEN, ids)
    oldest_ms = now_ms() - FRESH_MS
    for driver_id, at_ms in zip(ids, seen):
        if driver_id in tried or at_ms is None or int(at_ms) < oldest_ms:
            continue
        if await client.set(f"busy:{driver_id}", ride_id, nx=True, ex=HOLD_S):
            return driver_id
    return None


async def release(driver_id):
    await redis().delete(f"busy:{driver_id}")


async def nearby(lat, lng, radius_m, limit=20):
    """Nearest first: id, distance, (lng, lat)."""
    return await redis().geosearch(
        DRIVERS,
        longitude=lng,
        latitude=lat,
        radius=radius_m,
        unit="m",
        sort="ASC",
        count=limit,
        withdist=True,
        withcoord=True,
    )
