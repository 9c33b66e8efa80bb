import { execFile } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RawSocket } from '../../bench/load/raw-socket.ts';
import type * as PeerServers from '../../bench/peers/peer-servers.ts';
import type { PeerName } from '../../bench/peers/peer-servers.ts';
import { openPeerSocket, type PeerMessage, type PeerRole, SPEECHES } from '../../bench/peers/speech.ts';
import type { ServerUnderTest } from '../../bench/suite/engine-server.ts';
import { destination, distanceM, type Place } from '../../src/domain/place.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { until } from '../../src/private-processes.ts';
import { freshRedis } from '../stores.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const clock = createWallClock();
const CENTER: Place = { lat: 12.9716, lng: 77.5946 };
const NOWHERE: Place = { lat: 40, lng: 10 };
const FIX = { atMs: clock.nowMs(), speedMps: 5, headingDeg: 90 };
const redis = await freshRedis();
let PEERS: typeof PeerServers.PEERS;
let server: ServerUnderTest | null = null;
const sockets: RawSocket[] = [];

/** 60 drivers within 4 km, by id, and the ids of those within 3 km from the center outwards. */
const prng = createPrng(3n);
const homes = new Map(
  Array.from({ length: 60 }, (_, n): [string, Place] => [
    `driver-${n}`,
    destination(CENTER, prng.float() * 360, prng.float() * 4_000),
  ]),
);
const inReach = [...homes]
  .map(([id, home]) => ({ id, dist: distanceM(CENTER, home) }))
  .filter(({ dist }) => dist < 3_000)
  .sort((a, b) => a.dist - b.dist);

/** One client of a peer, who keeps what it is told. */
class Client {
  readonly heard: PeerMessage[] = [];
  readonly name: PeerName;
  socket: RawSocket | null = null;

  constructor(name: PeerName) {
    this.name = name;
  }

  static async open(name: PeerName, role: PeerRole, id: string): Promise<Client> {
    const client = new Client(name);
    const onMessage = (message: PeerMessage): void => void client.heard.push(message);
    client.socket = await openPeerSocket(SPEECHES[name], { port: server!.port, role, id, onMessage });
    sockets.push(client.socket);
    return client;
  }

  send(type: string, fields: object = {}): void {
    this.socket!.write(SPEECHES[this.name].messageOf(type, fields));
  }

  /** The next message of that type, taken out of what was heard. */
  async next(type: string): Promise<PeerMessage> {
    return until(
      { clock, what: `${type} to a client of ${this.name}`, timeoutMs: 10_000, everyMs: 5 },
      () => {
        const at = this.heard.findIndex((message) => message.type === type);
        return Promise.resolve(at < 0 ? null : this.heard.splice(at, 1)[0]!);
      },
    );
  }
}

const json = async (at: string): Promise<unknown> => (await fetch(`${server!.url}${at}`)).json();
const stored = (count: number): Promise<unknown> =>
  until({ clock, what: `${count} stored`, timeoutMs: 10_000, everyMs: 10 }, async () => {
    const stats = (await json('/stats')) as { stored: number };
    return stats.stored === count ? stats : null;
  });

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'src', 'bootstrap.mjs'), 'build']);
  const built = pathToFileURL(path.join(ROOT, 'dist', 'bench', 'peers', 'peer-servers.js')).href;
  ({ PEERS } = (await import(built)) as typeof PeerServers);
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.close();
  await server?.stop();
  server = null;
  const client = new Redis(redis.url);
  await client.flushall();
  client.disconnect();
});

/** Starts a peer, with its drivers where they are. */
async function openTown(name: PeerName, env = {}): Promise<Map<string, Client>> {
  server = await PEERS[name].start({ redisUrl: redis.url, clock, env });
  const drivers = new Map<string, Client>();
  for (const [id, home] of homes) {
    const driver = await Client.open(name, 'driver', id);
    driver.socket!.write(SPEECHES[name].locationOf({ ...home, ...FIX }));
    drivers.set(id, driver);
  }
  await stored(homes.size);
  return drivers;
}

