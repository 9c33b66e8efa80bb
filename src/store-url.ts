import { readFileSync } from 'node:fs';

import { ConfigError } from './config.ts';

/** One server of a store; `port` null where the URL names none. */
export interface StoreAddress {
  readonly host: string;
  readonly port: number | null;
}

/** A store's URL taken apart; percent-encoding is undone, empty user names and passwords are null. */
export interface StoreUrl {
  /** In lower case, without the colon. */
  readonly scheme: string;
  readonly username: string | null;
  readonly password: string | null;
  /** At least one, unless the URL has a path alone (`redis+unix:///run/redis.sock`). */
  readonly addresses: readonly StoreAddress[];
  /** Without its first slash; empty without a path. */
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
}

// Not the URL class: it knows one host only.
const PARTS = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/i;
const ADDRESS = /^(\[[0-9a-f:.]+\]|[^:[\]\s]+)(?::(\d{1,5}))?$/i;

/**
 * Takes `text` apart, which may name several hosts. What cannot be read throws a ConfigError that names the setting
 * (`REDIS_URL`) and nothing of the text: a password may be in it.
 */
export function splitStoreUrl(text: string, setting: string): StoreUrl {
  const parts = PARTS.exec(text);
  if (parts === null)
    throw new ConfigError(
      `${setting} is not a URL as in scheme://user:password@host:port/name; an @, / or ? in a password is written %40, %2F, %3F.`,
    );
  const [, scheme = '', credentials = '', hosts = '', path = '', query = ''] = parts;
  const [username = '', ...password] = credentials.split(':');
  try {
    return {
      scheme: scheme.toLowerCase(),
      username: decodeURIComponent(username) || null,
      password: decodeURIComponent(password.join(':')) || null,
      addresses: hosts === '' ? [] : hosts.split(',').map((host) => readAddress(host, setting)),
      path: decodeURIComponent(path),
      query: readQuery(query, setting),
    };
  } catch (cause) {
    if (cause instanceof URIError)
      throw new ConfigError(`${setting} has a percent sign that begins no character; write it %25.`);
    throw cause;
  }
}

function readAddress(text: string, setting: string): StoreAddress {
  const parts = ADDRESS.exec(text);
  const port = parts?.[2] === undefined ? null : Number(parts[2]);
  if (parts === null || (port !== null && (port < 1 || port > 65_535)))
    throw new ConfigError(
      `${setting} names a host that is not as in host:port, with a port from 1 to 65535.`,
    );
  return { host: decodeURIComponent(parts[1]!.replace(/^\[|\]$/g, '')), port };
}

function readQuery(text: string, setting: string): Map<string, string> {
  const query = new Map<string, string>();
  for (const pair of text.split('&').filter((one) => one !== '')) {
    const [name = '', ...value] = pair.split('=');
    if (query.has(name)) throw new ConfigError(`${setting} says ${name} twice.`);
    query.set(decodeURIComponent(name), decodeURIComponent(value.join('=')));
  }
  return query;
}

/** The certificates that a store's own is checked with; undefined: the system's. A ConfigError when the file cannot be read. */
export function readCa(file: string | null | undefined, setting: string): Buffer | undefined {
  if (file === null || file === undefined) return undefined;
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ConfigError(`${setting} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
