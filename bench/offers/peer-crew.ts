import type { Clock } from '../../src/lib/clock.ts';
import { openPeerSocket, type PeerMessage, type Speech } from '../peers/speech.ts';
import type { RawSocket } from '../load/raw-socket.ts';
import type { Crew } from './crew.ts';

/** The driver of a ride is free again so long after accepting it. */
const RIDE_MS = 100;
const SPEED_MPS = 8;

/** Drivers and riders of a peer: offer, accept, matched, complete. `onLost`: a socket was closed. */
export function peerCrew(speech: Speech, clock: Clock, onLost: (why: Error) => void): Crew {
  return {
    async openDriver({ port, n, place, onOffer }) {
      const complete = speech.messageOf('complete');
      const onMessage = ({ type, ride, rider, lat, lng }: PeerMessage): void => {
        if (type !== 'offer') return;
        onOffer({ lat: lat as number, lng: lng as number });
        socket.write(speech.messageOf('accept', { ride, rider }));
        clock.after(RIDE_MS, () => socket.write(complete));
      };
      const socket: RawSocket = await openPeerSocket(speech, {
        ...{ port, role: 'driver', id: `timed-driver-${n}`, onMessage, onLost },
      });
      const ping = (): void =>
        socket.write(
          speech.locationOf({ ...place, atMs: clock.nowMs(), speedMps: SPEED_MPS, headingDeg: 45 }),
        );
      return { ping };
    },

    async openRider({ port, n, onEnd, onRefused }) {
      const onMessage = ({ type }: PeerMessage): void => {
        if (type === 'matched') onEnd();
        else onRefused(type);
      };
      const socket = await openPeerSocket(speech, {
        ...{ port, role: 'rider', id: `timed-rider-${n}`, onMessage, onLost },
      });
      return { request: ({ lat, lng }) => socket.write(speech.messageOf('request', { lat, lng })) };
    },
  };
}
