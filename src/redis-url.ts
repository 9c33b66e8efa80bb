import { ConfigError } from './config.ts';
import { splitStoreUrl, type StoreUrl } from './store-url.ts';

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** What a Redis URL says. */
export type RedisTarget = {
  readonly username: string | null;
  readonly password: string | null;
  readonly tls: boolean;
} & (
  | { readonly kind: 'node'; readonly at: RedisAddress | { readonly path: string }; readonly db: number }
  | {
      readonly kind: 'sentinel';
      readonly sentinels: readonly RedisAddress[];
      readonly master: string;
      readonly sentinelPassword: string | null;
    }
  | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[] }
);

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;

const FORMS =
  'redis://host:port/0, rediss://host:port/0, redis+unix:///path/to/socket, ' +
  'redis+sentinel://host:port,host:port/masterName or redis+cluster://host:port,host:port';

/**
 * Reads a Redis URL (the forms are in docs/operations.md). A wrong one throws a ConfigError with one sentence that names
 * `setting` and holds no password.
 */
export function parseRedisUrl(text: string, setting = 'REDIS_URL'): RedisTarget {
  if (text.startsWith('/'))
    return { kind: 'node', at: { path: text }, db: 0, username: null, password: null, tls: false };
  const url = splitStoreUrl(text, setting);
  const refuse = (what: string): never => {
    throw new ConfigError(`${setting} ${what}.`);
  };
  const { username, password, scheme } = url;
  switch (scheme) {
    case 'redis':
    case 'rediss':
      takes(url, setting, []);
      if (url.addresses.length !== 1) refuse('names one host; several need redis+sentinel or redis+cluster');
      return {
        ...{ kind: 'node', username, password, tls: scheme === 'rediss' },
        at: addressesOf(url, REDIS_PORT)[0]!,
        db: readDb(url.path, setting),
      };
    case 'redis+unix':
      takes(url, setting, ['db']);
      if (url.addresses.length > 0 || url.path === '')
        refuse('is redis+unix:///path/to/socket, with no host');
      return {
        ...{ kind: 'node', username, password, tls: false, at: { path: `/${url.path}` } },
        db: readDb(url.query.get('db') ?? '', setting),
      };
    case 'redis+sentinel': {
      takes(url, setting, ['sentinelPassword', 'tls']);
      if (url.addresses.length === 0 || url.path === '' || url.path.includes('/'))
        refuse('names the sentinels and then the master: redis+sentinel://host:port,host:port/masterName');
      const sentinelPassword = url.query.get('sentinelPassword') ?? null;
      return {
        ...{ kind: 'sentinel', username, password, tls: readTls(url, setting), master: url.path },
        sentinels: addressesOf(url, SENTINEL_PORT),
        sentinelPassword,
      };
    }
    case 'redis+cluster':
      takes(url, setting, ['tls']);
      if (url.addresses.length === 0) refuse('names some nodes: redis+cluster://host:port,host:port');
      if (url.path !== '') refuse('names a database, and a Redis Cluster has only one');
      return {
        ...{ kind: 'cluster', username, password, tls: readTls(url, setting) },
        nodes: addressesOf(url, REDIS_PORT),
      };
    default:
      return refuse(`must be ${FORMS}`);
  }
}

function addressesOf(url: StoreUrl, port: number): RedisAddress[] {
  return url.addresses.map((one) => ({ host: one.host, port: one.port ?? port }));
}

function takes(url: StoreUrl, setting: string, known: readonly string[]): void {
  for (const name of url.query.keys())
    if (!known.includes(name))
      throw new ConfigError(
        `${setting} has an option that ${url.scheme} does not take; ${known.length === 0 ? 'it takes none' : `it takes ${known.join(', ')}`}.`,
      );
}

function readTls(url: StoreUrl, setting: string): boolean {
  const tls = url.query.get('tls') ?? 'no';
  if (tls !== 'yes' && tls !== 'no') throw new ConfigError(`${setting} says tls, which is yes or no.`);
  return tls === 'yes';
}

function readDb(text: string, setting: string): number {
  if (!/^\d{0,4}$/.test(text)) throw new ConfigError(`${setting} names a database that is not a number.`);
  return Number(text);
}
