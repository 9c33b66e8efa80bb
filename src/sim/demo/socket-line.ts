import { WebSocket } from 'ws';
import type { ResumePoint } from '../../gateway/session.ts';
import { decodeServerMessage, encode, SUBPROTOCOLS } from '../../protocol/codec.ts';
import type { DriverMessage, RiderMessage } from '../../protocol/messages.ts';
import type { Line, LineEvents } from '../apps/line.ts';
import type { PingPacker } from './ping-packer.ts';

/** What all lines of a process share. */
export interface SocketLineContext {
  /** `ws://host:port`: where a line goes that is given no other. */
  readonly serverUrl: string;
  readonly packer: PingPacker;
  /** A frame of the server's that is none, or a connection refused: what, in words. */
  readonly onTrouble: (what: string) => void;
}

/** Bytes that wait for a server that does not read; beyond it the line is given up. */
const BUFFERED_BYTES_MAX = 64 * 1024;

/** A phone's line over a real WebSocket, in msgpack. */
export class SocketLine implements Line<DriverMessage | RiderMessage> {
  private readonly context: SocketLineContext;
  private readonly token: string;
  private readonly events: LineEvents;
  private socket: WebSocket | null = null;

  constructor(context: SocketLineContext, token: string, events: LineEvents) {
    this.context = context;
    this.token = token;
    this.events = events;
  }

  open(resume: ResumePoint | null, url: string | null): void {
    const query = resume === null ? '' : `?epoch=${encodeURIComponent(resume.epoch)}&seq=${resume.seq}`;
    const socket = new WebSocket(
      `${url ?? this.context.serverUrl}/v1/socket${query}`,
      [SUBPROTOCOLS.msgpack],
      {
        headers: { authorization: `Bearer ${this.token}` },
        perMessageDeflate: false,
        skipUTF8Validation: true,
        // Masks protect proxies from pages in a browser; here is neither, and a mask of zeros costs nothing to apply.
        generateMask: (mask) => mask.fill(0),
      },
    );
    this.socket = socket;
    socket.on('message', (data) => {
      if (this.socket === socket) this.read(data as Buffer);
    });
    for (const sign of ['ping', 'pong']) {
      socket.on(sign, () => {
        if (this.socket === socket) this.events.heard();
      });
    }
    // A `close` follows.
    socket.on('error', (error) => this.context.onTrouble(error.message));
    socket.on('close', (code) => {
      if (this.socket !== socket) return;
      this.socket = null;
      this.events.closed(code);
    });
  }

  send(message: DriverMessage | RiderMessage): void {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > BUFFERED_BYTES_MAX) return socket.terminate();
    socket.send(this.bytesOf(message), { binary: true, compress: false });
  }

  /** Without a closing handshake, as phones go: into a tunnel, or put away. */
  close(): void {
    const { socket } = this;
    this.socket = null;
    socket?.terminate();
  }

  probe(): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.ping();
  }

  private bytesOf(message: DriverMessage | RiderMessage): Uint8Array {
    if (message.t === 'ping') return this.context.packer.ping(message.p);
    if (message.t === 'pings') return this.context.packer.pings(message.p);
    // The encoder's buffer is its own again after the next message; a socket may hold on to it for longer.
    return Buffer.from(encode(message, 'msgpack') as Uint8Array);
  }

  private read(data: Buffer): void {
    const decoded = decodeServerMessage(data, 'msgpack');
    if (decoded.ok) return this.events.received(decoded.value);
    this.context.onTrouble(`a message that is none: ${decoded.code} ${decoded.detail ?? ''}`);
    this.socket?.terminate();
  }
}
