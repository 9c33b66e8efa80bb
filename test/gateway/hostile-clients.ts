/**
 * A program of clients who do their worst, to be run beside a server: `node hostile-clients.js '{"port":…}'`. Prints `ready` when every
 * kind has begun, and at its end, a line on standard input or the closing of it, how often each kind has done what it does.
 */
import { createInterface } from 'node:readline';
import { createWallClock } from '../../src/lib/clock.ts';
import type { Role } from '../../src/domain/role.ts';
import { issueToken } from '../../src/gateway/auth.ts';
import { encode } from '../../src/protocol/codec.ts';
import { frameOf, RawLine, TEXT, upgradeText } from './raw-line.ts';

export interface HostileOptions {
  readonly port: number;
  readonly secret: string;
  /** Begins every account's name. */
  readonly tag: string;
  /** How many clients of each kind. */
  readonly kinds: Readonly<Partial<Record<HostileKind, number>>>;
  /** Where the drivers among them drive. */
  readonly place: { readonly lat: number; readonly lng: number };
  /** The server's clock, as its DEMO_CLOCK. */
  readonly clock: { readonly speed: number; readonly startMs: number; readonly originWallMs: number };
}

const wall = createWallClock();
const sleep = (ms: number): Promise<void> => new Promise((resolve) => wall.after(ms, resolve));
let isOver = false;

interface Client {
  readonly name: string;
  readonly counts: Record<string, number>;
  readonly options: HostileOptions;
  readonly nowMs: () => number;
}

const count = ({ counts }: Client, what: string): void => void (counts[what] = (counts[what] ?? 0) + 1);

/** Lines all come from one machine: the proxy's header gives each kind an address of its own. */
async function headersOf({ options, name }: Client, role: Role): Promise<Record<string, string>> {
  const secret = Buffer.from(options.secret);
  const token = await issueToken({
    ...{ secret, role, subject: `${options.tag}-${name}`, ttlS: 600, wallNowMs: wall.nowMs() },
  });
  return { authorization: `Bearer ${token}`, 'x-forwarded-for': `203.0.113.${name.length}` };
}

async function seated(client: Client, role: Role, protocol = 'msgpack'): Promise<RawLine | null> {
  const line = await RawLine.open(client.options.port);
  const headers = await headersOf(client, role);
  const isIn = await line.upgrade({ ...headers, 'Sec-WebSocket-Protocol': `hexdispatch.v1.${protocol}` });
  count(client, isIn ? 'in' : 'refused');
  if (isIn) return line;
  line.end();
  await sleep(50);
  return null;
}

const message = (content: Record<string, unknown> & { t: string }): Buffer =>
  frameOf(encode(content, 'msgpack') as Uint8Array);
const online = (id: string): Buffer => message({ t: 'online', id, vehicleClass: 'economy', seats: 4 });

/** A fix of now, some metres from the last. */
function fixAt({ options, nowMs }: Client): (number | null)[] {
  const { lat, lng } = options.place;
  const wobble = (nowMs() % 1_000) / 1e7;
  return [nowMs(), lat + wobble, lng - wobble, 5, null, null];
}

