import type uWS from 'uWebSockets.js';
import { unreachable } from '../lib/assert.ts';
import { type Decoded, decodeDriverMessage, decodeRiderMessage } from '../protocol/codec.ts';
import { FIX_WIDTH, writeFixRows } from '../protocol/fix-rows.ts';
import { type DriverMessage, PINGS_MAX, type RiderMessage } from '../protocol/messages.ts';
import { readPingRows } from '../protocol/ping-reader.ts';
import { mayCommand } from '../protocol/socket-permissions.ts';
import type { DriverId } from '../domain/ids.ts';
import { rejected } from '../domain/rejection.ts';
import type { Auth } from './auth.ts';
import { Connection, type ConnectionContext, type SocketData } from './connection.ts';
import { countUp, type UpgradeRefusal } from './counters.ts';
import { PingParking } from './ping-parking.ts';
import { NO_SHELTER, type Shelter } from './shelter.ts';
import type { Sessions } from './sessions.ts';
import { admit, readUpgrade, refuseUpgrade, type UpgradeRequest } from './upgrade.ts';

/** Asked once: pings are too many to look into a table for each. */
const DRIVERS_MAY_PING = mayCommand('driver', 'ping') && mayCommand('driver', 'pings');

export interface SocketServerOptions {
  readonly context: ConnectionContext;
  readonly sessions: Sessions;
  readonly auth: Auth;
  /** Without it everything is taken on. */
  readonly shelter?: Shelter;
  /** Take the client's address from the proxy in front; only where there is one. */
  readonly trustForwardedFor: boolean;
}

/** The sockets at `/v1/socket`: who gets in, what a frame means, who is still there. */
export class SocketServer {
  readonly connections = new Set<Connection>();
  isDraining = false;
  private onEmpty: (() => void) | null = null;
  private readonly perAddress = new Map<string, number>();
  private readonly options: SocketServerOptions;
  /** The fixes of the frame being handled; written over by the next. */
  private readonly rows = new Float64Array(PINGS_MAX * FIX_WIDTH);
  private readonly shelter: Shelter;
  private readonly load: Shelter['load'];
  private readonly parking: PingParking;

  constructor(options: SocketServerOptions) {
    this.options = options;
    this.shelter = options.shelter ?? NO_SHELTER;
    this.load = this.shelter.load;
    const { desk, wallClock, counters, limits } = options.context;
    this.parking = new PingParking({ desk, wallClock, counters, parkedMax: limits.pingsParkedMax });
  }

  mount(app: uWS.TemplatedApp): void {
    const { limits } = this.options.context;
    app.ws<SocketData & { resume: UpgradeRequest['resume'] }>('/v1/socket', {
      compression: 0,
      maxPayloadLength: limits.payloadBytesMax,
      // Ours is checked after each send, and closes; the library's would drop a message without a word.
      maxBackpressure: limits.backpressureBytesMax * 2 + 1024 * 1024,
      idleTimeout: limits.idleTimeoutS,
      sendPingsAutomatically: true,
      upgrade: (res, req, context) => this.onUpgrade(res, req, context),
      open: (ws) => this.onOpen(ws),
      // The fields of the user data are on the socket: `getUserData` would be one more call into C++ for each ping.
      message: (ws, bytes, isBinary) =>
        this.onMessage((ws as unknown as SocketData).connection, bytes, isBinary),
      drain: (ws) => {
        const { connection } = ws.getUserData();
        connection.session?.drained(connection);
      },
      close: (ws) => this.onClose(ws.getUserData().connection),
    });
  }

  /** Closes what holds a token that has run out. */
  closeExpired(wallNowMs: number): void {
    for (const connection of this.connections) {
      if (connection.expiresMs <= wallNowMs) connection.close('token_expired');
    }
  }

  /** Closes what came in with a token of one of these sessions. */
  closeSessions(sessionIds: ReadonlySet<string>): void {
    for (const connection of this.connections) {
      const { sessionId } = connection;
      if (sessionId !== null && sessionIds.has(sessionId)) connection.close('session_ended');
    }
  }

