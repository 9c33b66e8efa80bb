import type { Clock } from '../../src/lib/clock.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { decodeServerMessage, encode, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { DriverMessage } from '../../src/protocol/messages.ts';
import type { Prng } from '../../src/lib/prng.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';
import { DriverFrames, type Track } from './driver-frames.ts';
import { maskedFrame } from './masked-frame.ts';
import { RawSocket } from './raw-socket.ts';
import type { Speech } from './speech.ts';

const TOKEN_S = 3_600;
const RETRY_MS = 200;
const ONLINE: DriverMessage = { t: 'online', id: 'on-duty', vehicleClass: 'economy', seats: 4 };
/** The encoder's buffer is its own again after the next message: maskedFrame copies. */
const ONLINE_FRAME = maskedFrame(encode(ONLINE, 'msgpack'));

/** hexdispatch: a token, the welcome, on duty, and a first fix. */
export function engineSpeech(clock: Clock): Speech {
  return {
    fixesToJoin: () => 1,
    openCounter: null,
    join: async ({ port, n, shape, prng }) => {
      const token = await issueToken({
        ...{ secret: Buffer.from(AUTH_SECRET), role: 'driver', subject: `bench-driver-${n}`, ttlS: TOKEN_S },
        wallNowMs: clock.nowMs(),
      });
      const socket = await onDuty({ port, token, clock });
      const track = trackOf(prng());
      socket.write(new DriverFrames({ framesPerWrite: 1, fixesPerFrame: 1 }, track, unixMs()).next(unixMs()));
      const frames = new DriverFrames(shape, track, unixMs());
      return { socket, next: (nowMs) => frames.next(nowMs) };
    },
  };
}

/** A bare server: the same frames, and nobody to sign in to. It counts frames, so that the first one is as long as all others. */
export const bareSpeech: Speech = {
  fixesToJoin: ({ fixesPerFrame }) => fixesPerFrame,
  openCounter: null,
  join: async ({ port, shape, prng }) => {
    const socket = await RawSocket.open({ port, path: '/' });
    const track = trackOf(prng());
    socket.write(new DriverFrames({ ...shape, framesPerWrite: 1 }, track, unixMs()).next(unixMs()));
    const frames = new DriverFrames(shape, track, unixMs());
    return { socket, next: (nowMs) => frames.next(nowMs) };
  },
};

/** Unix ms with fractions: a driver who floods sends many fixes within a millisecond. */
export const unixMs = (): number => performance.timeOrigin + performance.now();

/** The street that a driver drives, by their own generator. By the clock alone: who comes back in a later trial is where they would have got to. */
export function trackOf(prng: Prng): Track {
  const { south, north, west, east } = DEFAULT_MARKET.bounds;
  const home = { lat: south + prng.float() * (north - south), lng: west + prng.float() * (east - west) };
  return { home, angle: prng.float() * 2 * Math.PI };
}

function onDuty(options: { port: number; token: string; clock: Clock }): Promise<RawSocket> {
  const { port, token, clock } = options;
  return new Promise((resolve, reject) => {
    const onMessage = (payload: Buffer): void => {
      const decoded = decodeServerMessage(payload, 'msgpack');
      if (!decoded.ok) return reject(new Error(`a message that is none: ${decoded.code}`));
      const { value } = decoded;
      if (value.t === 'welcome') goOnline();
      else if (value.t === 'ack') opening.then(resolve, reject);
      else if (value.t === 'error' && value.retryable) clock.after(RETRY_MS, goOnline);
      else if (value.t === 'error') reject(new Error(`going on duty: ${value.code}`));
    };
    const opening = RawSocket.open({
      ...{
        port,
        path: '/v1/socket',
        protocol: SUBPROTOCOLS.msgpack,
        onMessage,
        onLost: reject,
      },
      headers: { authorization: `Bearer ${token}` },
    });
    const goOnline = (): void => void opening.then((socket) => socket.write(ONLINE_FRAME), reject);
    opening.catch(reject);
  });
}
