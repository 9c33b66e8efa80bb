import uWS from 'uWebSockets.js';
import { createEngine } from '../../src/dispatch/create-engine.ts';
import { NO_DISPATCH_METER } from '../../src/dispatch/dispatch-meter.ts';
import { DEFAULT_ENGINE_LIMITS, type Engine } from '../../src/dispatch/engine.ts';
import { ALONE } from '../../src/dispatch/peers.ts';
import { takePings } from '../../src/dispatch/pings.ts';
import { DEFAULT_GRID } from '../../src/domain/cell.ts';
import type { DriverId } from '../../src/domain/ids.ts';
import { createMemoryClaims } from '../../src/geo/claims-memory.ts';
import { DriverIndex } from '../../src/geo/driver-index.ts';
import { createRedisDriverMirror } from '../../src/geo/driver-mirror-redis.ts';
import type { DriverMirror } from '../../src/geo/driver-mirror.ts';
import { createIngest } from '../../src/geo/ingest.ts';
import { DEFAULT_PING_LIMITS } from '../../src/geo/ping-filter.ts';
import { type Clock, createWallClock, stopwatchMs } from '../../src/lib/clock.ts';
import { randomPin, randomUuidV7 } from '../../src/lib/entropy.ts';
import { SILENT_LOG } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { type BucketRate, TokenBucket } from '../../src/lib/token-bucket.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { FIX_WIDTH } from '../../src/protocol/fix-rows.ts';
import { PINGS_MAX } from '../../src/protocol/messages.ts';
import { readPingRows } from '../../src/protocol/ping-reader.ts';
import { createRedisKeys } from '../../src/protocol/redis-keys.ts';
import { openRedisLink } from '../../src/redis-link.ts';
import { MemoryTripStore } from '../../src/store/trip-store-memory.ts';
import { announce } from '../peers/peer-process.ts';
import { homesOf } from './cities.ts';
import { DRIVER_BYTES, driverIdOf, type ManyDriversStats } from './many-drivers.ts';

/**
 * More drivers than a machine has sockets for: each frame names its driver. From there on a ping goes the way it goes in the server (the socket's bucket, the engine's
 * `takePings`, the mirror on the real Redis at REDIS_URL); nobody has a trip. DRIVERS, SEED: who is on duty, already written to Redis when it says that it is ready.
 */
interface SocketData {
  readonly fixes: TokenBucket;
}

/** Each flush is written, oftener than a server does by default: so drivers of a small crowd are written nearly for each ping, as those of a large one are. */
const GEO_FLUSH_MS = 1_000;
const COARSE_MS = 250;
/** A socket stands for very many drivers: its rate is looked at and never too high. */
const RATE: BucketRate = { perS: 1e6, burstMax: 1e6 };
const REDIS_READY_MS_MAX = 5_000;

const drivers = Number(process.env['DRIVERS']);
const seed = Number(process.env['SEED']);
const clock = createWallClock();
const ids = Array.from({ length: drivers }, (_, n) => driverIdOf(n) as DriverId);

const index = new DriverIndex({ grid: DEFAULT_GRID, driversMax: drivers });
const engine = engineOver(index, clock);
const mirror = await openMirror(index);
takeOnDuty();
while (index.dirty.count > 0) await mirror.flush(clock.nowMs());
clock.every(GEO_FLUSH_MS, () => void mirror.flush(clock.nowMs()));
serve();

function engineOver(index: DriverIndex, clock: Clock): Engine {
  return createEngine({
    ...{ index, clock, store: new MemoryTripStore(), claims: createMemoryClaims(clock), peers: ALONE },
    ingest: createIngest({ index, limits: DEFAULT_PING_LIMITS }),
    ...{ markets: [DEFAULT_MARKET], meter: NO_DISPATCH_METER, stopwatchMs, log: SILENT_LOG },
    ids: { newId: () => randomUuidV7(clock.nowMs()), newPin: randomPin },
    limits: DEFAULT_ENGINE_LIMITS,
    announcer: {
      ...{ toDriver: () => undefined, toRider: () => undefined, hasDriver: () => true, hasRider: () => true },
      ...{ dropDriver: () => undefined, dropRider: () => undefined },
    },
  });
}

async function openMirror(index: DriverIndex): Promise<DriverMirror> {
  const link = openRedisLink(process.env['REDIS_URL']!, { log: SILENT_LOG, prng: createPrng(seed), clock });
  if (!(await link.untilReady(REDIS_READY_MS_MAX))) throw new Error('Redis is out of reach');
  const keys = createRedisKeys('hexdispatch');
  return createRedisDriverMirror({
    redis: link.commands,
    keys,
    index,
    wallClock: clock,
    onError: (error) => console.error(error),
  });
}

function takeOnDuty(): void {
  const homes = homesOf(drivers, seed);
  const nowMs = clock.nowMs();
  for (let n = 0; n < drivers; n++) {
    index.add(ids[n]!, { vehicleClass: 'economy', seats: 4 }, 'available', nowMs);
    takePings(engine, ids[n]!, Float64Array.of(nowMs, homes.lat[n]!, homes.lng[n]!, 8, 9, 180), 1);
  }
}

function stats(): ManyDriversStats {
  const { drivers: written, failedFlushes } = mirror.counts;
  return { drivers, seed, ok: engine.ingest.counts.ok, written, failedFlushes, dirty: index.dirty.count };
}

function serve(): void {
  const rows = new Float64Array(PINGS_MAX * FIX_WIDTH);
  // As a connection keeps what the desk said of its driver.
  const hints = new Int32Array(drivers).fill(-1);
  let coarseMs = clock.nowMs();
  clock.every(COARSE_MS, () => (coarseMs = clock.nowMs()));
  uWS
    .App()
    .ws<SocketData>('/*', {
      compression: 0,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => {
        const key = req.getHeader('sec-websocket-key');
        res.upgrade({ fixes: new TokenBucket() }, key, '', '', context);
      },
      message: (ws, bytes) => {
        const frame = new DataView(bytes);
        const count = readPingRows(new DataView(bytes, DRIVER_BYTES), rows);
        if (count === 0 || !(ws as unknown as SocketData).fixes.take(RATE, coarseMs, count)) return;
        const driver = frame.getUint32(0, true);
        hints[driver] = takePings(engine, ids[driver]!, rows, count, hints[driver]);
      },
    })
    .get('/stats', (res) => void res.end(JSON.stringify(stats())))
    .listen('127.0.0.1', 0, (socket) => {
      if (!socket) throw new Error('no port');
      announce(uWS.us_socket_local_port(socket));
    });
}