  /** Resolves when no socket is open. For the drain, which lets none in. */
  whenEmpty(): Promise<void> {
    if (this.connections.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.onEmpty = resolve;
    });
  }

  private onUpgrade(res: uWS.HttpResponse, req: uWS.HttpRequest, context: uWS.us_socket_context_t): void {
    const request = readUpgrade(res, req, this.options.trustForwardedFor);
    const outcome = this.fullness(request) ?? admit(request, this.options.auth);
    if (typeof outcome === 'string') {
      countUp(this.options.context.counters.upgradesRefused, outcome);
      return refuseUpgrade(res, outcome);
    }
    const connection = new Connection({ ...outcome, address: request.address }, this.options.context);
    res.upgrade({ connection, resume: request.resume }, request.key, outcome.protocol, '', context);
  }

  private fullness(request: UpgradeRequest): UpgradeRefusal | null {
    const { limits } = this.options.context;
    if (this.isDraining) return 'draining';
    if (this.connections.size >= limits.connectionsMax) return 'connections';
    // A socket that could get no snapshot would be closed at once; one that resumes may need none.
    if (request.resume === null && !this.shelter.hasRoom()) return 'overloaded';
    const fromHere = this.perAddress.get(request.address) ?? 0;
    return fromHere >= limits.connectionsPerIpMax ? 'connections_per_ip' : null;
  }

  private onOpen(ws: uWS.WebSocket<SocketData & { resume: UpgradeRequest['resume'] }>): void {
    const { connection, resume } = ws.getUserData();
    const { counters } = this.options.context;
    connection.opened(ws);
    this.connections.add(connection);
    counters.connections[connection.member.role] += 1;
    this.perAddress.set(connection.address, (this.perAddress.get(connection.address) ?? 0) + 1);
    const seat = this.options.sessions.join(connection.member, connection, resume);
    connection.session = seat.session;
    void seat.welcomed.then((isWelcomed) => {
      if (isWelcomed) connection.welcomed();
    });
  }

  private onClose(connection: Connection): void {
    const { counters } = this.options.context;
    connection.closed();
    this.connections.delete(connection);
    counters.connections[connection.member.role] -= 1;
    const left = (this.perAddress.get(connection.address) ?? 1) - 1;
    if (left > 0) this.perAddress.set(connection.address, left);
    else this.perAddress.delete(connection.address);
    if (connection.session !== null) this.options.sessions.leave(connection.session, connection);
    if (this.connections.size === 0) this.onEmpty?.();
  }

  /** The hot path: for a ping in msgpack, nothing is made here but the view of its bytes. */
  private onMessage(connection: Connection, bytes: ArrayBuffer, isBinary: boolean): void {
    const { counters } = this.options.context;
    const { member } = connection;
    counters.bytesIn += bytes.byteLength;
    if (member.role === 'driver' && isBinary && connection.encoding === 'msgpack' && DRIVERS_MAY_PING) {
      const count = readPingRows(new DataView(bytes), this.rows);
      if (count > 0) {
        if (count === 1) counters.messagesIn.ping! += 1;
        else counters.messagesIn.pings! += 1;
        this.onFixes(connection, member.driverId, count);
        return;
      }
    }
    this.onOther(connection, bytes, isBinary);
  }

  private onOther(connection: Connection, bytes: ArrayBuffer, isBinary: boolean): void {
    const decoded = this.decode(connection, bytes, isBinary);
    if (decoded.ok) return this.onDecoded(connection, decoded.value);
    const { counters, limits } = this.options.context;
    if (decoded.code !== 'bad_message') return connection.refuseUnknown(decoded, decoded.id);
    counters.badFrames += 1;
    connection.refuse(decoded, decoded.id);
    connection.badFrames += 1;
    if (connection.badFrames > limits.badFramesMax) connection.close('bad_frames');
  }

  private decode(
    connection: Connection,
    bytes: ArrayBuffer,
    isBinary: boolean,
  ): Decoded<DriverMessage | RiderMessage> {
    const { encoding, member } = connection;
    if (isBinary !== (encoding === 'msgpack')) {
      const wanted = isBinary ? 'text' : 'binary';
      return { ...rejected('bad_message', `this subprotocol uses ${wanted} frames`), id: null };
    }
    const frame = new Uint8Array(bytes);
    switch (member.role) {
      case 'driver':
        return decodeDriverMessage(frame, encoding);
      case 'rider':
        return decodeRiderMessage(frame, encoding);
      default:
        return unreachable(member);
    }
  }

  private onDecoded(connection: Connection, message: DriverMessage | RiderMessage): void {
    const { counters } = this.options.context;
    countUp(counters.messagesIn, message.t);
    if (!mayCommand(connection.member.role, message.t))
      return connection.refuseUnknown(rejected('forbidden'), 'id' in message ? message.id : null);
    if (message.t !== 'ping' && message.t !== 'pings') return connection.submit(message);
    const fixes = message.t === 'ping' ? [message.p] : message.p;
    const { member } = connection;
    if (member.role === 'driver') this.onFixes(connection, member.driverId, writeFixRows(this.rows, fixes));
  }

  /** The way driven on a trip is money: its fixes never wait. */
  private onFixes(connection: Connection, driverId: DriverId, count: number): void {
    const { desk, limits } = this.options.context;
    const { level } = this.load;
    if (level === 'calm' || this.shelter.hasTrip(driverId)) {
      if (connection.admitsFixes(count, limits.fixes))
        connection.deskHint = desk.pings(driverId, this.rows, count, connection.deskHint);
      return;
    }
    const rate = level === 'full' ? limits.fixesWhenFull : limits.fixes;
    if (connection.admitsFixes(count, rate)) this.parking.park(driverId, this.rows, count);
  }
}
