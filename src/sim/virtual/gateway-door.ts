import type uWS from 'uWebSockets.js';
import { Connection, type ConnectionContext, type SocketData } from '../../gateway/connection.ts';
import type { Member } from '../../dispatch/desk.ts';
import type { ResumePoint } from '../../gateway/session.ts';
import type { Sessions } from '../../gateway/sessions.ts';
import { SocketServer } from '../../gateway/socket-server.ts';
import { rejected } from '../../domain/rejection.ts';
import { assert } from '../../lib/assert.ts';
import type { Prng } from '../../lib/prng.ts';
import type { Encoding } from '../../protocol/codec.ts';
import type { Doorway } from './network.ts';
import type { ProcessClock } from './virtual-clock.ts';

/** Where a server's frames go. `end` has closed the connection when it returns. */
export interface FrameSink {
  frame(content: Uint8Array | string): void;
  ended(code: number): void;
}

/** One connection as the server's side of the network holds it. */
export interface ServerEnd {
  /** A frame has come in, whole. */
  frame(content: Uint8Array): void;
  /** The other side is gone. Nothing is sent any more. */
  lost(): void;
}

type UserData = SocketData & { resume: ResumePoint | null };
type Behavior = uWS.WebSocketBehavior<UserData>;

/**
 * The gateway's own socket server with the network library beneath it replaced: sessions, connections, queues, rate limits and
 * codecs are the real ones. Whoever comes here has been authenticated.
 */
export class GatewayDoor implements Doorway {
  private readonly behavior: Behavior;
  private readonly context: ConnectionContext;
  private readonly clock: ProcessClock;
  private readonly server: SocketServer;

  constructor(options: { context: ConnectionContext; sessions: Sessions; clock: ProcessClock }) {
    const { context, sessions } = options;
    this.context = context;
    this.clock = options.clock;
    this.server = new SocketServer({
      context,
      sessions,
      // Upgrades do not come this way.
      auth: {
        authenticate: () => rejected('unauthorized'),
        authenticateOnce: () => rejected('unauthorized'),
      },
      trustForwardedFor: false,
    });
    let behavior: Behavior | null = null;
    const app = {
      ws(_path: string, mounted: Behavior) {
        behavior = mounted;
      },
    };
    this.server.mount(app as unknown as uWS.TemplatedApp);
    assert(behavior !== null, 'the socket server mounts its sockets');
    this.behavior = behavior;
  }

  open(member: Member, encoding: Encoding, resume: ResumePoint | null, sink: FrameSink): ServerEnd {
    const who = { member, encoding, address: '198.51.100.1', expiresMs: Infinity, sessionId: null };
    const connection = new Connection(who, this.context);
    const socket = new VirtualSocket(sink, { connection, resume }, () => this.close(socket));
    void this.behavior.open?.(socket.asSocket());
    return {
      frame: (content) => {
        if (!socket.isOpen) return;
        const bytes = new Uint8Array(content).buffer;
        void this.behavior.message?.(socket.asSocket(), bytes, encoding === 'msgpack');
      },
      lost: () => socket.drop(),
    };
  }

  arrive(deliver: () => void): void {
    this.clock.arrive(deliver);
  }

  /** Tells every connection to go elsewhere, each at a moment of its own, as the gateway does; resolves when all have gone. */
  async drain(prng: Prng): Promise<void> {
    const { limits } = this.context;
    this.server.isDraining = true;
    for (const connection of this.server.connections)
      this.clock.after(prng.int(limits.drainJitterMs + 1), () => connection.closeWhenIdle());
    this.clock.after(limits.drainMsMax, () => {
      for (const connection of this.server.connections) connection.close('going_away');
    });
    await this.server.whenEmpty();
  }

  private close(socket: VirtualSocket): void {
    this.behavior.close?.(socket.asSocket(), 1006, new ArrayBuffer(0));
  }
}

/** What of uWS.WebSocket the gateway uses. */
class VirtualSocket {
  isOpen = true;
  readonly connection: Connection;
  private readonly sink: FrameSink;
  private readonly data: UserData;
  private readonly closed: () => void;

  constructor(sink: FrameSink, data: UserData, closed: () => void) {
    this.sink = sink;
    this.data = data;
    this.connection = data.connection;
    this.closed = closed;
  }

  asSocket(): uWS.WebSocket<UserData> {
    return this as unknown as uWS.WebSocket<UserData>;
  }

  getUserData(): UserData {
    return this.data;
  }

  getBufferedAmount(): number {
    return 0;
  }

  send(content: Uint8Array | string): number {
    assert(this.isOpen, 'nothing is sent on a closed socket');
    this.sink.frame(content);
    return 1;
  }

  end(code: number): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.sink.ended(code);
    this.closed();
  }

  drop(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.closed();
  }
}
