import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DriverId, RiderId } from '../../src/domain/ids.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import { CLOSE } from '../../src/protocol/close-codes.ts';
import { ENCODINGS, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import { DRIVER_EXAMPLES, RIDER_EXAMPLES } from '../../src/protocol/vectors.ts';
import { TRIP, TRIP_ID } from './recording-desk.ts';
import { tokenFor, Town, until } from './town.ts';

const DRIVER = 'driver-1' as DriverId;
const RIDER = 'rider-1' as RiderId;
const ping = (atMs: number) => ({ t: 'ping', p: [atMs, 37.7, -122.4, 5, null, 90] });
const quick = { perS: 1_000, burstMax: 1_000 };

const towns: Town[] = [];
const openTown = async (limits: Partial<GatewayLimits> = {}): Promise<Town> => {
  const town = await Town.open({ commands: quick, ...limits });
  towns.push(town);
  return town;
};
afterEach(async () => {
  for (const town of towns.splice(0)) {
    await town.close();
    expect(town.gateway.counters.connections).toEqual({ driver: 0, rider: 0 });
  }
});

describe.each(ENCODINGS)('over %s', (encoding) => {
  it('every command of a driver reaches the desk as it was meant, and is answered', async () => {
    const town = await openTown();
    const app = await town.app('driver', DRIVER, { encoding });
    const commands = DRIVER_EXAMPLES.filter((message) => 'id' in message);
    for (const command of commands) {
      const answer = await app.ask(command);
      // The recording desk's only "no".
      if (command.t === 'accept') expect(answer).toMatchObject({ code: 'offer_gone', retryable: false });
      else expect(answer.t).toBe('ack');
    }
    expect(town.desk.commands).toEqual(commands.map((command) => ({ account: DRIVER, command })));
  });

  it('every command of a rider likewise', async () => {
    const town = await openTown();
    const app = await town.app('rider', RIDER, { encoding });
    for (const command of RIDER_EXAMPLES) expect((await app.ask(command)).t).toBe('ack');
    expect(town.desk.commands.map(({ command }) => command)).toEqual(RIDER_EXAMPLES);
  });

  it('pings reach the desk in order, with NaN for what is null, and are not answered', async () => {
    const town = await openTown();
    const app = await town.app('driver', DRIVER, { encoding });
    for (const message of DRIVER_EXAMPLES) if (!('id' in message)) app.send(message);
    await app.ask({ t: 'offline', id: '1' });
    const nan = (value: number | null) => value ?? NaN;
    const sent = DRIVER_EXAMPLES.flatMap((message) =>
      message.t === 'ping' ? [message.p] : message.t === 'pings' ? message.p : [],
    );
    expect(town.desk.fixes).toEqual(sent.map((fix) => ({ driverId: DRIVER, fix: fix.map(nan) })));
    expect(town.gateway.counters).toMatchObject({ fixesIn: sent.length, fixesDropped: 0 });
  });

  it('announcements arrive numbered, and a connection that comes back gets what it missed (R6)', async () => {
    const town = await openTown();
    const app = await town.app('rider', RIDER, { encoding, welcome: false });
    const { epoch } = await app.take('welcome');
    town.gateway.announcer.toRider(RIDER, { t: 'trip', trip: TRIP });
    expect(await app.take('trip')).toMatchObject({ seq: 1, trip: TRIP });
    app.socket.terminate();
    await until(() => town.gateway.counters.connections.rider === 0);
    town.gateway.announcer.toRider(RIDER, { t: 'trip', trip: { ...TRIP, version: 2 } });
    const again = await town.app('rider', RIDER, { encoding, resume: { epoch, seq: 1 }, welcome: false });
    expect(await again.take('welcome')).toMatchObject({ resumed: true, seq: 1, epoch });
    expect(await again.take('trip')).toMatchObject({ seq: 2 });
  });
});

describe('the way in', () => {
  it('is refused with a status that says why', async () => {
    const town = await openTown({ connectionsPerIpMax: 1 });
    const token = await tokenFor('driver', DRIVER);
    const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
    expect(await town.knock({})).toBe(401);
    expect(await town.knock({ headers: bearer('no.token.atall') })).toBe(401);
    expect(await town.knock({ headers: bearer(`${token.slice(0, -2)}xx`) })).toBe(401);
    expect(await town.knock({ headers: bearer(await tokenFor('driver', DRIVER, -60)) })).toBe(401);
    const [head, body] = token.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(await town.knock({ headers: bearer(`${none}.${body}.`) })).toBe(401);
    expect(await town.knock({ headers: bearer(`${head}.${body}.`) })).toBe(401);
    expect(await town.knock({ headers: bearer(await tokenFor('admin', 'op')) })).toBe(403);
    expect(await town.knock({ headers: bearer(token), protocols: ['hexdispatch.v9.xml'] })).toBe(400);
    const app = await town.app('driver', DRIVER);
    expect(await town.knock({ headers: bearer(token) })).toBe(429);
    app.socket.close();
    await app.gone;
    await until(() => town.gateway.counters.connections.driver === 0);
    expect(town.gateway.counters.upgradesRefused).toEqual({
      ...{ bad_token: 6, forbidden: 1, bad_subprotocol: 1, connections_per_ip: 1 },
    });
    expect(town.desk.commands).toEqual([]);
  });

  it('takes the token from the query too, and speaks msgpack when no subprotocol is asked for', async () => {
    const town = await openTown();
    expect(await town.knock({ query: `?token=${await tokenFor('rider', RIDER)}` })).toBe(101);
    const protocols = ['other', SUBPROTOCOLS.json];
    const query = `?token=${await tokenFor('rider', RIDER)}`;
    expect(await town.knock({ query, protocols })).toBe(101);
  });

  it('shuts for an address that keeps on sending wrong tokens', async () => {
    const town = await openTown();
    let status = 401;
    let tries = 0;
    while (status === 401) {
      tries += 1;
      status = await town.knock({ query: '?token=wrong' });
    }
    expect(status).toBe(429);
    expect(tries).toBeGreaterThan(20);
    expect(tries).toBeLessThan(60);
  });

  it('survives who hangs up in the middle of it', async () => {
    const town = await openTown();
    for (let i = 0; i < 20; i++) {
      const token = await tokenFor('driver', `driver-${i}`);
      const socket = net.connect(town.port, '127.0.0.1');
      await once(socket, 'connect');
      socket.write(
        `GET /v1/socket?token=${token} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
      );
      socket.resetAndDestroy();
    }
    const app = await town.app('rider', RIDER);
    expect((await app.ask({ t: 'snapshot', id: '1' })).t).toBe('ack');
    await until(() => town.gateway.counters.connections.driver === 0);
  });

  it('a newer connection takes the older one’s place', async () => {
    const town = await openTown();
    const older = await town.app('driver', DRIVER);
    const newer = await town.app('driver', DRIVER);
    expect(await older.closedWith('replaced')).toBe(true);
    town.gateway.announcer.toDriver(DRIVER, { t: 'duty', status: 'available' });
    expect(await newer.take('duty')).toMatchObject({ seq: 1 });
  });
});

describe('a session that is ended', () => {
  it('closes its sockets, and lets none of its tokens in again; other sessions of the account go on', async () => {
    const town = await openTown();
    const rider = await town.app('rider', RIDER, { sessionId: 's-1' });
    const driver = await town.app('driver', DRIVER, { sessionId: 's-2' });
    town.end('s-1');
    expect(await rider.gone).toBe(CLOSE.session_ended.code);
    const knock = async (sessionId: string) =>
      town.knock({ headers: { authorization: `Bearer ${await tokenFor('rider', RIDER, 600, sessionId)}` } });
    expect([await knock('s-1'), await knock('s-3')]).toEqual([401, 101]);
    driver.send({ t: 'snapshot', id: 'c-1' });
    expect(await driver.take('ack')).toMatchObject({ id: 'c-1' });
  });
});

describe('commands', () => {
  it('of one connection run one after the other and are answered in order', async () => {
    const town = await openTown();
    const app = await town.app('driver', DRIVER);
    town.desk.commandGate.shut();
    for (const id of ['1', '2', '3']) app.send({ t: 'offline', id });
    await until(() => town.desk.commandGate.arrived === 1);
    app.send(ping(1));
    await until(() => town.desk.fixes.length === 1);
    expect(town.desk.commands).toHaveLength(1);
    town.desk.commandGate.open();
    for (const id of ['1', '2', '3']) expect(await app.take('ack')).toEqual({ t: 'ack', id });
  });

  it('wait for the welcome, so that it is the first message (R6)', async () => {
    const town = await openTown();
    town.desk.snapshotGate.shut();
    const app = await town.app('rider', RIDER, { welcome: false });
    app.send({ t: 'snapshot', id: '1' });
    await until(() => town.gateway.counters.messagesIn.snapshot === 1);
    expect(town.desk.commands).toEqual([]);
    town.desk.snapshotGate.open();
    await app.take('welcome');
    expect(await app.take('ack')).toMatchObject({ id: '1' });
  });

  it('above the number in flight are answered overloaded, and may be sent again (R10)', async () => {
    const town = await openTown({ commandsInFlightMax: 2 });
    const app = await town.app('driver', DRIVER);
    town.desk.commandGate.shut();
    for (const id of ['1', '2', '3']) app.send({ t: 'offline', id });
    expect(await app.take('error')).toMatchObject({ id: '3', code: 'overloaded', retryable: true });
    town.desk.commandGate.open();
    expect(await app.take('ack')).toMatchObject({ id: '1' });
    expect(await app.take('ack')).toMatchObject({ id: '2' });
    expect((await app.ask({ t: 'offline', id: '3' })).t).toBe('ack');
  });

  it('above the rate are answered rate_limited; who goes on is closed (R10)', async () => {
    const town = await openTown({ commands: { perS: 0.001, burstMax: 2 }, overRateMax: 3 });
    const app = await town.app('driver', DRIVER);
    for (const id of ['1', '2']) expect((await app.ask({ t: 'offline', id })).t).toBe('ack');
    for (const id of ['3', '4', '5'])
      expect(await app.ask({ t: 'offline', id })).toMatchObject({
        code: 'rate_limited',
        retryable: true,
      });
    app.send({ t: 'offline', id: '6' });
    expect(await app.closedWith('rate_abuse')).toBe(true);
    expect(town.desk.commands).toHaveLength(2);
  });

  it('that break the desk are answered unavailable, and logged without a word to the client', async () => {
    const town = await openTown();
    const app = await town.app('driver', DRIVER);
    town.desk.failsWith = new Error('secret of the database');
    const answer = await app.ask({ t: 'offline', id: '1' });
    expect(answer).toMatchObject({ code: 'unavailable', retryable: true });
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(town.errors).toEqual([town.desk.failsWith]);
  });

  it('that the desk refuses are answered with its code', async () => {
    const town = await openTown();
    const app = await town.app('rider', RIDER);
    const cancel = { t: 'cancel', tripId: TRIP_ID.replace('1', '2'), reason: 'no' };
    expect(await app.ask({ ...cancel, id: '1' })).toMatchObject({ code: 'not_found' });
  });
});

describe('frames that are wrong', () => {
  it('are answered with the reason, change nothing, and end the connection in the end (R10)', async () => {
    const town = await openTown({ badFramesMax: 3 });
    const app = await town.app('driver', DRIVER, { encoding: 'json' });
    const calls = town.desk.calls;
    app.socket.send('{');
    expect(await app.take('error')).toMatchObject({ id: null, code: 'bad_message' });
    app.socket.send(Buffer.from('80', 'hex'));
    expect((await app.take('error')).message).toContain('text frames');
    app.socket.send('{"t":"start","id":"7","tripId":1}');
    expect(await app.take('error')).toMatchObject({ id: '7', code: 'bad_message' });
    expect(town.gateway.counters.badFrames).toBe(3);
    app.socket.send('');
    expect(await app.closedWith('bad_frames')).toBe(true);
    expect(town.desk.calls).toBe(calls);
  });

  it('of the other role or of no type at all are refused, and the connection goes on', async () => {
    const town = await openTown({ badFramesMax: 0 });
    const app = await town.app('driver', DRIVER);
    expect(await app.ask({ t: 'nearby', id: '1' })).toMatchObject({ code: 'forbidden' });
    expect(await app.ask({ t: 'teleport', id: '2' })).toMatchObject({ code: 'unknown_type' });
    const rider = await town.app('rider', RIDER);
    rider.send(ping(1));
    expect(await rider.take('error')).toMatchObject({ code: 'forbidden', id: null });
    expect(town.desk.fixes).toEqual([]);
  });

  it('and too long close the connection (R10)', async () => {
    const town = await openTown({ payloadBytesMax: 1_000 });
    const app = await town.app('driver', DRIVER);
    app.socket.send(Buffer.alloc(1_001));
    expect([1006, 1009]).toContain(await app.gone);
  });
});

describe('pings', () => {
  it('above the rate are dropped and counted, and who goes on is closed (R10)', async () => {
    const town = await openTown({ fixes: { perS: 0.001, burstMax: 5 }, overRateMax: 2 });
    const app = await town.app('driver', DRIVER);
    for (let i = 1; i <= 6; i++) app.send(ping(i));
    app.send({ t: 'pings', p: [ping(7).p, ping(8).p] });
    expect((await app.ask({ t: 'offline', id: '1' })).t).toBe('ack');
    expect(town.desk.fixes.map(({ fix }) => fix[0])).toEqual([1, 2, 3, 4, 5]);
    expect(town.gateway.counters).toMatchObject({ fixesIn: 5, fixesDropped: 3 });
    app.send(ping(9));
    expect(await app.closedWith('rate_abuse')).toBe(true);
  });
});

describe('a slow reader', () => {
  it('is dropped above the bytes allowed, not buffered for ever (R10)', async () => {
    const town = await openTown({ backpressureBytesMax: 50_000 });
    const app = await town.app('rider', RIDER);
    app.socket.pause();
    let sent = 0;
    while (town.gateway.counters.connections.rider === 1) {
      town.gateway.announcer.toRider(RIDER, { t: 'trip', trip: TRIP });
      sent += 1;
      if (sent % 500 === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(sent).toBeLessThan(500_000);
    }
    expect(town.gateway.counters.closes).toEqual({ slow_reader: 1 });
    // What was under way is read, then the code.
    app.socket.resume();
    expect([CLOSE.slow_reader.code, 1006]).toContain(await app.gone);
  });
});

describe('a drain', () => {
  it('answers what it has accepted, tells every socket to go elsewhere, and lets nobody in', async () => {
    const town = await openTown();
    const busy = await town.app('driver', DRIVER);
    const idle = await town.app('rider', RIDER);
    const bearer = { authorization: `Bearer ${await tokenFor('rider', 'rider-2')}` };
    town.desk.commandGate.shut();
    busy.send({ t: 'offline', id: '1' });
    busy.send({ t: 'offline', id: '2' });
    await until(() => town.desk.commandGate.arrived === 1);
    await until(() => town.gateway.counters.messagesIn.offline === 2);
    const drained = town.gateway.drain();
    expect(await idle.closedWith('going_away')).toBe(true);
    await expect(town.knock({ headers: bearer })).rejects.toThrow('ECONNREFUSED');
    town.desk.commandGate.open();
    expect(await busy.take('ack')).toMatchObject({ id: '1' });
    expect(await busy.take('ack')).toMatchObject({ id: '2' });
    expect(await busy.closedWith('going_away')).toBe(true);
    await drained;
  });

  it('does not wait for ever (R10)', async () => {
    const town = await openTown({ drainMsMax: 100, drainJitterMs: 10 });
    const app = await town.app('driver', DRIVER);
    town.desk.commandGate.shut();
    app.send({ t: 'offline', id: '1' });
    await until(() => town.desk.commandGate.arrived === 1);
    await town.gateway.drain();
    expect(await app.closedWith('going_away')).toBe(true);
    town.desk.commandGate.open();
  });
});

describe('a port', () => {
  it('that is taken is refused, not shared', async () => {
    const town = await openTown();
    const other = await Town.open();
    towns.push(other);
    await expect(other.gateway.listen({ host: '127.0.0.1', port: town.port })).rejects.toThrow(
      'cannot listen',
    );
  });
});
