import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigError, configHelp, dataKeysIn, readConfig, withSecretsFromFiles } from '../src/config.ts';
import { authSecretsOf, keyKeeperOf, type PersonalSecrets, personalSecretsOf } from '../src/kept-secrets.ts';

const dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-config-'));
afterAll(() => rmSync(dir, { recursive: true }));

const file = (name: string, content: string): string => {
  const at = path.join(dir, name);
  writeFileSync(at, content);
  return at;
};
const strong = (): string => randomBytes(32).toString('base64');
const messageOf = (read: () => unknown): string => {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('it was taken');
};

describe('settings', () => {
  it('are taken from flags before the environment before the defaults', () => {
    expect(readConfig({}, []).port).toBe(8080);
    expect(readConfig({ PORT: '1' }, []).port).toBe(1);
    expect(readConfig({ PORT: '1' }, ['--port', '2']).port).toBe(2);
    expect(readConfig({ PORT: '' }, ['--host=0.0.0.0'])).toMatchObject({ port: 8080, host: '0.0.0.0' });
  });

  it.each([
    ['an unknown flag', {}, ['--prot', '1'], 'There is no option --prot; --help lists them.'],
    ['a flag without its value', {}, ['--port'], '--port needs a value.'],
    [
      'a value that does not fit',
      { PORT: 'x' },
      [],
      'PORT must be a whole number from 0 to 65535, and is "x".',
    ],
    [
      'times that contradict each other',
      { OFFLINE_MS: '2000', STALE_MS: '2000' },
      [],
      'OFFLINE_MS must be longer than STALE_MS.',
    ],
  ])('are refused in one sentence: %s', (_, env, args, message) => {
    expect(messageOf(() => readConfig(env, args))).toBe(message);
  });

  it('take lists of origins as browsers write them', () => {
    const read = (CORS_ORIGINS: string) => readConfig({ CORS_ORIGINS }, []).corsOrigins;
    expect(readConfig({}, []).corsOrigins).toEqual([]);
    expect(read('https://a.example, http://localhost:5173')).toEqual([
      'https://a.example',
      'http://localhost:5173',
    ]);
    expect(read('*')).toEqual(['*']);
    for (const wrong of [
      'a.example',
      'https://a.example/',
      'https://a.example/x',
      'HTTPS://a.example',
      'https://a.example,',
      'ftp://a',
    ])
      expect(messageOf(() => read(wrong))).toContain('CORS_ORIGINS must be origins as browsers write them');
  });

  it('are all in the help', () => {
    for (const env of ['AUTH_SECRET_OLD', 'GEO_MIRROR_MS', 'DATABASE_URL'])
      expect(configHelp()).toContain(env);
  });
});

