import type { Place } from '../../src/domain/place.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { decodeServerMessage, encode, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { DriverMessage, RiderMessage, ServerMessage, TripView } from '../../src/protocol/messages.ts';
import { DriverFrames } from '../load/driver-frames.ts';
import { maskedFrame } from '../load/masked-frame.ts';
import { RawSocket } from '../load/raw-socket.ts';
import { AUTH_SECRET } from '../suite/engine-server.ts';
import type { Crew, DriverOptions, RiderOptions, TimedDriver, TimedRider } from './crew.ts';
import { Pins, RideWork } from './ride-work.ts';

/** More than the drivers of the load have (bench/load): nobody else than the timed drivers can be offered these rides. */
const SEATS = 6;
const TOKEN_S = 3_600;
const RETRY_MS = 100;
const ONE_FIX = { framesPerWrite: 1, fixesPerFrame: 1 } as const;

type ClientMessage = DriverMessage | RiderMessage;

/** Drivers and riders of hexdispatch. `onTrouble`: a socket was closed, or a command was refused that should not have been. */
export class EngineCrew implements Crew {
  private readonly clock: Clock;
  private readonly onTrouble: (why: Error) => void;
  private readonly pins = new Pins();
  /** A run’s ids are not those of an earlier one. */
  private readonly tag: string;

  constructor(clock: Clock, onTrouble: (why: Error) => void) {
    this.clock = clock;
    this.onTrouble = onTrouble;
    this.tag = clock.nowMs().toString(36);
  }

  async openDriver(options: DriverOptions): Promise<TimedDriver> {
    let onDuty: () => void = () => undefined;
    const isOnDuty = new Promise<void>((resolve) => (onDuty = resolve));
    const online: DriverMessage = { t: 'online', id: 'on-duty', vehicleClass: 'economy', seats: SEATS };
    const work = new RideWork(this.pins, this.onTrouble, (message) => send(message));
    const { socket, send } = await this.open('driver', options, (message) => {
      if (message.t === 'offer') {
        options.onOffer(message.offer.pickup);
        work.begin(message.offer);
      } else if (message.t === 'ack') {
        if (message.id === online.id) onDuty();
        else work.acked(message.id);
      } else if (message.t === 'error') {
        if (message.id === online.id && message.retryable) this.clock.after(RETRY_MS, () => send(online));
        else this.clock.after(RETRY_MS, () => work.refused(message));
      }
    });
    send(online);
    await isOnDuty;
    const frames = new DriverFrames(ONE_FIX, { home: options.place, angle: 0 }, this.clock.nowMs());
    return { ping: () => socket.write(frames.next(this.clock.nowMs())) };
  }

  async openRider(options: RiderOptions): Promise<TimedRider> {
    let asked = 0;
    const onTrip = (trip: TripView): void => {
      if (trip.pin !== null) this.pins.tell(trip.tripId, trip.pin);
      if (trip.endedMs === null) return;
      this.pins.forget(trip.tripId);
      if (trip.status === 'completed') options.onEnd();
      else options.onRefused(trip.endReason ?? trip.status);
    };
    const { send } = await this.open('rider', options, (message) => {
      if (message.t === 'trip') onTrip(message.trip);
      else if (message.t === 'ack' && message.trip !== undefined) onTrip(message.trip);
      else if (message.t === 'error') options.onRefused(message.code);
    });
    return {
      request: (pickup) => {
        const id = `${this.tag}-${options.n}-${asked++}`;
        const dropoff: Place = { lat: pickup.lat + 0.02, lng: pickup.lng };
        send({ t: 'request', id, pickup, dropoff, vehicleClass: 'economy', seats: SEATS });
      },
    };
  }

  /** Resolves after the welcome. */
  private async open(
    role: 'driver' | 'rider',
    { port, n }: { port: number; n: number },
    onMessage: (message: ServerMessage) => void,
  ): Promise<{ socket: RawSocket; send: (message: ClientMessage) => void }> {
    const wallNowMs = this.clock.nowMs();
    const token = await issueToken({
      ...{ secret: Buffer.from(AUTH_SECRET), role, subject: `timed-${role}-${n}`, ttlS: TOKEN_S, wallNowMs },
    });
    let welcomed: () => void = () => undefined;
    const isWelcome = new Promise<void>((resolve) => (welcomed = resolve));
    const socket = await RawSocket.open({
      ...{ port, path: '/v1/socket', protocol: SUBPROTOCOLS.msgpack, onLost: this.onTrouble },
      headers: { authorization: `Bearer ${token}` },
      onMessage: (payload) => {
        const decoded = decodeServerMessage(payload, 'msgpack');
        if (!decoded.ok) return this.onTrouble(new Error(`a message that is none: ${decoded.code}`));
        if (decoded.value.t === 'welcome') welcomed();
        else onMessage(decoded.value);
      },
    });
    await isWelcome;
    // The encoder's buffer is its own again after the next message: maskedFrame copies.
    return { socket, send: (message) => socket.write(maskedFrame(encode(message, 'msgpack'))) };
  }
}
