import { createServer, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server, type Socket } from 'socket.io';
import { createWallClock } from '../../../src/lib/clock.ts';
import { DriverPositions, readPlace } from '../driver-positions.ts';
import { announce, portOf } from '../peer-process.ts';
import { RideDesk } from '../ride-desk.ts';

/** A peer: Socket.IO with its Redis adapter, Express for REST, one process; GEOADD for each ping. */

interface ExpressAnswer {
  status(code: number): ExpressAnswer;
  json(body: unknown): void;
}
type ExpressHandler = (
  request: { readonly query: Readonly<Record<string, unknown>> },
  answer: ExpressAnswer,
) => unknown;
/** What is used of Express, which brings no types. */
type Express = RequestListener & {
  disable(setting: string): void;
  get(path: string, handler: ExpressHandler): void;
};

const express = createRequire(import.meta.url)('express') as () => Express;
const redisUrl = process.env['REDIS_URL']!;
const clock = createWallClock();
const positions = new DriverPositions(redisUrl);
const counts = { received: 0, stored: 0, matched: 0 };

const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.get('/healthz', (_, answer) => answer.json({ ok: true }));
app.get('/stats', (_, answer) => answer.json({ ...counts, pid: process.pid }));
app.get('/drivers/nearby', async ({ query }, answer) => {
  const place = readPlace(query['lat'], query['lng']);
  const radiusM = Number(query['radius'] ?? 3_000);
  if (place === null || Number.isNaN(radiusM)) return answer.status(400).json({ error: 'lat, lng, radius' });
  answer.json({ drivers: await positions.nearby(place, radiusM) });
});

const server = createServer(app);
const pub = new Redis(redisUrl);
const io = new Server(server, {
  adapter: createAdapter(pub, pub.duplicate()),
  transports: ['websocket'],
  serveClient: false,
  perMessageDeflate: false,
});
/** The riders connected here: one is told of a match through his room, so that the driver may be on another node. */
const desks = new Map<string, RideDesk>();

function settle(riderId: string, rideId: string): void {
  if (desks.get(riderId)?.settle(rideId)) counts.matched += 1;
}

function serveRider(socket: Socket, id: string): void {
  const lines = {
    offer: (driverId: string, ride: object) => void io.to(`driver:${driverId}`).emit('offer', ride),
    tellNobody: (ride: string) => void socket.emit('no_driver', { ride }),
  };
  const desk = new RideDesk(id, positions, lines, clock);
  desks.set(id, desk);
  void socket.join(`rider:${id}`);
  socket.on('request', (message: { lat: unknown; lng: unknown }) => {
    const pickup = readPlace(message.lat, message.lng);
    if (pickup === null) return void socket.emit('error_msg', 'bad location');
    desk.request(pickup).catch(console.error);
  });
  socket.on('disconnect', () => {
    desk.close();
    desks.delete(id);
  });
}

function serveDriver(socket: Socket, id: string): void {
  void socket.join(`driver:${id}`);
  socket.on('loc', (message: { lat: unknown; lng: unknown }) => {
    counts.received += 1;
    const place = readPlace(message.lat, message.lng);
    if (place === null) return void socket.emit('error_msg', 'bad location');
    positions.save(id, place).then(() => (counts.stored += 1), console.error);
  });
  socket.on('accept', ({ ride, rider }: { ride: string; rider: string }) => {
    io.to(`rider:${rider}`).emit('matched', { ride, driver: id });
    io.serverSideEmit('matched', rider, ride);
    settle(rider, ride);
  });
  socket.on('complete', () => void positions.release(id).catch(console.error));
  socket.on('stat', () => void socket.emit('stat', counts));
  socket.on('disconnect', () => void positions.remove(id).catch(console.error));
}

io.on('connection', (socket) => {
  const { role, id } = socket.handshake.query as Record<string, string>;
  if (role === 'rider') serveRider(socket, id!);
  else serveDriver(socket, id!);
});
io.on('matched', settle);
server.listen({ port: portOf(process.env), host: '127.0.0.1', backlog: 4_096 }, () => {
  announce((server.address() as { port: number }).port);
});
