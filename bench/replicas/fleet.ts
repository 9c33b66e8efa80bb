import { WebSocket } from 'ws';
import type { Bounds } from '../../src/domain/market.ts';
import { destination } from '../../src/domain/place.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { createPrng, type Prng } from '../../src/lib/prng.ts';
import { decodeServerMessage, encode, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { DriverMessage, ServerMessage } from '../../src/protocol/messages.ts';
import { PingPacker } from '../../src/sim/demo/ping-packer.ts';
import type { FleetPlan } from './fleet-messages.ts';

/** About 29 km/h, a car in a city's traffic. */
const SPEED_MPS = 8;
/** A corner every half a minute or so. */
const TURN_CHANCE_A_PING = 1 / 30;
const CONNECTING_MAX = 32;
const RETRY_MS = 200;
const TOKEN_S = 3_600;
/** The open loop looks at the time so often: as fine as timers go, for pings that come in heaps are cheaper than a city's are. */
const STEP_MS = 1;

interface Driver {
  readonly socket: WebSocket;
  lat: number;
  lng: number;
  headingDeg: number;
  atMs: number;
}

/** So many idle drivers who cross the area at 8 m/s, each with a socket of its own, one fix a frame. */
export class Fleet {
  private readonly plan: FleetPlan;
  private readonly clock: Clock;
  private readonly prng: Prng;
  private readonly packer = new PingPacker();
  private readonly drivers: Driver[] = [];
  private readonly onBreak: (error: Error) => void;
  private isHalted = false;
  sent = 0;
  lateMsMax = 0;

  /** `onBreak`: a driver's line was lost. */
  constructor(plan: FleetPlan, clock: Clock, onBreak: (error: Error) => void) {
    this.plan = plan;
    this.clock = clock;
    this.prng = createPrng(plan.seed);
    this.onBreak = onBreak;
  }

  /** Brings all on duty; answers how many are with each server. */
  async connect(): Promise<number[]> {
    const { drivers, serverUrls } = this.plan;
    const byServer = serverUrls.map(() => 0);
    const waiting = Array.from({ length: drivers }, (_, i) => i);
    const worker = async (): Promise<void> => {
      for (let i = waiting.pop(); i !== undefined; i = waiting.pop()) {
        const server = await this.bringOnDuty(`bench-driver-${i}`);
        byServer[server] = byServer[server]! + 1;
      }
    };
    await Promise.all(Array.from({ length: CONNECTING_MAX }, worker));
    // Neighbours in time are not to be neighbours on a server or in the city.
    this.drivers.sort((a, b) => a.headingDeg - b.headingDeg);
    return byServer;
  }

  /** An open loop: what is due is sent, whatever the servers do. */
  drive(pingMs: number): void {
    const { clock, drivers } = this;
    const beganMs = clock.nowMs();
    const perMs = drivers.length / pingMs;
    const begun = this.sent;
    const timer = clock.every(STEP_MS, () => {
      if (this.isHalted) return timer.cancel();
      const elapsedMs = clock.nowMs() - beganMs;
      const due = begun + Math.floor(elapsedMs * perMs);
      this.lateMsMax = Math.max(this.lateMsMax, elapsedMs - (this.sent - begun) / perMs);
      for (; this.sent < due; this.sent++) this.ping(drivers[this.sent % drivers.length]!);
    });
  }

  halt(): void {
    this.isHalted = true;
  }

  private async bringOnDuty(subject: string): Promise<number> {
    const { secret, bounds } = this.plan;
    const lat = bounds.south + this.prng.float() * (bounds.north - bounds.south);
    const lng = bounds.west + this.prng.float() * (bounds.east - bounds.west);
    const headingDeg = this.prng.float() * 360;
    const wallNowMs = this.clock.nowMs();
    const token = await issueToken({
      ...{ secret: Buffer.from(secret), role: 'driver', subject, ttlS: TOKEN_S, wallNowMs },
    });
    const server = await this.serverAt(lat, lng, token);
    const socket = await this.open(this.plan.serverUrls[server]!, token);
    const driver = { socket, lat, lng, headingDeg, atMs: this.clock.nowMs() };
    this.ping(driver);
    this.drivers.push(driver);
    return server;
  }

  private async serverAt(lat: number, lng: number, token: string): Promise<number> {
    const { serverUrls, routing } = this.plan;
    const any = this.prng.int(serverUrls.length);
    if (routing === 'random' || serverUrls.length === 1) return any;
    const answer = await fetch(`${serverUrls[any]!}/v1/connect?lat=${lat}&lng=${lng}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (answer.status !== 200) throw new Error(`connect answers ${answer.status}`);
    const { url } = (await answer.json()) as { url: string | null };
    const named = url === null ? any : serverUrls.indexOf(url.replace(/^ws/, 'http'));
    if (named < 0) throw new Error(`connect names ${url}, which is none of the servers`);
    return named;
  }

  /** On duty once it resolves. */
  private open(serverUrl: string, token: string): Promise<WebSocket> {
    const socket = new WebSocket(`${serverUrl.replace(/^http/, 'ws')}/v1/socket`, [SUBPROTOCOLS.msgpack], {
      headers: { authorization: `Bearer ${token}` },
      perMessageDeflate: false,
      skipUTF8Validation: true,
      generateMask: (mask) => mask.fill(0),
    });
    return new Promise((resolve, reject) => {
      const goOnline = (): void =>
        send(socket, { t: 'online', id: 'on-duty', vehicleClass: 'economy', seats: 4 });
      socket.on('message', (data) => {
        const message = decoded(data as Buffer);
        if (message.t === 'welcome') goOnline();
        else if (message.t === 'ack') resolve(socket);
        else if (message.t === 'error' && message.retryable) this.clock.after(RETRY_MS, goOnline);
        else if (message.t === 'error') reject(new Error(`going on duty: ${message.code}`));
      });
      socket.on('error', reject);
      socket.on('close', (code) => {
        reject(new Error(`closed with ${code}`));
        this.onBreak(new Error(`a driver's socket was closed with ${code}`));
      });
    });
  }

  private ping(driver: Driver): void {
    this.move(driver);
    const { atMs, lat, lng, headingDeg, socket } = driver;
    const frame = this.packer.ping([atMs, lat, lng, 5, SPEED_MPS, headingDeg]);
    socket.send(frame, { binary: true, compress: false });
  }

  private move(driver: Driver): void {
    const nowMs = this.clock.nowMs();
    const wayM = ((nowMs - driver.atMs) / 1_000) * SPEED_MPS;
    if (this.prng.chance(TURN_CHANCE_A_PING)) driver.headingDeg = (driver.headingDeg + 90) % 360;
    const next = destination(driver, driver.headingDeg, wayM);
    if (!isInside(this.plan.bounds, next)) driver.headingDeg = (driver.headingDeg + 180) % 360;
    else ({ lat: driver.lat, lng: driver.lng } = next);
    driver.atMs = nowMs;
  }
}

const isInside = ({ south, west, north, east }: Bounds, at: { lat: number; lng: number }): boolean =>
  at.lat >= south && at.lat <= north && at.lng >= west && at.lng <= east;

function send(socket: WebSocket, message: DriverMessage): void {
  // The encoder's buffer is its own again after the next message.
  socket.send(Buffer.from(encode(message, 'msgpack') as Uint8Array), { binary: true });
}

function decoded(data: Buffer): ServerMessage {
  const message = decodeServerMessage(data, 'msgpack');
  if (!message.ok) throw new Error(`a message that is none: ${message.code}`);
  return message.value;
}