describe('a secret', () => {
  it('is read from the file named by its _FILE, without the line end, and the name of the file goes no further', () => {
    const secret = strong();
    const env = withSecretsFromFiles({ AUTH_SECRET_FILE: file('auth', `${secret}\n`), PORT: '1' });
    expect(env).toEqual({ AUTH_SECRET: secret, PORT: '1' });
    expect(readConfig(env, []).authSecret).toBe(secret);
  });

  it('is taken from one place only, which must be there and hold something', () => {
    const both = { REDIS_URL: 'redis://a', REDIS_URL_FILE: file('redis', 'redis://b') };
    expect(messageOf(() => withSecretsFromFiles(both))).toBe(
      'REDIS_URL and REDIS_URL_FILE are both set: leave one out.',
    );
    const gone = path.join(dir, 'gone');
    expect(messageOf(() => withSecretsFromFiles({ METRICS_TOKEN_FILE: gone }))).toContain(
      `${gone}, which cannot be read`,
    );
    expect(messageOf(() => withSecretsFromFiles({ METRICS_TOKEN_FILE: file('empty', '\n') }))).toContain(
      'which is empty',
    );
  });

  it('is what only secrets are: no other setting is read from a file', () => {
    const env = { PORT_FILE: file('port', '1'), DATABASE_CA_FILE: file('ca', 'PEM') };
    expect(withSecretsFromFiles(env)).toEqual(env);
  });

  it('is refused when too short, and in no message', () => {
    const short = 'correct horse';
    for (const name of ['AUTH_SECRET', 'AUTH_SECRET_OLD']) {
      const message = messageOf(() => readConfig({ AUTH_SECRET: strong(), [name]: short }, []));
      expect(message).toContain(`${name} must have 32 bytes or more`);
      expect(message).not.toContain(short);
    }
  });

  it('is refused in production when it is easy to guess, and taken anywhere else', () => {
    const weak = 'secret'.padEnd(40, '1');
    for (const name of ['AUTH_SECRET', 'METRICS_TOKEN']) {
      expect(messageOf(() => readConfig({ NODE_ENV: 'production', [name]: weak }, []))).toContain(
        'too easy to guess',
      );
      expect(() => readConfig({ [name]: weak }, [])).not.toThrow();
    }
    for (let n = 0; n < 200; n++) {
      const AUTH_SECRET = randomBytes(16).toString('hex');
      expect(() => readConfig({ NODE_ENV: 'production', AUTH_SECRET }, [])).not.toThrow();
    }
  });

  it('of tokens is changed in two steps: the one before is set beside the new one, and is another', () => {
    const [now, before] = [strong(), strong()];
    expect(readConfig({ AUTH_SECRET: now, AUTH_SECRET_OLD: before }, [])).toMatchObject({
      authSecret: now,
      authSecretOld: before,
    });
    const wrong = 'AUTH_SECRET_OLD is the secret before AUTH_SECRET: set both, to different ones.';
    expect(messageOf(() => readConfig({ AUTH_SECRET_OLD: before }, []))).toBe(wrong);
    expect(messageOf(() => readConfig({ AUTH_SECRET: now, AUTH_SECRET_OLD: now }, []))).toBe(wrong);
  });

  const dataKey = (name: string, key = randomBytes(32)): string => `${name}:${key.toString('base64')}`;

  it('of personal data is a list of named keys, each of 32 bytes and with a name of its own', () => {
    const [fresh, old] = [randomBytes(32), randomBytes(32)];
    const { dataKeys } = readConfig({ DATA_KEYS: `${dataKey('b', fresh)}, ${dataKey('a', old)}` }, []);
    expect(dataKeysIn(dataKeys!)).toEqual([
      { id: 'b', key: fresh },
      { id: 'a', key: old },
    ]);
    const twice = `${dataKey('a')},${dataKey('a')}`;
    for (const wrong of [
      dataKey('a', randomBytes(31)),
      dataKey('a b'),
      dataKey(''),
      `${dataKey('a')},`,
      twice,
    ]) {
      const message = messageOf(() => readConfig({ DATA_KEYS: wrong }, []));
      expect(message).toContain('DATA_KEYS must be NAME:BASE64');
      expect(message).not.toContain(wrong.slice(-20));
    }
  });

  it('of personal data is refused in production when it is missing or easy to guess', () => {
    const easy = { NODE_ENV: 'production', DATA_KEYS: dataKey('a', Buffer.from('0123'.repeat(8))) };
    expect(messageOf(() => readConfig(easy, []))).toContain('too easy to guess');
    const given = { DATA_KEYS: dataKey('a'), LOOKUP_SECRET: strong() };
    const of = (env: Record<string, string>): PersonalSecrets =>
      personalSecretsOf({ config: readConfig(env, []), dataDir: dir, isProduction: true });
    expect(of(given)).toEqual({ dataKeys: given.DATA_KEYS, lookupSecret: given.LOOKUP_SECRET });
    for (const name of ['DATA_KEYS', 'LOOKUP_SECRET'])
      expect(messageOf(() => of({ ...given, [name]: '' }))).toContain('must be set');
  });

  it('that was not set is made once, kept, and readable by its user alone', () => {
    const options = { config: readConfig({}, []), dataDir: path.join(dir, 'kept') };
    const first = personalSecretsOf({ ...options, isProduction: false });
    expect(personalSecretsOf({ ...options, isProduction: false })).toEqual(first);
    expect(keyKeeperOf(first).currentKeyId).toBe('k1');
    expect(authSecretsOf(options)).toEqual(authSecretsOf(options));
    const files = readdirSync(options.dataDir);
    expect(files.sort()).toEqual(['auth-secret', 'data-keys', 'lookup-secret']);
    for (const name of files) expect(statSync(path.join(options.dataDir, name)).mode & 0o777).toBe(0o600);
  });
});
