import { createConnection, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import type { Clock } from './lib/clock.ts';
import type { PostgresAddress, SslMode } from './postgres-url.ts';

/** Asks for TLS before the login; a server of any kind answers with one byte, without asking who we are. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
const YES = 0x53; // S

export interface DialOptions {
  readonly address: PostgresAddress;
  readonly sslMode: SslMode;
  readonly ca: Buffer | undefined;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/** Opens a connection on which the login may begin, encrypted when asked for. Rejects with the system's or TLS's `code`. */
export async function dial(options: DialOptions): Promise<Socket> {
  const socket = open(options.address);
  return within(options, socket, async () => {
    await connected(socket, 'connect');
    if (options.sslMode === 'disable') return socket;
    if ((await askForTls(socket)) !== YES)
      throw Object.assign(new Error('PostgreSQL does not speak TLS there (sslmode)'), {
        code: 'TLS_REFUSED',
      });
    const { host } = options.address;
    const isChecked = options.sslMode === 'verify-full';
    const secure = connectTls({
      // `host` is what the certificate is checked against, `servername` what the server is told.
      ...{ socket, host, rejectUnauthorized: isChecked },
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(isChecked && options.ca !== undefined ? { ca: options.ca } : {}),
    });
    secure.on('error', () => socket.destroy());
    await connected(secure, 'secureConnect');
    return secure;
  });
}

/** True when a PostgreSQL answers at `address` at all within the time, whatever it answers; no login, nothing in its log. */
export async function isThere(
  options: Pick<DialOptions, 'address' | 'clock' | 'timeoutMs'>,
): Promise<boolean> {
  const socket = open(options.address);
  try {
    await within(options, socket, async () => {
      await connected(socket, 'connect');
      return askForTls(socket);
    });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function open({ host, port }: PostgresAddress): Socket {
  const socket = createConnection(
    host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port },
  );
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 1_000);
  return socket;
}

async function within<T>(
  options: Pick<DialOptions, 'address' | 'clock' | 'timeoutMs'>,
  socket: Socket,
  work: () => Promise<T>,
): Promise<T> {
  const { host, port } = options.address;
  const timer = options.clock.after(options.timeoutMs, () => {
    const late = new Error(`PostgreSQL does not answer at ${host}:${port}`);
    socket.destroy(Object.assign(late, { code: 'CONNECT_TIMEOUT' }));
  });
  try {
    return await work();
  } catch (cause) {
    socket.destroy();
    throw cause;
  } finally {
    timer.cancel();
  }
}

function connected(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return settled(socket, (resolve) => socket.once(event, () => resolve()));
}

function askForTls(socket: Socket): Promise<number | undefined> {
  socket.write(SSL_REQUEST);
  return settled(socket, (resolve) => socket.once('data', (chunk: Buffer) => resolve(chunk[0])));
}

/** Waits for what `listen` waits for, or for the end of the socket. */
async function settled<T>(socket: Socket, listen: (resolve: (value: T) => void) => void): Promise<T> {
  const ends: (() => void)[] = [];
  try {
    return await new Promise<T>((resolve, reject) => {
      const closed = (): void =>
        reject(Object.assign(new Error('closed by PostgreSQL'), { code: 'ECONNRESET' }));
      socket.once('error', reject).once('close', closed);
      ends.push(() => socket.off('error', reject).off('close', closed));
      listen(resolve);
    });
  } finally {
    // A late error must have a listener, or it ends the process.
    socket.on('error', () => undefined);
    for (const end of ends) end();
  }
}
