import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWallClock } from '../../../src/lib/clock.ts';
import { createPrng } from '../../../src/lib/prng.ts';
import { FaultyLink } from '../../../src/sim/chaos/faulty-link.ts';

const clock = createWallClock();
const echoes = new Set<Socket>();
const echo = createServer({ allowHalfOpen: true }, (socket) => {
  echoes.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => echoes.delete(socket));
  socket.pipe(socket);
});
let targetPort = 0;

beforeAll(async () => {
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  targetPort = (echo.address() as AddressInfo).port;
});

afterAll(async () => {
  for (const socket of echoes) socket.destroy();
  echo.close();
  await once(echo, 'close');
});

const open = () => FaultyLink.open({ targetPort, clock, prng: createPrng(1) });

/** Resolves when it is closed, to whether by an error. */
const closing = (socket: Socket): Promise<boolean> =>
  new Promise((resolve) => socket.once('close', (hadError) => resolve(hadError)));

async function dial(link: FaultyLink): Promise<Socket> {
  const socket = connect(link.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Reads so many bytes. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let got = 0;
  while (got < length) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    chunks.push(chunk);
    got += chunk.length;
  }
  return Buffer.concat(chunks);
}

describe('a faulty link', () => {
  it('passes bytes both ways, more of them than it buffers, and the end', async () => {
    const link = await open();
    const socket = await dial(link);
    const bytes = Buffer.alloc(3_000_000, 'hexdispatch');
    const back = read(socket, bytes.length);
    socket.end(bytes);
    expect((await back).equals(bytes)).toBe(true);
    await closing(socket);
    await link.close();
  });

  it('cut: resets what is open and what is new, until it is mended', async () => {
    const link = await open();
    const socket = await dial(link);
    socket.write('a');
    await read(socket, 1);
    link.set({ kind: 'cut' });
    await closing(socket);
    const refused = connect(link.port, '127.0.0.1');
    refused.on('error', () => undefined);
    expect(await closing(refused)).toBe(true);
    link.set({ kind: 'pass' });
    const again = await dial(link);
    again.write('b');
    expect((await read(again, 1)).toString()).toBe('b');
    await link.close();
  });

  it('frozen: nothing comes through and nothing is lost', async () => {
    const link = await open();
    const [socket, bystander] = [await dial(link), await dial(link)];
    socket.write('a');
    await read(socket, 1);
    link.set({ kind: 'frozen' });
    let heard = '';
    socket.on('data', (data: Buffer) => (heard += data.toString()));
    socket.write('bcd');
    const late = await dial(link);
    late.write('e');
    // Another link's round trip: what goes through has gone through by then.
    const other = await open();
    const witness = await dial(other);
    witness.write('w');
    await read(witness, 1);
    expect(heard).toBe('');
    const lateBack = read(late, 1);
    link.set({ kind: 'pass' });
    while (heard.length < 3) await once(socket, 'data');
    expect(heard).toBe('bcd');
    expect((await lateBack).toString()).toBe('e');
    bystander.destroy();
    await Promise.all([link.close(), other.close()]);
  });

  it('slow: late by the time given, in order', async () => {
    const link = await open();
    const socket = await dial(link);
    link.set({ kind: 'slow', delayMs: [60, 120] });
    const sentMs = clock.nowMs();
    const back = read(socket, 30);
    for (let i = 0; i < 10; i++) socket.write(`${i}..`);
    expect((await back).toString()).toBe('0..1..2..3..4..5..6..7..8..9..');
    // There and back.
    expect(clock.nowMs() - sentMs).toBeGreaterThanOrEqual(118);
    await link.close();
  });

  it('tells when nobody is at the other end', async () => {
    const gone = createServer().listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    const link = await FaultyLink.open({ targetPort: port, clock, prng: createPrng(1) });
    const socket = connect(link.port, '127.0.0.1');
    socket.on('error', () => undefined);
    await closing(socket);
    await link.close();
  });
});