/** What all of them promise. */
function itServes(name: PeerName): void {
  it('counts every ping, and tells the nearest 20 drivers in their order', async () => {
    const drivers = await openTown(name);
    expect(await json('/healthz')).toEqual({ ok: true });
    expect(await json('/stats')).toEqual({ received: 60, stored: 60, matched: 0, pid: server!.pid });
    const [, driver] = [...drivers][0]!;
    driver.socket!.write(SPEECHES[name].statRequest);
    expect(await driver.next('stat')).toEqual({ type: 'stat', received: 60, stored: 60, matched: 0 });

    const { drivers: near } = (await json(
      `/drivers/nearby?lat=${CENTER.lat}&lng=${CENTER.lng}&radius=3000`,
    )) as { drivers: { id: string; dist: number; lat: number; lng: number }[] };
    expect(near.map(({ id }) => id)).toEqual(inReach.slice(0, 20).map(({ id }) => id));
    for (const { id, dist, lat, lng } of near) {
      // Redis keeps places to some decimetres, and takes the earth for a little larger.
      expect(distanceM({ lat, lng }, homes.get(id)!)).toBeLessThan(2);
      expect(Math.abs(dist - distanceM(CENTER, homes.get(id)!))).toBeLessThan(8);
    }
    expect((await fetch(`${server!.url}/drivers/nearby?lat=x&lng=77.5946`)).status).toBe(400);
  });

  it('offers a ride to the nearest free driver, then to the next; tells when there is none', async () => {
    const drivers = await openTown(name, { OFFER_TTL_MS: '300' });
    const rider = await Client.open(name, 'rider', 'rider-1');
    const [first, second, third] = inReach.map(({ id }) => ({ id, client: drivers.get(id)! }));
    const accept = async ({ client }: { client: Client }): Promise<void> => {
      const offer = await client.next('offer');
      expect(offer).toMatchObject({ ...CENTER, rider: 'rider-1' });
      client.send('accept', { ride: offer['ride'], rider: offer['rider'] });
    };

    rider.send('request', CENTER);
    await accept(first!);
    expect(await rider.next('matched')).toMatchObject({ driver: first!.id });

    // The first is on a ride now, the second does not answer in time.
    rider.send('request', CENTER);
    await second!.client.next('offer');
    await accept(third!);
    expect(await rider.next('matched')).toMatchObject({ driver: third!.id });
    expect(first!.client.heard).toEqual([]);

    first!.client.send('complete');
    first!.client.socket!.write(SPEECHES[name].statRequest);
    await first!.client.next('stat');
    const client = new Redis(redis.url);
    await until({ clock, what: 'release of the driver', timeoutMs: 5_000, everyMs: 10 }, async () =>
      (await client.exists(`busy:${first!.id}`)) === 0 ? true : null,
    ).finally(() => client.disconnect());
    rider.send('request', CENTER);
    await accept(first!);
    expect(await rider.next('matched')).toMatchObject({ driver: first!.id });

    rider.send('request', NOWHERE);
    await rider.next('no_driver');
    expect(await json('/stats')).toMatchObject({ matched: 3 });
  });

  it('forgets drivers who have gone', async () => {
    const drivers = await openTown(name);
    const gone = inReach.slice(0, 5).map(({ id }) => id);
    for (const id of gone) drivers.get(id)!.socket!.close();
    await until({ clock, what: 'leaving', timeoutMs: 10_000, everyMs: 10 }, async () => {
      const { drivers: near } = (await json(`/drivers/nearby?lat=${CENTER.lat}&lng=${CENTER.lng}`)) as {
        drivers: { id: string }[];
      };
      return near[0]!.id === inReach[5]!.id && near.every(({ id }) => !gone.includes(id)) ? true : null;
    });
  });
}

describe('Socket.IO', () => itServes('socketio'));
describe('ws', () => itServes('ws'));

const django = await (async () => {
  const { PEERS: peers } = await import('../../bench/peers/peer-servers.ts');
  return peers.django.isInstalled();
})();
describe('Django Channels', () => {
  if (django === null) itServes('django');
  else
    it('is named as missing where it is not installed', async () => {
      expect(django).toContain('daphne');
      await expect(PEERS.django.start({ redisUrl: redis.url, clock })).rejects.toThrow('not installed');
    });
});

describe('bare uWebSockets.js', () => {
  it('counts frames of more than one byte, and answers GETs with JSON of the size asked for', async () => {
    server = await PEERS.bare.start({ redisUrl: redis.url, clock, env: { BODY_BYTES: '500' } });
    const client = await Client.open('bare', 'driver', 'any');
    for (const home of homes.values()) client.socket!.write(SPEECHES.bare.locationOf({ ...home, ...FIX }));
    client.socket!.write(SPEECHES.bare.statRequest);
    expect(await client.next('stat')).toEqual({ type: 'stat', received: 60, stored: 60, matched: 0 });
    expect(await json('/healthz')).toEqual({ ok: true });
    const body = await (await fetch(`${server.url}/body`)).text();
    expect(body).toHaveLength(500);
    expect(JSON.parse(body)).toHaveProperty('body');
  });
});
