import { describe, expect, it } from 'vitest';

import { parsePostgresUrl } from '../../src/postgres-url.ts';

describe('a PostgreSQL URL', () => {
  it('names a server', () => {
    expect(
      parsePostgresUrl('postgres://me:p%40ss@h:7000/city?sslmode=verify-full&application_name=x'),
    ).toEqual({
      addresses: [{ host: 'h', port: 7000 }],
      ...{ username: 'me', password: 'p@ss', database: 'city' },
      ...{ sslMode: 'verify-full', attrs: 'any', parameters: { application_name: 'x' } },
    });
    expect(parsePostgresUrl('postgresql://h')).toMatchObject({
      username: null,
      database: null,
      sslMode: 'disable',
    });
  });

  it('names several, of which the primary is meant unless it says otherwise', () => {
    const both = [
      { host: 'a', port: 5432 },
      { host: '::1', port: 6000 },
    ];
    expect(parsePostgresUrl('postgres://a,[::1]:6000/db')).toMatchObject({
      addresses: both,
      attrs: 'primary',
    });
    expect(parsePostgresUrl('postgres://a,[::1]:6000/db?target_session_attrs=prefer-standby').attrs).toBe(
      'prefer-standby',
    );
  });

  it('names a unix socket’s folder', () => {
    const at = [{ host: '/run/postgresql', port: 5432 }];
    expect(parsePostgresUrl('postgres://%2Frun%2Fpostgresql/db').addresses).toEqual(at);
    expect(parsePostgresUrl('postgres:///db?host=/run/postgresql').addresses).toEqual(at);
  });

  it.each([
    ['host=h password=hunter2', 'is not a URL'],
    ['mysql://u:hunter2@h/db', 'must be postgres://'],
    ['postgres://u:hunter2@h/db?sslmode=prefer', 'one of disable, require, verify-full'],
    ['postgres://u:hunter2@h/db?target_session_attrs=master', 'one of any, primary'],
    ['postgres://u:hunter2@h:0/db', 'port from 1 to 65535'],
  ])('%s is refused in one sentence without the password', (url, why) => {
    const said = (): unknown => parsePostgresUrl(url);
    expect(said).toThrow(why);
    expect(said).toThrow(/^DATABASE_URL [^\n]+\.$/);
    expect(said).not.toThrow('hunter2');
  });
});
