import { issueToken } from '../../src/gateway/auth.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import { decodeServerMessage, encode, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { DriverMessage, ServerMessage } from '../../src/protocol/messages.ts';
import { maskedFrame } from '../load/masked-frame.ts';
import { RawSocket } from '../load/raw-socket.ts';
import { PEERS, type PeerName } from '../peers/peer-servers.ts';
import { openPeerSocket, SPEECHES } from '../peers/speech.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';
import type { Subject } from '../suite/row.ts';

/** A driver with a socket who does nothing but answer the server's pings. */
export interface IdleDriver {
  /** On duty where there is such a thing, and one fix sent and read. */
  goOnDuty(): Promise<void>;
}

export interface ConnectOptions {
  readonly port: number;
  readonly localAddress: string | null;
  /** The driver's number: names the account and the place. */
  readonly n: number;
  readonly onLost: (why: Error) => void;
}

/** Resolves once the server has let the driver in: with us, welcomed with a snapshot. */
export type ConnectDriver = (options: ConnectOptions) => Promise<IdleDriver>;

const TOKEN_S = 3_600;
const RETRY_MS = 500;
/** Apps come again when a busy server sends them away. */
const TRIES_MAX = 20;
/** The golden ratio's share of a circle and its square root's: numbers that count up lie evenly in the city. */
const EVENLY = { lat: 0.6180339887498949, lng: 0.7548776662466927 } as const;
const ONLINE: DriverMessage = { t: 'online', id: 'on-duty', vehicleClass: 'economy', seats: 4 };

/** How a driver of each subject connects; throws for one that is not known. */
export function connectorOf(subject: Subject, clock: Clock): ConnectDriver {
  if (subject === 'hexdispatch') return (options) => EngineDriver.connect(options, clock);
  const name = (Object.keys(PEERS) as PeerName[]).find((peer) => PEERS[peer].subject === subject);
  if (name === undefined) throw new Error(`nobody knows how to connect to ${subject}`);
  return (options) => connectToPeer(name, options);
}

const placeOf = (n: number): { lat: number; lng: number } => {
  const { south, north, west, east } = DEFAULT_MARKET.bounds;
  return {
    lat: south + ((n * EVENLY.lat) % 1) * (north - south),
    lng: west + ((n * EVENLY.lng) % 1) * (east - west),
  };
};

const addressIn = ({ localAddress }: ConnectOptions): { localAddress?: string } =>
  localAddress === null ? {} : { localAddress };

const unixMs = (): number => Math.round(performance.timeOrigin + performance.now());

async function connectToPeer(name: PeerName, options: ConnectOptions): Promise<IdleDriver> {
  const { n, port, onLost } = options;
  const speech = SPEECHES[name];
  const socket = await openPeerSocket(speech, {
    ...{ port, ...addressIn(options), onLost, role: 'driver', id: `idle-driver-${n}` },
  });
  return {
    goOnDuty() {
      socket.write(speech.locationOf({ ...placeOf(n), atMs: unixMs(), speedMps: 0, headingDeg: 0 }));
      return socket.barrier();
    },
  };
}

/** With a token of their own, as an app has one. */
class EngineDriver implements IdleDriver {
  private readonly clock: Clock;
  private readonly n: number;
  private socket: RawSocket | null = null;
  private onWelcome: () => void = () => undefined;
  private onAnswer: (message: ServerMessage) => void = () => undefined;

  static async connect(options: ConnectOptions, clock: Clock): Promise<EngineDriver> {
    for (let tries = 1; ; tries++) {
      const driver = new EngineDriver(options.n, clock);
      try {
        await driver.open(options);
        return driver;
      } catch (error) {
        if (tries === TRIES_MAX) throw error;
        await new Promise<void>((resolve) => void clock.after(RETRY_MS, resolve));
      }
    }
  }

  private constructor(n: number, clock: Clock) {
    this.n = n;
    this.clock = clock;
  }

  async goOnDuty(): Promise<void> {
    for (let answer = await this.goOnline(); answer.t !== 'ack'; answer = await this.goOnline()) {
      if (answer.t === 'error' && !answer.retryable) throw new Error(`going on duty: ${answer.code}`);
      await new Promise<void>((resolve) => void this.clock.after(RETRY_MS, resolve));
    }
    const { lat, lng } = placeOf(this.n);
    this.write({ t: 'ping', p: [unixMs(), lat, lng, 5, 0, 0] });
    await this.socket!.barrier();
  }

  private async open(options: ConnectOptions): Promise<void> {
    const { port, n, onLost } = options;
    const token = await issueToken({
      ...{ secret: Buffer.from(AUTH_SECRET), role: 'driver', subject: `idle-driver-${n}` },
      ...{ ttlS: TOKEN_S, wallNowMs: this.clock.nowMs() },
    });
    await new Promise<void>((resolve, reject) => {
      // Until the welcome a lost socket is one to be tried again; a rejection after it is heard by nobody.
      let isWelcome = false;
      this.onWelcome = () => {
        isWelcome = true;
        opening.then(() => resolve(), reject);
      };
      const opening = RawSocket.open({
        ...{ port, ...addressIn(options), path: '/v1/socket', protocol: SUBPROTOCOLS.msgpack },
        headers: { authorization: `Bearer ${token}` },
        onMessage: (payload) => this.heard(payload),
        onLost: (why) => (isWelcome ? onLost(why) : reject(why)),
      });
      opening.then((socket) => (this.socket = socket), reject);
    });
  }

  private goOnline(): Promise<ServerMessage> {
    return new Promise((resolve) => {
      this.onAnswer = resolve;
      this.write(ONLINE);
    });
  }

  private write(message: DriverMessage): void {
    // The encoder's buffer is its own again after the next message: maskedFrame copies.
    this.socket!.write(maskedFrame(encode(message, 'msgpack')));
  }

  private heard(payload: Buffer): void {
    const decoded = decodeServerMessage(payload, 'msgpack');
    if (!decoded.ok) throw new Error(`a message that is none: ${decoded.code}`);
    if (decoded.value.t === 'welcome') this.onWelcome();
    else this.onAnswer(decoded.value);
  }
}
