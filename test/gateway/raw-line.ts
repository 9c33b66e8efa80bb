import { once } from 'node:events';
import net from 'node:net';

/** WebSocket frame types (RFC 6455, 5.2). */
export const TEXT = 1;
export const BINARY = 2;

/** A whole frame as a client sends it; masked with zeros, which leaves the content as it is. */
export function frameOf(content: Uint8Array, opcode = BINARY): Buffer {
  const { length } = content;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, 0x80 | length])
      : Buffer.from([0x80 | opcode, 0x80 | 126, length >> 8, length & 255]);
  return Buffer.concat([head, Buffer.alloc(4), content]);
}

/** The upgrade of a socket, as text. */
export function upgradeText(headers: Readonly<Record<string, string>>): string {
  const all = {
    ...{ Host: 'x', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13' },
    ...{ 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers },
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET /v1/socket HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** A TCP connection that knows no manners: sends any bytes, reads only when it wants to. */
export class RawLine {
  isGone = false;
  readonly socket: net.Socket;

  private constructor(socket: net.Socket) {
    this.socket = socket;
    // Being cut off is what these connections are for; the close that follows is what counts.
    socket.on('error', () => (this.isGone = true));
    socket.on('close', () => (this.isGone = true));
  }

  static async open(port: number): Promise<RawLine> {
    const line = new RawLine(net.connect(port, '127.0.0.1'));
    await Promise.race([once(line.socket, 'connect'), once(line.socket, 'close')]);
    return line;
  }

  /** Upgrades; answers whether the server let it in. What comes after is read and thrown away unless `pause` is called. */
  async upgrade(headers: Readonly<Record<string, string>>): Promise<boolean> {
    this.socket.write(upgradeText(headers));
    const data = await Promise.race([
      once(this.socket, 'data').then(([first]) => String(first)),
      once(this.socket, 'close').then(() => ''),
    ]);
    this.socket.on('data', () => undefined);
    return data.startsWith('HTTP/1.1 101');
  }

  /** Sends as fast as the other side takes it until `nextChunk` answers null or the line is gone. */
  async flood(nextChunk: () => Buffer | null): Promise<void> {
    while (!this.isGone) {
      const chunk = nextChunk();
      if (chunk === null) return;
      const hasRoom = this.socket.write(chunk);
      if (hasRoom) await new Promise((resolve) => setImmediate(resolve));
      else
        await Promise.race([once(this.socket, 'drain'), once(this.socket, 'close')]).catch(() => undefined);
    }
  }

  end(): void {
    this.socket.destroy();
  }
}
