import { describe, expect, it } from 'vitest';

import { parseRedisUrl } from '../../src/redis-url.ts';

const open = { username: null, password: null, tls: false };

describe('a Redis URL', () => {
  it('names a server, with or without TLS, password and database', () => {
    expect(parseRedisUrl('redis://h')).toEqual({
      ...open,
      kind: 'node',
      at: { host: 'h', port: 6379 },
      db: 0,
    });
    expect(parseRedisUrl('rediss://me:p%40ss%3A%2F@[::1]:7000/3')).toEqual({
      ...{ kind: 'node', at: { host: '::1', port: 7000 }, db: 3 },
      ...{ username: 'me', password: 'p@ss:/', tls: true },
    });
    expect(parseRedisUrl('redis://:only:colons@h:1/0')).toMatchObject({
      username: null,
      password: 'only:colons',
    });
  });

  it('names a unix socket', () => {
    expect(parseRedisUrl('/run/redis.sock')).toEqual({
      ...open,
      kind: 'node',
      at: { path: '/run/redis.sock' },
      db: 0,
    });
    expect(parseRedisUrl('redis+unix://:secret@/run/redis.sock?db=2')).toEqual({
      ...{ ...open, kind: 'node', at: { path: '/run/redis.sock' }, db: 2, password: 'secret' },
    });
  });

  it('names sentinels and a master', () => {
    expect(parseRedisUrl('redis+sentinel://:pw@a,b:5000/mymaster?sentinelPassword=s%26t&tls=yes')).toEqual({
      ...{
        kind: 'sentinel',
        username: null,
        password: 'pw',
        tls: true,
        master: 'mymaster',
        sentinelPassword: 's&t',
      },
      sentinels: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 5000 },
      ],
    });
  });

  it('names nodes of a cluster', () => {
    expect(parseRedisUrl('redis+cluster://u:p@a:1,b:2')).toEqual({
      ...{ kind: 'cluster', username: 'u', password: 'p', tls: false },
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
    });
  });

  it.each([
    ['localhost:6379', 'is not a URL'],
    ['http://u:hunter2@h', 'must be redis://'],
    ['redis://u:hunter2@a,b', 'several need'],
    ['redis://u:hunter2@h/zero', 'not a number'],
    ['redis://u:hunter2@h?tls=yes', 'does not take'],
    ['redis://u:hunter2@h:99999', 'port from 1 to 65535'],
    ['redis://u:hunter2%@h', 'percent sign'],
    ['redis://u:hunter2@', 'names one host'],
    ['redis+unix://u:hunter2@host/path', 'no host'],
    ['redis+sentinel://u:hunter2@a:1', 'masterName'],
    ['redis+sentinel://u:hunter2@a:1/m?tls=maybe', 'yes or no'],
    ['redis+sentinel://a:1/m?tls=yes&tls=no', 'twice'],
    ['redis+cluster://u:hunter2@a:1/2', 'only one'],
    ['redis+cluster://u:hunter2@', 'some nodes'],
  ])('%s is refused in one sentence without the password', (url, why) => {
    const said = (): unknown => parseRedisUrl(url);
    expect(said).toThrow(why);
    expect(said).toThrow(/^REDIS_URL [^\n]+\.$/);
    expect(said).not.toThrow('hunter2');
  });
});