/** What each kind does with one connection, again and again until the end. */
const KINDS = {
  /** Drivers on duty whose fixes come as fast as the line takes them. */
  pings: async (client: Client): Promise<void> => {
    const line = await seated(client, 'driver');
    if (line === null) return;
    line.socket.write(online(`on-${wall.nowMs()}`));
    await line.flood(() => {
      count(client, 'chunks');
      const frame = message({ t: 'ping', p: fixAt(client) });
      return isOver ? null : Buffer.concat(Array.from({ length: 20 }, () => frame));
    });
    line.end();
  },
  /** The same with the largest batches. */
  batches: async (client: Client): Promise<void> => {
    const line = await seated(client, 'driver');
    if (line === null) return;
    line.socket.write(online(`on-${wall.nowMs()}`));
    await line.flood(() => {
      count(client, 'chunks');
      return isOver ? null : message({ t: 'pings', p: Array.from({ length: 200 }, () => fixAt(client)) });
    });
    line.end();
  },
  /** Frames that are none of ours, of all sizes. */
  garbage: async (client: Client): Promise<void> => {
    const line = await seated(client, 'rider', 'json');
    if (line === null) return;
    const sizes = [0, 1, 30, 1_000, 30_000];
    let sent = 0;
    await line.flood(() => {
      count(client, 'frames');
      const content = Buffer.alloc(sizes[sent++ % sizes.length]!, '{"t":[');
      return isOver ? null : frameOf(content, sent % 7 === 0 ? 2 : TEXT);
    });
    line.end();
  },
  /** A frame announced and never finished. */
  halfFrames: async (client: Client): Promise<void> => {
    const line = await seated(client, 'driver');
    if (line === null) return;
    line.socket.write(frameOf(Buffer.alloc(30_000)).subarray(0, 20_000));
    while (!isOver && !line.isGone) {
      line.socket.write(Buffer.alloc(1));
      count(client, 'bytes');
      await sleep(20);
    }
    line.end();
  },
  /** A frame far longer than allowed. */
  longFrames: async (client: Client): Promise<void> => {
    const line = await seated(client, 'driver');
    if (line === null) return;
    line.socket.write(frameOf(Buffer.alloc(60_000)));
    count(client, 'frames');
    await line.flood(() => (isOver ? null : Buffer.alloc(60_000)));
    line.end();
  },
  /** Asks for a lot and reads nothing. */
  slowReaders: async (client: Client): Promise<void> => {
    const line = await seated(client, 'rider');
    if (line === null) return;
    line.socket.pause();
    while (!isOver && !line.isGone && line.socket.writable) {
      line.socket.write(message({ t: 'nearby', id: `n-${wall.nowMs()}`, place: client.options.place }));
      count(client, 'commands');
      await sleep(5);
    }
    line.end();
  },
  /** Commands without end: requests taken back at once, questions, unknown ones. */
  commands: async (client: Client): Promise<void> => {
    const line = await seated(client, 'rider');
    if (line === null) return;
    const ride = {
      pickup: client.options.place,
      dropoff: client.options.place,
      vehicleClass: 'comfort',
      seats: 1,
    };
    let sent = 0;
    await line.flood(() => {
      const id = `c-${(sent += 1)}-${wall.nowMs()}`;
      count(client, 'commands');
      if (isOver) return null;
      if (sent % 3 === 0) return message({ t: 'snapshot', id });
      return sent % 3 === 1 ? message({ t: 'request', id, ...ride }) : message({ t: 'no_such', id });
    });
    line.end();
  },
  /** In and out, each time with a snapshot to load. */
  comeAndGo: async (client: Client): Promise<void> => {
    (await seated(client, 'rider'))?.end();
  },
  /** Gone before the upgrade is answered. */
  hangUps: async (client: Client): Promise<void> => {
    const line = await RawLine.open(client.options.port);
    line.socket.write(upgradeText(await headersOf(client, 'driver')));
    line.socket.resetAndDestroy();
    count(client, 'upgrades');
  },
  /** A head that never ends. */
  slowHeads: async (client: Client): Promise<void> => {
    const line = await RawLine.open(client.options.port);
    line.socket.write('GET /v1/socket HTTP/1.1\r\nHost: x\r\nX-Pad: ');
    while (!isOver && !line.isGone) {
      line.socket.write('a');
      count(client, 'bytes');
      await sleep(20);
    }
    line.end();
  },
  /** A body that never ends. */
  slowBodies: async (client: Client): Promise<void> => {
    const line = await RawLine.open(client.options.port);
    const headers = {
      ...(await headersOf(client, 'rider')),
      'idempotency-key': 'slow',
      'content-length': '9999',
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    line.socket.write(
      `POST /v1/trips HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${lines.join('')}\r\n`,
    );
    while (!isOver && !line.isGone) {
      line.socket.write(' ');
      count(client, 'bytes');
      await sleep(20);
    }
    line.end();
  },
  /** REST as fast as it goes, with tokens good and wrong, read or not. */
  rest: async (client: Client): Promise<void> => {
    const line = await RawLine.open(client.options.port);
    const headers = await headersOf(client, 'rider');
    const get = (bearer: string): string =>
      `GET /v1/trips/0192f3a4-7c00-7000-8000-000000000001 HTTP/1.1\r\nHost: x\r\n` +
      `X-Forwarded-For: ${headers['x-forwarded-for']}\r\nAuthorization: ${bearer}\r\n\r\n`;
    const chunk = Buffer.from(
      get(headers['authorization']!).repeat(10) + get('Bearer no.such.token').repeat(10),
    );
    if (Number(client.name.split('-')[1]) % 2 === 0) line.socket.resume();
    await line.flood(() => {
      count(client, 'chunks');
      return isOver ? null : chunk;
    });
    line.end();
  },
} satisfies Record<string, (client: Client) => Promise<void>>;

export type HostileKind = keyof typeof KINDS;

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2]!) as HostileOptions;
  const clock = createWallClock(options.clock);
  const counts: Record<string, Record<string, number>> = {};
  const running: Promise<void>[] = [];
  for (const [kind, clients] of Object.entries(options.kinds) as [HostileKind, number][]) {
    counts[kind] = {};
    for (let i = 0; i < clients; i++) {
      const client: Client = {
        name: `${kind}-${i}`,
        counts: counts[kind],
        options,
        nowMs: () => clock.nowMs(),
      };
      const goOn = async (): Promise<void> => {
        while (!isOver) {
          count(client, 'rounds');
          const round: (one: Client) => Promise<void> = KINDS[kind];
          await round(client);
        }
      };
      running.push(goOn());
    }
  }
  await sleep(300);
  console.log('ready');
  await new Promise((resolve) =>
    createInterface({ input: process.stdin }).once('close', resolve).once('line', resolve),
  );
  isOver = true;
  await Promise.race([Promise.all(running), sleep(2_000)]);
  console.log(JSON.stringify(counts));
  process.exit(0);
}

await main();
