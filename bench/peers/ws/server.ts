import { createServer, type ServerResponse } from 'node:http';
import { Redis } from 'ioredis';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import { createWallClock } from '../../../src/lib/clock.ts';
import { DriverPositions, readPlace } from '../driver-positions.ts';
import { announce, portOf } from '../peer-process.ts';
import { RideDesk } from '../ride-desk.ts';

/** A peer: `ws` with its native parts, JSON, plain HTTP for REST, one process; GEOADD for each ping. */

interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}
/** To whoever is connected to another node, over one channel of Redis; to those here it goes directly. */
interface Routed {
  readonly driver?: string;
  readonly rider?: string;
  readonly message: Message;
}

const CHANNEL = 'route';
const HEARTBEAT_MS = 30_000;
const redisUrl = process.env['REDIS_URL']!;
const clock = createWallClock();
const positions = new DriverPositions(redisUrl);
const pub = new Redis(redisUrl);
const sub = new Redis(redisUrl);
const counts = { received: 0, stored: 0, matched: 0 };
const drivers = new Map<string, WebSocket>();
const riders = new Map<string, { readonly socket: WebSocket; readonly desk: RideDesk }>();

const send = (socket: WebSocket, message: Message): void => socket.send(JSON.stringify(message));

function route(routed: Routed): void {
  if (!deliver(routed)) pub.publish(CHANNEL, JSON.stringify(routed)).catch(console.error);
}

/** Whether it was for somebody here. */
function deliver({ driver, rider, message }: Routed): boolean {
  if (driver !== undefined) {
    const socket = drivers.get(driver);
    if (socket !== undefined) send(socket, message);
    return socket !== undefined;
  }
  const here = riders.get(rider!);
  if (here === undefined) return false;
  if (here.desk.settle(message['ride'] as string)) {
    counts.matched += 1;
    send(here.socket, message);
  }
  return true;
}

function parse(socket: WebSocket, data: RawData): Message | null {
  try {
    return JSON.parse((data as Buffer).toString()) as Message;
  } catch {
    socket.close(1007);
    return null;
  }
}

function serveDriver(socket: WebSocket, id: string): void {
  drivers.set(id, socket);
  socket.on('message', (data) => {
    const message = parse(socket, data);
    if (message !== null) onDriverMessage(socket, id, message);
  });
  socket.on('close', () => {
    if (drivers.get(id) === socket) drivers.delete(id);
    positions.remove(id).catch(console.error);
  });
}

function onDriverMessage(socket: WebSocket, id: string, message: Message): void {
  if (message.type === 'loc') {
    counts.received += 1;
    const place = readPlace(message['lat'], message['lng']);
    if (place === null) return send(socket, { type: 'error', error: 'bad location' });
    positions.save(id, place).then(() => (counts.stored += 1), console.error);
  } else if (message.type === 'accept') {
    const { ride, rider } = message as unknown as { ride: string; rider: string };
    route({ rider, message: { type: 'matched', ride, driver: id } });
  } else if (message.type === 'complete') positions.release(id).catch(console.error);
  else if (message.type === 'stat') send(socket, { type: 'stat', ...counts });
}

function serveRider(socket: WebSocket, id: string): void {
  const lines = {
    offer: (driver: string, ride: object) => route({ driver, message: { type: 'offer', ...ride } }),
    tellNobody: (ride: string) => send(socket, { type: 'no_driver', ride }),
  };
  const desk = new RideDesk(id, positions, lines, clock);
  riders.set(id, { socket, desk });
  socket.on('message', (data) => {
    const message = parse(socket, data);
    if (message?.type !== 'request') return;
    const pickup = readPlace(message['lat'], message['lng']);
    if (pickup === null) return send(socket, { type: 'error', error: 'bad location' });
    desk.request(pickup).catch(console.error);
  });
  socket.on('close', () => {
    desk.close();
    riders.delete(id);
  });
}

function json(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}

async function answerNearby(response: ServerResponse, query: URLSearchParams): Promise<void> {
  const place = readPlace(query.get('lat') ?? NaN, query.get('lng') ?? NaN);
  const radiusM = Number(query.get('radius') ?? 3_000);
  if (place === null || Number.isNaN(radiusM)) return json(response, 400, { error: 'lat, lng, radius' });
  json(response, 200, { drivers: await positions.nearby(place, radiusM) });
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url!, 'http://x');
  if (pathname === '/drivers/nearby') {
    answerNearby(response, searchParams).catch((error: unknown) => {
      console.error(error);
      json(response, 500, { error: 'internal' });
    });
  } else if (pathname === '/healthz') json(response, 200, { ok: true });
  else if (pathname === '/stats') json(response, 200, { ...counts, pid: process.pid });
  else json(response, 404, { error: 'not found' });
});

const sockets = new WebSocketServer({ server, perMessageDeflate: false, maxPayload: 16 * 1024 });
const heard = new WeakSet<WebSocket>();
sockets.on('connection', (socket, request) => {
  const { pathname, searchParams } = new URL(request.url!, 'http://x');
  heard.add(socket);
  socket.on('pong', () => heard.add(socket));
  // A `close` follows.
  socket.on('error', () => undefined);
  const id = searchParams.get('id')!;
  if (pathname.startsWith('/ws/rider')) serveRider(socket, id);
  else serveDriver(socket, id);
});
clock.every(HEARTBEAT_MS, () => {
  for (const socket of sockets.clients) {
    if (heard.delete(socket)) socket.ping();
    else socket.terminate();
  }
});

await sub.subscribe(CHANNEL);
sub.on('message', (_, text) => void deliver(JSON.parse(text) as Routed));
server.listen({ port: portOf(process.env), host: '127.0.0.1', backlog: 4_096 }, () => {
  announce((server.address() as { port: number }).port);
});
