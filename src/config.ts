import { readFileSync } from 'node:fs';
import type { NamedKey } from './lib/envelope.ts';

/** One setting: its name in the environment and as a flag, what it is for, and how its text is read. */
interface Setting<T> {
  readonly env: string;
  readonly help: string;
  readonly fallback: T;
  /** Undefined: the text is wrong; `expects` says what would be right. */
  readonly read: (text: string) => T | undefined;
  readonly expects: string;
  /** Whoever reads it has the operator's powers: never quoted in an error, and also taken from the file that the name with _FILE behind it holds. */
  readonly isSecret?: true;
}

const whole = (env: string, fallback: number, min: number, max: number, help: string): Setting<number> => ({
  env,
  help,
  fallback,
  expects: `a whole number from ${min} to ${max}`,
  read: (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN;
    return value >= min && value <= max ? value : undefined;
  },
});

const maybeWhole = (env: string, min: number, max: number, help: string): Setting<number | null> => ({
  ...whole(env, min, min, max, help),
  fallback: null,
});

const text = <F extends string | null>(env: string, fallback: F, help: string): Setting<string | F> => ({
  env,
  help,
  fallback,
  expects: 'a text',
  read: (value) => (value === '' ? undefined : value),
});

const secret = (env: string, help: string): Setting<string | null> & { readonly isSecret: true } => ({
  ...text(env, null, help),
  isSecret: true,
});

