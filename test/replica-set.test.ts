import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { issueToken } from '../src/gateway/auth.ts';
import { createWallClock } from '../src/lib/clock.ts';
import { freePort } from '../src/private-processes.ts';
import { decodeServerMessage, SUBPROTOCOLS } from '../src/protocol/codec.ts';
import { freshDatabase, freshRedis } from './stores.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const SECRET = 'a secret of thirty-two bytes or more';
const database = await freshDatabase();
const redis = await freshRedis();
const wallClock = createWallClock();
const sets: ServerSet[] = [];

interface Ready {
  readonly ready: true;
  readonly port: number;
  readonly ports: number[];
}

/** `server --replicas N` as an operator starts it. */
class ServerSet {
  readonly lines: Record<string, unknown>[] = [];
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; errors: string }>;
  private wake: () => void = () => undefined;

  constructor(...args: string[]) {
    this.child = spawn(process.execPath, [path.join(ROOT, 'dist', 'main.js'), 'server', ...args], {
      env: {
        ...{
          PATH: process.env['PATH'],
          ACCOUNTS: 'elsewhere',
          DATABASE_URL: database.url,
          REDIS_URL: redis.url,
          AUTH_SECRET: SECRET,
        },
        DATABASE_POOL_MAX: '4',
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(JSON.parse(line) as Record<string, unknown>);
      this.wake();
    });
    let errors = '';
    this.child.stderr!.on('data', (data: Buffer) => (errors += data.toString()));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code) => resolve({ code, errors }));
    });
    sets.push(this);
  }

  /** The first line, also a past one, that `wanted` says yes to. */
  async line(wanted: (line: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.lines.find(wanted);
      if (found !== undefined) return found;
      const more = new Promise<true>((resolve) => (this.wake = () => resolve(true)));
      if ((await Promise.race([more, this.ended])) !== true) throw new Error((await this.ended).errors);
    }
  }

  /** Serves; the log has said so of every replica, too: it may come after the line that is for programs. */
  async ready(): Promise<Ready> {
    const ready = (await this.line((line) => line['ready'] === true)) as unknown as Ready;
    for (const replica of ready.ports.keys())
      await this.line((line) => line['msg'] === 'replica serves' && line['replica'] === replica);
    return ready;
  }

  /** Numbers of the processes that have served, oldest first. */
  pids(): number[] {
    return this.lines.filter(({ msg }) => msg === 'replica serves').map(({ pid }) => Number(pid));
  }
}

const serves = async (port: number): Promise<boolean> =>
  (await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' } })).ok;
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

beforeAll(async () => {
  await promisify(execFile)(process.execPath, [path.join(ROOT, 'src', 'bootstrap.mjs'), 'build']);
});
afterEach(async () => {
  for (const set of sets.splice(0)) {
    set.child.kill('SIGTERM');
    await set.ended;
  }
});

describe('server --replicas', () => {
  it('serves on a shared port and on each one’s own; R11: one that is killed comes back; SIGTERM ends all', async () => {
    const set = new ServerSet('--replicas', '3', '--port', '0');
    const { port, ports } = await set.ready();
    expect(new Set([port, ...ports]).size).toBe(4);
    for (const each of [port, ...ports]) expect(await serves(each)).toBe(true);

    const [first] = set.pids();
    const { replica } = await set.line(({ msg, pid }) => msg === 'replica serves' && pid === first);
    process.kill(first!, 'SIGKILL');
    await set.line(
      ({ msg, replica: number }) =>
        msg?.toString().startsWith('a replica died') === true && number === replica,
    );
    await set.line(
      ({ msg, replica: number, pid }) => msg === 'replica serves' && number === replica && pid !== first,
    );
    for (const each of [port, ...ports]) expect(await serves(each)).toBe(true);

    const token = await issueToken({
      ...{ secret: Buffer.from(SECRET), role: 'rider', subject: 'rider-1', ttlS: 60 },
      wallNowMs: wallClock.nowMs(),
    });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/socket`, SUBPROTOCOLS.json, {
      headers: { authorization: `Bearer ${token}` },
    });
    const closed = once(socket, 'close');
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(decodeServerMessage(data, 'json')).toMatchObject({ ok: true, value: { t: 'welcome' } });

    const pids = set.pids().filter(isAlive);
    expect(pids).toHaveLength(3);
    set.child.kill('SIGTERM');
    expect((await closed)[0]).toBe(4000);
    expect((await set.ended).code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  it('leaves no replica behind when it is killed itself', async () => {
    const set = new ServerSet('--replicas', '2', '--port', '0');
    await set.ready();
    const pids = set.pids();
    expect(pids).toHaveLength(2);
    set.child.kill('SIGKILL');
    // `ended` waits for the pipes, which only a replica that is left would hold: and those are its own.
    await set.ended;
    while (pids.some(isAlive)) await new Promise((resolve) => setImmediate(resolve));
  });

  it('leaves no replica behind when it is killed while they start', async () => {
    const set = new ServerSet('--replicas', '2', '--port', '0');
    const { pid } = await set.line((line) => Number(line['pid']) !== set.child.pid);
    set.child.kill('SIGKILL');
    await set.ended;
    while (isAlive(Number(pid))) await new Promise((resolve) => setImmediate(resolve));
  });

  it('says in a sentence why it cannot start, and leaves nothing: a replica’s port is taken', async () => {
    const port = await freePort();
    const stranger = createServer().listen(port + 2, '127.0.0.1');
    await once(stranger, 'listening');
    const set = new ServerSet('--replicas', '2', '--port', String(port));
    const { code, errors } = await set.ended;
    expect(code).toBe(2);
    expect(errors).toContain(`cannot listen on 127.0.0.1:${port + 2}`);
    expect(set.pids().filter(isAlive)).toEqual([]);
    stranger.close();
  });

  it('does not share its port with another server by mistake', async () => {
    const one = new ServerSet('--replicas', '2', '--port', '0');
    const { port } = await one.ready();
    const { code, errors } = await new ServerSet('--replicas', '2', '--port', String(port)).ended;
    expect(code).toBe(2);
    expect(errors).toContain(`port ${port} is taken`);
    expect(await serves(port)).toBe(true);
  });
});
