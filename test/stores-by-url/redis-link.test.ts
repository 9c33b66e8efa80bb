import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';

import { freePort } from '../../src/private-processes.ts';
import { Cable } from '../integration/cable.ts';
import { freshRedis } from '../stores.ts';
import { makeCertificates } from './certificates.ts';
import { answers, busOn, closeLinks, ear, hears, lines, openLink } from './links.ts';
import { Servers, soon } from './servers.ts';

const plain = await freshRedis();
const servers = await Servers.open();
closeLinks();

const cables: Cable[] = [];
afterEach(async () => {
  for (const cable of cables.splice(0)) await cable.cut();
});

async function lay(url: string): Promise<Cable> {
  const cable = await Cable.lay(url);
  cables.push(cable);
  return cable;
}

describe('a stand-alone Redis', () => {
  it('fails commands at once while it is out of reach and takes them when it is back', async () => {
    const cable = await lay(plain.url);
    const link = openLink(cable.url);
    expect(await link.untilReady(5_000)).toBe(true);
    const bus = busOn(link);
    const heard = await ear(bus, 'news');
    await hears(bus, 'news', heard, 'before');
    expect(link.isReady()).toBe(true);
    const failed = expect(link.commands.blpop('never', 0)).rejects.toThrow('Reached the max retries');
    await cable.cut();
    await failed;
    await soon('unreadiness', () => !link.isReady());
    await expect(link.commands.get('key')).rejects.toThrow();
    await cable.mend();
    await answers(link);
    await hears(bus, 'news', heard, 'after');
    expect(link.isReady()).toBe(true);
  });

  it('is reached again after a link that swallows all bytes, pub/sub included', async () => {
    const cable = await lay(plain.url);
    const link = openLink(cable.url);
    await answers(link);
    const bus = busOn(link);
    const heard = await ear(bus, 'frozen');
    await hears(bus, 'frozen', heard, 'before');
    cable.freeze();
    await expect(link.commands.get('key')).rejects.toThrow('timed out');
    await soon('unreadiness', () => !link.isReady());
    // What was frozen stays so: only new connections get through.
    cable.thaw();
    await answers(link);
    await hears(bus, 'frozen', heard, 'after');
    await soon('readiness', () => link.isReady());
  });

  it('out of reach from the start says so once a second, without the password', async () => {
    lines.length = 0;
    const link = openLink(`redis://me:hunter2@127.0.0.1:${await freePort()}`);
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
    const link = openLink(url.href);
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
    const link = openLink(`rediss://:s3cr%25t@127.0.0.1:${port}/2`, caFile);
    await answers(link);
    const bus = busOn(link);
    await hears(bus, 'safe', await ear(bus, 'safe'), 'word');
    lines.length = 0;
    const stranger = openLink(`rediss://:s3cr%25t@127.0.0.1:${port}`);
    await soon('refusal of the authority', () => lines.some((line) => line.includes('certificate')));
    lines.length = 0;
    const misnamed = openLink(`rediss://:s3cr%25t@localhost:${port}`, caFile);
    await soon('refusal of the name', () =>
      lines.some((line) => line.includes('ERR_TLS_CERT_ALTNAME_INVALID')),
    );
    expect([link, stranger, misnamed].map((one) => one.isReady())).toEqual([true, false, false]);
    expect(() => openLink('rediss://h', `${servers.dir}/none.crt`)).toThrow(/^REDIS_CA_FILE cannot be read/);
  });
});

describe('Redis behind sentinels', () => {
  it('R11: commands and messages go by the new master when the old one is killed', async () => {
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
    const hosts = `127.0.0.1:${await freePort()},127.0.0.1:${sentinel}`;
    const link = openLink(`redis+sentinel://:pw@${hosts}/city?sentinelPassword=spw`);
    await answers(link, 'before');
    const bus = busOn(link);
    const heard = await ear(bus, 'sentinel');
    await hears(bus, 'sentinel', heard, 'before');
    const asked = new Redis({ host: '127.0.0.1', port: sentinel, password: 'spw' });
    asked.on('error', () => undefined);
    await soon('the replica in the sentinel’s list', async () => {
      const replicas = (await asked.call('SENTINEL', 'replicas', 'city')) as unknown[];
      return replicas.length === 1;
    });
    asked.disconnect();
    servers.signal('master', 'SIGKILL');
    await soon('unreadiness', () => !link.isReady());
    await answers(link, 'after');
    await hears(bus, 'sentinel', heard, 'after');
    expect(await at.get('after')).toBe('1');
    expect(await link.commands.get('before')).toBe('1');
    at.disconnect();
  });
});
