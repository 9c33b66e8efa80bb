import { Cluster, Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

import { createWallClock } from '../../src/lib/clock.ts';
import type { Log } from '../../src/lib/log.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { freePort } from '../../src/private-processes.ts';
import { openRedisLink, type RedisLink } from '../../src/redis-link.ts';
import { Cable } from '../integration/cable.ts';
import { freshRedis } from '../stores.ts';
import { makeCertificates } from './certificates.ts';
import { Servers, soon, startRedisCluster } from './servers.ts';

const plain = await freshRedis();
const servers = await Servers.open();
const clock = createWallClock();

const lines: string[] = [];
const keep = (fields: object, message: string): void =>
  void lines.push(JSON.stringify({ ...fields, message }));
const log: Log = { debug: keep, info: keep, warn: keep, error: keep };

const links: RedisLink[] = [];
const cables: Cable[] = [];
afterEach(async () => {
  for (const link of links.splice(0)) link.close();
  for (const cable of cables.splice(0)) await cable.cut();
});

function open(url: string, caFile?: string): RedisLink {
  const link = openRedisLink(url, {
    log,
    clock,
    prng: createPrng(1),
    ...(caFile === undefined ? {} : { caFile }),
  });
  links.push(link);
  return link;
}

async function lay(url: string): Promise<Cable> {
  const cable = await Cable.lay(url);
  cables.push(cable);
  return cable;
}

/** Listens to one channel on a connection of its own; answers what was heard. */
async function listen(link: RedisLink, channel: string): Promise<string[]> {
  const heard: string[] = [];
  const subscriber = link.subscriber();
  const hear = (on: string, text: string): void => void (on === channel && heard.push(text));
  subscriber.on(link.isSharded ? 'smessage' : 'message', hear);
  await soon('subscription', async () => {
    await (link.isSharded ? subscriber.ssubscribe(channel) : subscriber.subscribe(channel));
    return true;
  });
  return heard;
}

const publish = (link: RedisLink, channel: string, text: string): Promise<unknown> =>
  link.isSharded ? link.commands.spublish(channel, text) : link.commands.publish(channel, text);

/** Publishes until one message was heard. */
const hears = (link: RedisLink, channel: string, heard: string[], text: string): Promise<true> =>
  soon(`${text} on ${channel}`, async () => {
    await publish(link, channel, text);
    return heard.includes(text);
  });

const answers = (link: RedisLink, key = 'key'): Promise<true> =>
  soon('an answer', async () => (await link.commands.set(key, '1')) === 'OK');

describe('a stand-alone Redis', () => {
  it('fails commands at once while it is out of reach and takes them when it is back', async () => {
    const cable = await lay(plain.url);
    const link = open(cable.url);
    expect(await link.untilReady(5_000)).toBe(true);
    const heard = await listen(link, 'news');
    await hears(link, 'news', heard, 'before');
    expect(link.isReady()).toBe(true);
    const underWay = link.commands.blpop('never', 0);
    const failed = expect(underWay).rejects.toThrow();
    await cable.cut();
    await failed;
    await soon('unreadiness', () => !link.isReady());
    await expect(link.commands.get('key')).rejects.toThrow();
    await cable.mend();
    await answers(link);
    await hears(link, 'news', heard, 'after');
    expect(link.isReady()).toBe(true);
  });

  it('is reached again after a link that swallows all bytes, pub/sub included', async () => {
    const cable = await lay(plain.url);
    const link = open(cable.url);
    await answers(link);
    const heard = await listen(link, 'frozen');
    await hears(link, 'frozen', heard, 'before');
    cable.freeze();
    await expect(link.commands.get('key')).rejects.toThrow('timed out');
    await soon('unreadiness', () => !link.isReady());
    // What was frozen stays so: only new connections get through.
    cable.thaw();
    await answers(link);
    await hears(link, 'frozen', heard, 'after');
    await soon('readiness', () => link.isReady());
  });

  it('out of reach from the start says so once a second, without the password', async () => {
    lines.length = 0;
    const link = open(`redis://me:hunter2@127.0.0.1:${await freePort()}`);
    expect(await link.untilReady(1_500)).toBe(false);
    expect(link.isReady()).toBe(false);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(3);
    expect(lines.join()).not.toContain('hunter2');
    expect(lines.join()).toContain('ECONNREFUSED');
  });

  it('with a wrong password is not ready, and the log does not have it', async () => {
    lines.length = 0;
    const url = new URL(plain.url);
    url.password = 'hunter2';
    const link = open(url.href);
    await soon('word of it', () => lines.some((line) => line.includes('WRONGPASS')));
    expect(link.isReady()).toBe(false);
    expect(lines.join()).not.toContain('hunter2');
  });
});

describe('a Redis with TLS', () => {
  it('is reached with the right authority and the right name, and not otherwise', async () => {
    const port = await freePort();
    const { caFile, certFile, keyFile } = await makeCertificates(servers.dir, ['127.0.0.1']);
    const files = [`tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`, `tls-ca-cert-file ${caFile}`];
    const settings = ['port 0', `tls-port ${port}`, 'tls-auth-clients no', 'requirepass s3cr%t', ...files];
    await servers.startRedis({ name: 'tls', port, settings });
    const link = open(`rediss://:s3cr%25t@127.0.0.1:${port}/2`, caFile);
    await answers(link);
    const heard = await listen(link, 'safe');
    await hears(link, 'safe', heard, 'word');
    lines.length = 0;
    const stranger = open(`rediss://:s3cr%25t@127.0.0.1:${port}`);
    await soon('refusal of the authority', () => lines.some((line) => line.includes('certificate')));
    lines.length = 0;
    const misnamed = open(`rediss://:s3cr%25t@localhost:${port}`, caFile);
    await soon('refusal of the name', () =>
      lines.some((line) => line.includes('ERR_TLS_CERT_ALTNAME_INVALID')),
    );
    expect([link, stranger, misnamed].map((one) => one.isReady())).toEqual([true, false, false]);
    expect(() => open('rediss://h', `${servers.dir}/none.crt`)).toThrow(/^REDIS_CA_FILE cannot be read/);
  });
});

describe('Redis behind sentinels', () => {
  it('R11: commands and subscriptions go to the new master when the old one is killed', async () => {
    const [master, replica, sentinel] = [await freePort(), await freePort(), await freePort()];
    const login = ['requirepass pw', 'masterauth pw'];
    await servers.startRedis({ name: 'master', port: master, settings: login });
    const follow = [...login, `replicaof 127.0.0.1 ${master}`, 'repl-diskless-sync-delay 0'];
    await servers.startRedis({ name: 'replica', port: replica, settings: follow });
    const at = new Redis({ host: '127.0.0.1', port: replica, password: 'pw' });
    at.on('error', () => undefined);
    await soon('replication', async () => (await at.info('replication')).includes('master_link_status:up'));
    const watch = [
      `sentinel monitor city 127.0.0.1 ${master} 1`,
      'sentinel auth-pass city pw',
      'sentinel down-after-milliseconds city 1000',
      'sentinel failover-timeout city 3000',
      'requirepass spw',
    ];
    await servers.startRedis({ name: 'sentinel', port: sentinel, settings: watch, isSentinel: true });
    // The first sentinel of the list is not there.
    const nobody = await freePort();
    const link = open(
      `redis+sentinel://:pw@127.0.0.1:${nobody},127.0.0.1:${sentinel}/city?sentinelPassword=spw`,
    );
    await answers(link, 'before');
    const heard = await listen(link, 'sentinel');
    await hears(link, 'sentinel', heard, 'before');
    const asked = new Redis({ host: '127.0.0.1', port: sentinel, password: 'spw' });
    asked.on('error', () => undefined);
    await soon(
      'the replica in the sentinel’s list',
      async () => ((await asked.call('SENTINEL', 'replicas', 'city')) as unknown[]).length === 1,
    );
    asked.disconnect();
    servers.signal('master', 'SIGKILL');
    await soon('unreadiness', () => !link.isReady());
    await answers(link, 'after');
    await hears(link, 'sentinel', heard, 'after');
    expect(await at.get('after')).toBe('1');
    expect(await link.commands.get('before')).toBe('1');
    at.disconnect();
  });
});

describe('a Redis Cluster', () => {
  it('R11: all slots are served, sharded messages arrive, and so they do when a master is killed', async () => {
    const cluster = await startRedisCluster(servers);
    const link = open(cluster.url);
    expect(link.isSharded).toBe(true);
    expect(link.commands).toBeInstanceOf(Cluster);
    expect(await link.untilReady(5_000)).toBe(true);
    const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    for (const key of keys) expect(await link.commands.set(key, key)).toBe('OK');
    const channels = keys.slice(0, 8).map((key) => `zone:{${key}}`);
    const subscriber = link.subscriber();
    const heard = new Set<string>();
    subscriber.on('smessage', (channel: string, text: string) => heard.add(`${channel} ${text}`));
    for (const channel of channels)
      await soon('subscription', async () => {
        await subscriber.ssubscribe(channel);
        return true;
      });
    const hearsAll = (text: string): Promise<true> =>
      soon(`${text} on all channels`, async () => {
        await Promise.all(channels.map((channel) => link.commands.spublish(channel, text)));
        return channels.every((channel) => heard.has(`${channel} ${text}`));
      });
    await hearsAll('before');
    await soon('readiness', () => link.isReady());
    cluster.killFirstMaster();
    await soon('unreadiness', () => !link.isReady());
    await soon('all slots again', async () => {
      await Promise.all(keys.map((key) => link.commands.set(key, 'again')));
      return true;
    });
    await hearsAll('after');
    await soon('readiness', () => link.isReady());
    expect(await Promise.all(keys.map((key) => link.commands.get(key)))).toEqual(keys.map(() => 'again'));
  });
});