const socketUrl = (env: string, help: string): Setting<string | null> => ({
  env,
  help,
  fallback: null,
  expects: 'ws:// or wss://, a host, perhaps a port, and nothing more',
  read: (value) => (/^wss?:\/\/[^\s/?#@]{1,240}$/.test(value) ? value : undefined),
});

const origins = (env: string, help: string): Setting<readonly string[]> => ({
  env,
  help,
  fallback: [],
  expects: 'origins as browsers write them (scheme, host, perhaps a port, no path), with commas between',
  read: (value) => {
    const list = value.split(',').map((origin) => origin.trim());
    return list.every((origin) => origin === '*' || isOrigin(origin)) ? list : undefined;
  },
});

const isOrigin = (text: string): boolean =>
  /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text;

const oneOf = <const T extends string>(
  env: string,
  values: readonly T[],
  fallback: NoInfer<T>,
  help: string,
): Setting<T> => ({
  env,
  help,
  fallback,
  expects: `one of ${values.filter((one) => one !== '').join(', ')}`,
  read: (value) => values.find((one) => one === value),
});

/** Every setting of the server. The flag is the name in lower case with dashes: `--http-port`. */
const SETTINGS = {
  host: text('HOST', '127.0.0.1', 'address to listen on'),
  port: whole('PORT', 8080, 0, 65_535, 'port to listen on; 0 takes a free one'),
  replicas: whole(
    'REPLICAS',
    1,
    1,
    64,
    'server processes on this host; they share PORT, and each has one of the ports after it for itself',
  ),
  sharedPort: maybeWhole(
    'SHARED_PORT',
    1,
    65_535,
    'a port that all replicas on this host listen on too, beside each one’s own',
  ),
  advertiseUrl: socketUrl(
    'ADVERTISE_URL',
    'where clients reach this replica itself, {port} for its own; without it nowhere, but on 127.0.0.1 by its port',
  ),
  databaseUrl: secret(
    'DATABASE_URL',
    'PostgreSQL; without it a private one is started, data kept under .data/',
  ),
  databaseReadUrl: secret(
    'DATABASE_READ_URL',
    'a read replica, for reads that may lag; without it the primary',
  ),
  databaseCaFile: text(
    'DATABASE_CA_FILE',
    null,
    'PEM file that sslmode=verify-full trusts; without it the system’s',
  ),
  redisUrl: secret(
    'REDIS_URL',
    'Redis: redis://, rediss://, redis+sentinel:// or redis+cluster://; without it a private one is started',
  ),
  redisCaFile: text(
    'REDIS_CA_FILE',
    null,
    'PEM file that Redis with TLS is checked by; without it the system’s',
  ),
  redisPrefix: text('REDIS_PREFIX', 'hd', 'begins every Redis key'),
  databasePoolMax: whole('DATABASE_POOL_MAX', 10, 4, 200, 'PostgreSQL connections'),
  authSecret: secret(
    'AUTH_SECRET',
    'signs tokens, 32 bytes or more; without it one is made and kept under .data/',
  ),
  authSecretOld: secret('AUTH_SECRET_OLD', 'the AUTH_SECRET before: what it has signed stays good'),
  dataKeys: {
    ...secret(
      'DATA_KEYS',
      'keys of 32 bytes that wrap those of personal data, NAME:BASE64, several with commas: the first wraps, all unwrap; without it one is made and kept under .data/',
    ),
    expects: 'NAME:BASE64 of 32 bytes each, with commas between, and each name once',
    read: (value) => (dataKeysIn(value) === undefined ? undefined : value),
  },
  lookupSecret: secret(
    'LOOKUP_SECRET',
    'by which accounts are found by phone, 32 bytes or more; changing it loses them; without it one is made and kept under .data/',
  ),
  accounts: oneOf(
    'ACCOUNTS',
    ['own', 'elsewhere'],
    'own',
    'own: people sign in here, and only approved drivers go on duty; elsewhere: whoever signs tokens with AUTH_SECRET sees to both',
  ),
  codeOutboxDir: text(
    'CODE_OUTBOX_DIR',
    null,
    'where sign-in codes are written to, a file each; without it .data/outbox, and in production nowhere',
  ),
  metricsToken: secret('METRICS_TOKEN', 'who brings it may read /metrics from elsewhere than this machine'),
  marketFile: text('MARKET_FILE', null, 'JSON with the market served; without it San Francisco'),
  mode: oneOf(
    'MATCH_MODE',
    ['', 'batch', 'nearest', 'fifo', 'broadcast'],
    '',
    'replaces the market’s match mode',
  ),
  geoFlushMs: whole(
    'GEO_FLUSH_MS',
    1_000,
    50,
    60_000,
    'how often other replicas are told of positions (wall ms)',
  ),
  geoMirrorMs: whole('GEO_MIRROR_MS', 5_000, 50, 60_000, 'how often positions are written to Redis'),
  staleMs: whole('STALE_MS', 60_000, 1_000, 3_600_000, 'R8: a driver silent for so long is no candidate'),
  offlineMs: whole('OFFLINE_MS', 300_000, 2_000, 86_400_000, 'R8: a driver silent for so long goes off duty'),
  driversMax: whole('DRIVERS_MAX', 1_000_000, 1, 16_000_000, 'drivers on duty in this process'),
  connectionsMax: whole('CONNECTIONS_MAX', 60_000, 1, 1_000_000, 'open sockets'),
  fixesPerSMax: whole(
    'FIXES_PER_S_MAX',
    20,
    1,
    1_000_000,
    'GPS fixes a second of one connection, thirty times as many at once; those above are dropped',
  ),
  loadLateMs: whole('LOAD_LATE_MS', 150, 5, 10_000, 'an event loop so late makes the server full (wall ms)'),
  connectionsPerIpMax: whole('CONNECTIONS_PER_IP_MAX', 2_000, 1, 1_000_000, 'open sockets of one address'),
  trustForwardedFor: oneOf(
    'TRUST_FORWARDED_FOR',
    ['no', 'yes'],
    'no',
    'a proxy in front sets X-Forwarded-For',
  ),
  corsOrigins: origins(
    'CORS_ORIGINS',
    'pages of these origins may use REST: https://app.example.com, several with commas, or *; without it none',
  ),
  retainTripsDays: whole(
    'RETAIN_TRIPS_DAYS',
    2_555,
    30,
    36_500,
    'for how long trips are kept after their end, with all that hangs on them',
  ),
  retainPathsDays: whole('RETAIN_PATHS_DAYS', 90, 1, 36_500, 'for how long it is kept where drivers drove'),
  retainMatchesDays: whole('RETAIN_MATCHES_DAYS', 30, 1, 36_500, 'for how long a match can be explained'),
  retainAnswersDays: whole(
    'RETAIN_ANSWERS_DAYS',
    7,
    1,
    365,
    'for how long the same key gets the same answer',
  ),
  retainSessionsDays: whole('RETAIN_SESSIONS_DAYS', 30, 1, 3_650, 'for how long ended sessions are kept'),
  retainAuditDays: whole('RETAIN_AUDIT_DAYS', 730, 30, 36_500, 'for how long the audit log is kept'),
  logLevel: oneOf('LOG_LEVEL', ['debug', 'info', 'warn', 'error', 'silent'], 'info', 'what is logged'),
  demoClock: text(
    'DEMO_CLOCK',
    null,
    'JSON {speed, startMs, originWallMs}: a clock that runs faster; for demos alone',
  ),
} satisfies Record<
  string,
  | Setting<string | null>
  | Setting<string>
  | Setting<number>
  | Setting<number | null>
  | Setting<readonly string[]>
>;

export type Config = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
};

/** A setting that cannot be used, in one sentence for whoever started the program. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const flagOf = (env: string): string => `--${env.toLowerCase().replaceAll('_', '-')}`;

/**
 * Reads all settings, flags before environment before defaults; the result is frozen. An unknown flag, a value that cannot be
 * read, or settings that contradict each other throw a ConfigError.
 */
export function readConfig(
  env: Readonly<Record<string, string | undefined>>,
  args: readonly string[],
): Config {
  const flags = readFlags(args);
  const config: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const flag = flags.get(flagOf(setting.env));
    const given = flag ?? env[setting.env];
    if (given === undefined || (flag === undefined && given === '')) {
      config[name] = setting.fallback;
      continue;
    }
    const value = setting.read(given);
    if (value === undefined)
      throw new ConfigError(
        `${setting.env} must be ${setting.expects}${setting.isSecret ? '' : `, and is "${given}"`}.`,
      );
    config[name] = value;
  }
  const read = Object.freeze(config) as Config;
  if (read.offlineMs <= read.staleMs) throw new ConfigError('OFFLINE_MS must be longer than STALE_MS.');
  if (read.replicas > 1 && read.sharedPort !== null)
    throw new ConfigError('SHARED_PORT is PORT where there are several REPLICAS: leave it out.');
  if (read.replicas > 1 && read.advertiseUrl?.includes('{port}') === false)
    throw new ConfigError('ADVERTISE_URL must hold {port}: each of the REPLICAS has its own.');
  if (Math.max(read.retainPathsDays, read.retainMatchesDays, read.retainAnswersDays) > read.retainTripsDays)
    throw new ConfigError('RETAIN_TRIPS_DAYS must not be shorter than what is kept of trips.');
  checkSecrets(read, env['NODE_ENV'] === 'production');
  return read;
}

