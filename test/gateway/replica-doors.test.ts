import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import { freePort } from '../../src/private-processes.ts';
import { type Client, tokenFor, Town, until } from './town.ts';

const DRIVER = 'driver-1' as DriverId;
const RIDER = 'rider-1' as RiderId;
const towns: Town[] = [];
const openTown = async (sharedPort: number | null = null): Promise<Town> => {
  const town = await Town.open({ drainJitterMs: 10 }, {}, undefined, sharedPort);
  towns.push(town);
  return town;
};
afterEach(async () => {
  // Together: an app made by one town may be connected to another.
  await Promise.all(towns.splice(0).map((town) => town.close()));
});
const connected = (town: Town): number => town.gateway.counters.connections.rider;

describe('a port that replicas share', () => {
  it('leads to any of them, and each has its own beside it', async () => {
    const port = await freePort();
    const [one, two] = [await openTown(port), await openTown(port)];
    for (let i = 0; i < 40; i++) await one.app('rider', `rider-${i}`, { port });
    expect(connected(one) + connected(two)).toBe(40);
    expect(Math.min(connected(one), connected(two))).toBeGreaterThan(0);
    const before = connected(two);
    await two.app('rider', 'rider-own');
    expect(connected(two)).toBe(before + 1);
  });

  it('leads to those that remain once one drains', async () => {
    const port = await freePort();
    const [one, two] = [await openTown(port), await openTown(port)];
    const apps: Client[] = [];
    for (let i = 0; i < 20; i++) apps.push(await one.app('rider', `rider-${i}`, { port }));
    const leaving = connected(one);
    await one.gateway.drain();
    expect(connected(one)).toBe(0);
    const open = () => apps.filter((app) => app.socket.readyState === app.socket.OPEN).length;
    await until(() => open() === 20 - leaving);
    for (let i = 0; i < 20; i++) await two.app('rider', `later-${i}`, { port });
    expect(connected(two)).toBe(40 - leaving);
    await expect(fetch(one.url('/livez'))).rejects.toThrow();
  });

  it('is not taken from somebody who does not share it, and then neither is the replica’s own', async () => {
    const stranger = net.createServer().listen(0, '127.0.0.1');
    await once(stranger, 'listening');
    const { port } = stranger.address() as net.AddressInfo;
    const own = await freePort();
    const town = await openTown();
    const listening = town.gateway.listen({ host: '127.0.0.1', port: own, sharedPort: port });
    await expect(listening).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
    const successor = net.createServer().listen(own, '127.0.0.1');
    await once(successor, 'listening');
    for (const server of [stranger, successor]) {
      server.close();
      await once(server, 'close');
    }
  });
});

describe('a seat taken by another replica', () => {
  it('closes the socket and asks to come back if it was wrong; who comes back gets a snapshot', async () => {
    const town = await openTown();
    const { announcer } = town.gateway;
    const app = await town.app('driver', DRIVER, { welcome: false });
    const { epoch } = await app.take('welcome');
    expect(announcer.hasDriver(DRIVER)).toBe(true);
    announcer.dropDriver(DRIVER);
    expect(announcer.hasDriver(DRIVER)).toBe(false);
    expect(await app.closedWith('seated_elsewhere')).toBe(true);
    const again = await town.app('driver', DRIVER, { resume: { epoch, seq: 0 }, welcome: false });
    expect(await again.take('welcome')).toMatchObject({ resumed: false, seq: 0 });
    expect(announcer.hasDriver(DRIVER)).toBe(true);
  });

  it('closes the socket also before its welcome, and the next one is welcomed', async () => {
    const town = await openTown();
    const { announcer } = town.gateway;
    town.desk.snapshotGate.shut();
    const app = await town.app('rider', RIDER, { welcome: false });
    await until(() => town.desk.snapshotGate.arrived === 1);
    announcer.dropRider(RIDER);
    expect(await app.closedWith('seated_elsewhere')).toBe(true);
    expect(app.inbox).toEqual([]);
    const next = await town.app('rider', RIDER, { welcome: false });
    await until(() => town.desk.snapshotGate.arrived === 2);
    town.desk.snapshotGate.open();
    expect(await next.take('welcome')).toMatchObject({ resumed: false });
    expect(announcer.hasRider(RIDER)).toBe(true);
    expect(town.errors).toEqual([]);
  });
});

describe('the way to the right replica', () => {
  it('`move` reaches a connected driver as the contract says', async () => {
    const town = await openTown();
    const app = await town.app('driver', DRIVER);
    const move = { t: 'move', url: 'ws://127.0.0.1:9', zone: '862830827ffffff' } as const;
    town.gateway.announcer.toDriver(DRIVER, move);
    expect(await app.take('move')).toEqual(move);
  });

  it('a zone in the socket’s address is for load balancers: any is taken', async () => {
    const town = await openTown();
    const token = await tokenFor('driver', DRIVER);
    for (const zone of ['862830827ffffff', '', 'no%20zone'])
      expect(await town.knock({ query: `?zone=${zone}&token=${token}` })).toBe(101);
  });
});
