import { ConfigError } from './config.ts';
import { splitStoreUrl } from './store-url.ts';

/** One server: a TCP address, or the folder of its unix socket with the port that names it. */
export interface PostgresAddress {
  readonly host: string;
  readonly port: number;
}

/** How far TLS is asked for: `require` encrypts to whoever answers, `verify-full` also checks authority and name. */
export type SslMode = 'disable' | 'require' | 'verify-full';

/** Which server of several is wanted, as in libpq. */
export type SessionAttrs = 'any' | 'primary' | 'read-write' | 'read-only' | 'standby' | 'prefer-standby';

/** What a PostgreSQL URL says. */
export interface PostgresTarget {
  readonly addresses: readonly PostgresAddress[];
  readonly username: string | null;
  readonly password: string | null;
  readonly database: string | null;
  readonly sslMode: SslMode;
  readonly attrs: SessionAttrs;
  /** Run-time parameters of the session, `application_name` or `search_path`, say. */
  readonly parameters: Readonly<Record<string, string>>;
}

const PORT = 5432;
const SSL_MODES: readonly SslMode[] = ['disable', 'require', 'verify-full'];
const ATTRS: readonly SessionAttrs[] = [
  ...(['any', 'primary', 'read-write', 'read-only', 'standby', 'prefer-standby'] as const),
];

/**
 * Reads `postgres://user:password@host:port,host:port/database?sslmode=…&target_session_attrs=…`. With several hosts the
 * primary is wanted unless `target_session_attrs` says otherwise. A wrong one throws a ConfigError with one sentence that
 * names `setting` and holds no password.
 */
export function parsePostgresUrl(text: string, setting = 'DATABASE_URL'): PostgresTarget {
  const url = splitStoreUrl(text, setting);
  if (url.scheme !== 'postgres' && url.scheme !== 'postgresql')
    throw new ConfigError(`${setting} must be postgres://user:password@host:port/database.`);
  const { sslmode, target_session_attrs: attrs, host, ...parameters } = Object.fromEntries(url.query);
  // A socket's folder cannot stand where the host does, but percent-encoded.
  const addresses = url.addresses.length > 0 ? url.addresses : [{ host: host ?? 'localhost', port: null }];
  return {
    addresses: addresses.map((one) => ({ host: one.host, port: one.port ?? PORT })),
    username: url.username,
    password: url.password,
    database: url.path || null,
    sslMode: oneOf(SSL_MODES, sslmode ?? 'disable', `${setting} says sslmode`),
    attrs: oneOf(
      ATTRS,
      attrs ?? (addresses.length > 1 ? 'primary' : 'any'),
      `${setting} says target_session_attrs`,
    ),
    parameters,
  };
}

function oneOf<T extends string>(known: readonly T[], text: string, who: string): T {
  const found = known.find((one) => one === text);
  if (found === undefined) throw new ConfigError(`${who}, which is one of ${known.join(', ')}.`);
  return found;
}