/** HMAC-SHA-256 wants no less (RFC 7518). */
const SECRET_BYTES_MIN = 32;
/** Of `entropyBits`: 32 random hexadecimal digits have some 110, `aaaa…` has none. */
const SECRET_BITS_MIN = 80;

/** Throws a ConfigError, which never quotes a secret. */
function checkSecrets(config: Config, isProduction: boolean): void {
  const { authSecret, authSecretOld, metricsToken, lookupSecret } = config;
  const secrets = { AUTH_SECRET: authSecret, AUTH_SECRET_OLD: authSecretOld, LOOKUP_SECRET: lookupSecret };
  for (const [env, value] of Object.entries(secrets)) {
    if (value !== null && Buffer.byteLength(value) < SECRET_BYTES_MIN)
      throw new ConfigError(
        `${env} must have ${SECRET_BYTES_MIN} bytes or more: whoever guesses it is everybody.`,
      );
  }
  if (authSecretOld !== null && (authSecret === null || authSecret === authSecretOld))
    throw new ConfigError('AUTH_SECRET_OLD is the secret before AUTH_SECRET: set both, to different ones.');
  if (!isProduction) return;
  const guessed = { AUTH_SECRET: authSecret, LOOKUP_SECRET: lookupSecret, METRICS_TOKEN: metricsToken };
  for (const [env, value] of Object.entries(guessed)) {
    if (value !== null && entropyBits(value) < SECRET_BITS_MIN)
      throw new ConfigError(`${env} is too easy to guess for production: take \`openssl rand -base64 48\`.`);
  }
  if (config.dataKeys !== null && dataKeysIn(config.dataKeys)!.some(({ key }) => isEasyKey(key)))
    throw new ConfigError(
      'DATA_KEYS holds a key that is too easy to guess for production: take `openssl rand -base64 32`.',
    );
}

