import type { Place } from '../../src/domain/place.ts';
import { maskedFrame } from '../load/masked-frame.ts';
import { RawSocket, type RawSocketOptions } from '../load/raw-socket.ts';
import type { PeerName } from './peer-servers.ts';

export type PeerRole = 'driver' | 'rider';

/** One fix of a driver, as all peers get it. */
export interface SpokenFix extends Place {
  readonly atMs: number;
  readonly speedMps: number;
  readonly headingDeg: number;
}

/** From a peer: `stat` {received, stored, matched}, `offer` {ride, lat, lng, rider}, `matched` {ride, driver}, `no_driver` {ride}. */
export interface PeerMessage {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a client makes of a frame: a message; something that is to be answered at once; that it has been let in; or nothing. */
type Heard = { readonly message: PeerMessage } | { readonly answer: Buffer } | { readonly isIn: true } | null;

/** How a peer is spoken to. All frames are masked and whole, to be written to a socket as they are. */
export interface Speech {
  pathOf(role: PeerRole, id: string): string;
  /** Whether the server has more to say than the upgrade before it listens. */
  readonly isGreeted: boolean;
  locationOf(fix: SpokenFix): Buffer;
  /** Any other message. A driver’s: `accept` {ride, rider}, `complete`. A rider’s: `request` {lat, lng}. */
  messageOf(type: string, fields?: object): Buffer;
  /** Answered with `stat`. */
  readonly statRequest: Buffer;
  read(payload: Buffer): Heard;
}

const fieldsOf = ({ lat, lng, atMs, speedMps, headingDeg }: SpokenFix): object => ({
  lat: Number(lat.toFixed(6)),
  lng: Number(lng.toFixed(6)),
  ts: atMs,
  heading: Number(headingDeg.toFixed(1)),
  speed: Number(speedMps.toFixed(1)),
});

const json = (type: string, fields: object = {}): Buffer => maskedFrame(JSON.stringify({ type, ...fields }));
const parse = (payload: Buffer): PeerMessage => JSON.parse(payload.toString()) as PeerMessage;

/** `ws` and Django Channels. */
const JSON_SPEECH: Speech = {
  pathOf: (role, id) => `/ws/${role}/?id=${id}`,
  isGreeted: false,
  locationOf: (fix) => json('loc', fieldsOf(fix)),
  messageOf: json,
  statRequest: json('stat'),
  read: (payload) => ({ message: parse(payload) }),
};

/** Engine.IO 4: open, ping and pong, message; Socket.IO 5 in those: connect, event. */
const EIO = { open: '0', ping: '2', pong: '3', connect: '40', event: '42' } as const;
const event = (type: string, fields: object = {}): Buffer =>
  maskedFrame(EIO.event + JSON.stringify([type, fields]));

const SOCKETIO_SPEECH: Speech = {
  pathOf: (role, id) => `/socket.io/?EIO=4&transport=websocket&role=${role}&id=${id}`,
  isGreeted: true,
  locationOf: (fix) => event('loc', fieldsOf(fix)),
  messageOf: event,
  statRequest: event('stat'),
  read(payload) {
    const text = payload.toString();
    if (text.startsWith(EIO.event)) {
      const [type, fields] = JSON.parse(text.slice(EIO.event.length)) as [string, object];
      return { message: { type, ...fields } };
    }
    if (text.startsWith(EIO.connect)) return { isIn: true };
    if (text.startsWith(EIO.open)) return { answer: maskedFrame(EIO.connect) };
    return text === EIO.ping ? { answer: maskedFrame(EIO.pong) } : null;
  },
};

/** The bare server counts frames, whatever they hold: these are as short as a fix can sensibly be. One byte asks for the counts. */
const BARE_SPEECH: Speech = {
  pathOf: () => '/',
  isGreeted: false,
  locationOf({ lat, lng, atMs, speedMps, headingDeg }) {
    const bytes = Buffer.alloc(17);
    bytes.writeUInt8(1, 0);
    bytes.writeInt32LE(Math.round(lat * 1e6), 1);
    bytes.writeInt32LE(Math.round(lng * 1e6), 5);
    bytes.writeUInt32LE(Math.floor(atMs / 1_000), 9);
    bytes.writeUInt16LE(Math.round(headingDeg * 10), 13);
    bytes.writeUInt16LE(Math.round(speedMps * 10), 15);
    return maskedFrame(bytes);
  },
  messageOf() {
    throw new Error('the bare server has nothing but pings');
  },
  statRequest: maskedFrame(Uint8Array.of(0xff)),
  read: (payload) => ({ message: parse(payload) }),
};

export const SPEECHES: Readonly<Record<PeerName, Speech>> = {
  bare: BARE_SPEECH,
  socketio: SOCKETIO_SPEECH,
  ws: JSON_SPEECH,
  django: JSON_SPEECH,
};

export interface PeerSocketOptions extends Pick<RawSocketOptions, 'port' | 'localAddress' | 'onLost'> {
  readonly role: PeerRole;
  /** Of the account; several sockets of one id are one driver. */
  readonly id: string;
  readonly onMessage?: (message: PeerMessage) => void;
}

/** A socket to a peer: resolves once the server takes messages. It answers what the protocol wants answered. */
export async function openPeerSocket(speech: Speech, options: PeerSocketOptions): Promise<RawSocket> {
  const { role, id, onMessage, onLost, ...rest } = options;
  let onIn: () => void = () => undefined;
  let onRefused: (why: Error) => void = () => undefined;
  const letIn = new Promise<void>((resolve, reject) => ([onIn, onRefused] = [resolve, reject]));
  if (!speech.isGreeted) onIn();
  const opened = RawSocket.open({
    ...rest,
    path: speech.pathOf(role, id),
    onLost: (why) => {
      onRefused(why);
      onLost?.(why);
    },
    onMessage: (payload) => {
      const heard = speech.read(payload);
      if (heard === null) return;
      if ('message' in heard) onMessage?.(heard.message);
      else if ('isIn' in heard) onIn();
      else void opened.then((socket) => socket.write(heard.answer));
    },
  });
  const socket = await opened;
  await letIn;
  return socket;
}
