import { destination } from '../../src/domain/place.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { unixMs } from '../load/engine-speech.ts';
import type { Speech as LoadSpeech } from '../load/speech.ts';
import { type PeerName } from './peer-servers.ts';
import { openPeerSocket, type PeerMessage, SPEECHES } from './speech.ts';

/** As the drivers of the engine's load: up and down a street of 400 m. */
const SPEED_MPS = 8;
const STREET_M = 400;

/** How a peer is loaded with pings, all of them single fixes; the closed loop goes by what it has stored. */
export function peerLoadSpeech(name: PeerName): LoadSpeech {
  const speech = SPEECHES[name];
  return {
    fixesToJoin: () => 1,
    async join({ port, n, shape, prng }) {
      const { south, north, west, east } = DEFAULT_MARKET.bounds;
      const own = prng();
      const home = { lat: south + own.float() * (north - south), lng: west + own.float() * (east - west) };
      const bearing = own.float() * 360;
      const socket = await openPeerSocket(speech, { port, role: 'driver', id: `driver-${n}` });
      const fixes = shape.framesPerWrite * shape.fixesPerFrame;
      const frameAt = (nowMs: number): Buffer => {
        const wayM = ((nowMs / 1_000) * SPEED_MPS) % (2 * STREET_M);
        const isBack = wayM > STREET_M;
        const place = destination(home, bearing, isBack ? 2 * STREET_M - wayM : wayM);
        const headingDeg = isBack ? (bearing + 180) % 360 : bearing;
        const fix = { ...place, atMs: Math.floor(nowMs), speedMps: SPEED_MPS, headingDeg };
        return speech.locationOf(fix);
      };
      socket.write(frameAt(unixMs()));
      const next = (nowMs: number): Buffer => {
        const frame = frameAt(nowMs);
        return fixes === 1 ? frame : Buffer.concat(Array.from({ length: fixes }, () => frame));
      };
      return { socket, next };
    },
    async openCounter(port) {
      const waiting: ((stored: number) => void)[] = [];
      const onMessage = ({ type, stored }: PeerMessage): void => {
        if (type === 'stat') waiting.shift()?.(stored as number);
      };
      const socket = await openPeerSocket(speech, { port, role: 'driver', id: 'counter', onMessage });
      return () =>
        new Promise((resolve) => {
          waiting.push(resolve);
          socket.write(speech.statRequest);
        });
    },
  };
}
