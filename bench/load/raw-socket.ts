import { connect, type Socket } from 'node:net';
import { FrameReader } from './frame-reader.ts';
import { maskedFrame, OPCODE } from './masked-frame.ts';

export interface RawSocketOptions {
  readonly port: number;
  /** `/v1/socket?…`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** WebSocket subprotocol to ask for. */
  readonly protocol?: string;
  /** 127.0.0.x, when there are more sockets than one address has ports. */
  readonly localAddress?: string;
  /** The payload is good during the call only. */
  readonly onMessage?: (payload: Buffer, isText: boolean) => void;
  /** It ended without `close` having been called. */
  readonly onLost?: (why: Error) => void;
}

const ANY_KEY = Buffer.alloc(16).toString('base64');
const PING = maskedFrame('', OPCODE.ping);
const HEAD_BYTES_MAX = 16 * 1024;

/**
 * The cheapest WebSocket client there is in Node, for load: frames are prepared by the caller and written as they are, several in one write if he likes.
 * It answers pings, and never looks into what it is sent unless it was asked to.
 */
export class RawSocket {
  private readonly options: RawSocketOptions;
  private readonly socket: Socket;
  private readonly reader = new FrameReader((opcode, payload) => this.onFrame(opcode, payload));
  /** Who waits for pongs, oldest first. */
  private barriers: (() => void)[] = [];
  private isClosing = false;

  /** Resolves when the server has agreed to the upgrade; rejects when it did not. */
  static open(options: RawSocketOptions): Promise<RawSocket> {
    return new Promise((resolve, reject) => {
      const raw = new RawSocket(options, () => resolve(raw), reject);
    });
  }

  private constructor(options: RawSocketOptions, onOpen: () => void, onRefused: (why: Error) => void) {
    this.options = options;
    const { port, localAddress } = options;
    const address = localAddress === undefined ? {} : { localAddress };
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true, ...address });
    this.socket.on('connect', () => this.socket.write(this.upgradeRequest()));
    let end = (why: Error): void => onRefused(why);
    let head = Buffer.alloc(0);
    const onHead = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk]);
      const at = head.indexOf('\r\n\r\n');
      if (at < 0 && head.length < HEAD_BYTES_MAX) return;
      const status = head.subarray(0, head.indexOf('\r\n')).toString('latin1');
      if (at < 0 || !status.startsWith('HTTP/1.1 101'))
        return void this.socket.destroy(new Error(`the upgrade was answered with ${status}`));
      this.socket.off('data', onHead).on('data', (bytes: Buffer) => this.reader.take(bytes));
      end = (why) => this.onEnd(why);
      onOpen();
      if (head.length > at + 4) this.reader.take(head.subarray(at + 4));
    };
    this.socket.on('data', onHead);
    let cause: Error | null = null;
    this.socket.on('error', (error) => (cause = error));
    this.socket.on('close', () => end(cause ?? new Error('the socket was closed')));
  }

  write(frames: Uint8Array): void {
    this.socket.write(frames);
  }

  /** Resolves when the server has read, and a synchronous one dealt with, all that was written before: it has answered a ping. */
  barrier(): Promise<void> {
    return new Promise((resolve) => {
      this.barriers.push(resolve);
      this.socket.write(PING);
    });
  }

  /** Without a word to the server: its side sees the connection end. */
  close(): void {
    this.isClosing = true;
    this.socket.destroy();
  }

  private upgradeRequest(): string {
    const { port, path, headers = {}, protocol } = this.options;
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: 127.0.0.1:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${ANY_KEY}`,
      'Sec-WebSocket-Version: 13',
      ...(protocol === undefined ? [] : [`Sec-WebSocket-Protocol: ${protocol}`]),
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ];
    return `${lines.join('\r\n')}\r\n\r\n`;
  }

  private onFrame(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.pong) this.barriers.shift()?.();
    else if (opcode === OPCODE.ping) this.socket.write(maskedFrame(payload, OPCODE.pong));
    else if (opcode === OPCODE.close) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      this.socket.destroy(new Error(`the server closed with ${code} ${payload.subarray(2).toString()}`));
    } else this.options.onMessage?.(payload, opcode === OPCODE.text);
  }

  private onEnd(why: Error): void {
    if (!this.isClosing) this.options.onLost?.(why);
  }
}
