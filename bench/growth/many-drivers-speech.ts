import { assert } from '../../src/lib/assert.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { encode } from '../../src/protocol/codec.ts';
import type { DriverMessage } from '../../src/protocol/messages.ts';
import { maskedFrame } from '../load/masked-frame.ts';
import { RawSocket } from '../load/raw-socket.ts';
import type { Speech } from '../load/speech.ts';
import { homesOf, type Homes } from './cities.ts';
import { CROWD_PINGS_PER_S, DRIVER_BYTES, type ManyDriversStats } from './many-drivers.ts';

/** Drivers go round their block, where no place is too far from any other to be believed at once (`jitterM`). */
const BLOCK_RADIUS_M = 48;
/**
 * How far round from one turn to the next, however seldom turns come: 24 m, so that drivers of a large crowd do not enter cells more often than those of a small one, and
 * each ping of either is news to the mirror (20 m).
 */
const TURN_RAD = 0.5;
const M_PER_DEG = 111_195;
/** Numbers that are no integers, so that each takes nine bytes. */
const MESSAGE: DriverMessage = { t: 'ping', p: [0.5, 0.5, 0.5, 8, 9, 180] };
const PING = Buffer.from(encode(MESSAGE, 'msgpack'));
/** From the end: two bytes of heading, one each of speed and accuracy, then longitude, latitude and time with a byte before each. */
const FROM_END = { lng: 4 + 8, lat: 4 + 8 + 9, atMs: 4 + 8 + 9 + 9 } as const;

/**
 * Speaks to many-drivers-server.ts: on each socket any driver's ping, behind the driver's number. All drivers have their turn, in random order, before anybody has the
 * next. `n` sockets of one process share one crowd, as large as the server says it is.
 */
export function manyDriversSpeech(): Speech {
  let crowd: Promise<Crowd> | null = null;
  return {
    fixesToJoin: () => 0,
    openCounter: null,
    join: async ({ port, shape }) => {
      assert(shape.fixesPerFrame === 1, 'one ping a frame');
      const socket = await RawSocket.open({ port, path: '/' });
      const { next } = framesOf(await (crowd ??= crowdOf(port)), shape.framesPerWrite);
      return { socket, next };
    },
  };
}

async function crowdOf(port: number): Promise<Crowd> {
  const response = await fetch(`http://127.0.0.1:${port}/stats`);
  const { drivers, seed } = (await response.json()) as ManyDriversStats;
  return new Crowd(drivers, seed);
}

/** Everybody's home, and whose turn it is. */
class Crowd {
  /** Of the driver whose turn it is. */
  driver = 0;
  lat = 0;
  lng = 0;
  private readonly homes: Homes;
  private readonly order: Int32Array;
  private readonly radPerMs: number;
  private turn = 0;

  constructor(drivers: number, seed: number) {
    this.homes = homesOf(drivers, seed);
    this.radPerMs = (TURN_RAD * CROWD_PINGS_PER_S) / 1_000 / drivers;
    this.order = Int32Array.from({ length: drivers }, (_, n) => n);
    const prng = createPrng(seed + 1);
    for (let n = drivers - 1; n > 0; n--) {
      const other = prng.int(n + 1);
      const driver = this.order[n]!;
      this.order[n] = this.order[other]!;
      this.order[other] = driver;
    }
  }

  next(nowMs: number): void {
    const driver = this.order[this.turn]!;
    if (++this.turn === this.order.length) this.turn = 0;
    const angle = driver + nowMs * this.radPerMs;
    const lat = this.homes.lat[driver]!;
    this.driver = driver;
    this.lat = lat + (Math.cos(angle) * BLOCK_RADIUS_M) / M_PER_DEG;
    this.lng =
      this.homes.lng[driver]! +
      (Math.sin(angle) * BLOCK_RADIUS_M) / (M_PER_DEG * Math.cos((lat * Math.PI) / 180));
  }
}

function framesOf(crowd: Crowd, frames: number): { next: (nowMs: number) => Uint8Array } {
  const frame = maskedFrame(Buffer.concat([Buffer.alloc(DRIVER_BYTES), PING]));
  const bytes = Buffer.concat(Array.from({ length: frames }, () => frame));
  const head = frame.length - DRIVER_BYTES - PING.length;
  return {
    next: (nowMs) => {
      for (let i = 0, at = 0; i < frames; i++, at += frame.length) {
        crowd.next(nowMs);
        const end = at + frame.length;
        bytes.writeUInt32LE(crowd.driver, at + head);
        bytes.writeDoubleBE(nowMs, end - FROM_END.atMs);
        bytes.writeDoubleBE(crowd.lat, end - FROM_END.lat);
        bytes.writeDoubleBE(crowd.lng, end - FROM_END.lng);
      }
      return bytes;
    },
  };
}