/** Of 32 random bytes, fewer than 16 different ones come up once in 10^14 keys. */
const isEasyKey = (key: Uint8Array): boolean => new Set(key).size < 16;

/** The keys that a text such as `2026:BASE64,2025:BASE64` holds, in its order; undefined when it cannot be read. */
export function dataKeysIn(text: string): NamedKey[] | undefined {
  const keys = new Map<string, Buffer>();
  for (const part of text.split(',')) {
    const [, id, base64] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(part.trim()) ?? [];
    if (id === undefined || base64 === undefined || keys.has(id)) return undefined;
    keys.set(id, Buffer.from(base64, 'base64'));
  }
  return [...keys].map(([id, key]) => ({ id, key }));
}

/** Shannon's measure over the characters of a text: an upper bound on what a guesser who knows their frequencies has to try. */
function entropyBits(value: string): number {
  const counts = new Map<string, number>();
  for (const char of value) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits += count * Math.log2(value.length / count);
  return bits;
}

/** The environment with each secret that stands in a file (`AUTH_SECRET_FILE=/run/secrets/auth`) under its own name, and without those of the files. */
export function withSecretsFromFiles(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const read = { ...env };
  for (const setting of Object.values(SETTINGS) as Setting<unknown>[]) {
    const fileEnv = `${setting.env}_FILE`;
    const file = env[fileEnv];
    if (setting.isSecret !== true || file === undefined || file === '') continue;
    if (env[setting.env] !== undefined && env[setting.env] !== '')
      throw new ConfigError(`${setting.env} and ${fileEnv} are both set: leave one out.`);
    read[setting.env] = contentOf(fileEnv, file);
    delete read[fileEnv];
  }
  return read;
}

/** Without the line end that editors put behind it. */
function contentOf(fileEnv: string, file: string): string {
  let content: string;
  try {
    content = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new ConfigError(`${fileEnv} names ${file}, which cannot be read: ${(cause as Error).message}.`, {
      cause,
    });
  }
  if (content === '') throw new ConfigError(`${fileEnv} names ${file}, which is empty.`);
  return content;
}

function readFlags(args: readonly string[]): Map<string, string> {
  const known = new Set(Object.values(SETTINGS).map((setting) => flagOf(setting.env)));
  const flags = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = args[i]!.split(/=(.*)/s);
    if (!known.has(name)) throw new ConfigError(`There is no option ${name}; --help lists them.`);
    const value = inline ?? args[++i];
    if (value === undefined) throw new ConfigError(`${name} needs a value.`);
    flags.set(name, value);
  }
  return flags;
}

/** The settings as a table for `--help`. */
export function configHelp(): string {
  return Object.values(SETTINGS)
    .map(({ env, help, fallback, expects }) => {
      const standard = fallback === null || String(fallback) === '' ? '' : ` [${String(fallback)}]`;
      return `  ${flagOf(env).padEnd(24)} ${env.padEnd(22)} ${help}; ${expects}${standard}`;
    })
    .join('\n');
}
