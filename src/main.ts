import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type postgres from 'postgres';
import { adminCommand } from './admin-command.ts';
import { auditLogCommand } from './audit-log-command.ts';
import { retentionDaysOf } from './database-upkeep.ts';
import { ConfigError, configHelp, readConfig, type Config, withSecretsFromFiles } from './config.ts';
import { isRole, ROLES } from './domain/role.ts';
import { issueToken } from './gateway/auth.ts';
import { AssertionError } from './lib/assert.ts';
import { createWallClock, type Clock } from './lib/clock.ts';
import { randomToken } from './lib/entropy.ts';
import {
  authSecretsOf,
  keyKeeperOf,
  type PersonalSecrets,
  personalSecretsOf,
  codeOutboxDirOf,
} from './kept-secrets.ts';
import { SILENT_LOG } from './lib/log.ts';
import type { KeyKeeper } from './lib/envelope.ts';
import { createPrng } from './lib/prng.ts';
import { DEFAULT_MARKET, readMarket } from './market-file.ts';
import { complianceCommand, rekeyCommand } from './privacy-commands.ts';
import type { Market } from './domain/market.ts';
import { type NodeOptions, startNode } from './node.ts';
import { withPatientPool } from './node-stores.ts';
import { openStores, startPrivateStores } from './private-stores.ts';
import { type RunningReplicaSet, startReplicaSet } from './replica-set.ts';
import { checkContract, writeContract } from './protocol/contract.ts';
import { runChaos } from './sim/chaos/chaos.ts';
import { runDemo } from './sim/demo/demo.ts';
import type { DemoClock } from './sim/demo/server-env.ts';
import { runSim } from './sim/simulation/run-sim.ts';
import { auditTrips } from './store/audit-postgres.ts';
import type { AuditReport } from './store/audit.ts';
import { migrate, MigrationError } from './store/migrate-postgres.ts';

const ROOT = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const DATA_DIR = path.join(ROOT, '.data');
const DAY_S = 86_400;

/** With the secrets that stood in files. */
type Env = Readonly<Record<string, string | undefined>>;
interface Command {
  readonly help: string;
  /** Answers the exit code. */
  run(args: string[], env: Env): Promise<number>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  server: { help: 'runs the engine', run: runServer },
  demo: { help: 'runs the engine and a city on it; --help', run: runCityDemo },
  sim: { help: 'the seeded simulation: --seeds N; --help', run: (args) => runSim(args) },
  chaos: { help: 'real replicas under faults, and a checker: --for 2m; --help', run: runClusterChaos },
  migrate: { help: 'brings DATABASE_URL’s schema up to date', run: runMigrate },
  'audit-log': {
    help: 'verifies the audit log: --verify; --help',
    run: (args, env) => auditLogCommand(args, (work) => withDatabase(env, work)),
  },
  admin: { help: 'makes the first admin, or a way back in: --email a@example.com', run: runAdmin },
  rekey: {
    help: 'wraps the keys of personal data by the first of DATA_KEYS',
    run: (_args, env) => withDatabase(env, (sql) => rekeyCommand(sql, keeperIn(env))),
  },
  compliance: {
    help: 'what is kept of people, for how long, sealed by which key, read by whom: --json',
    run: (args, env) =>
      withDatabase(env, (sql) => complianceCommand(sql, args, retentionDaysOf(readConfig(env, [])))),
  },
  token: {
    help: 'prints a token: --role driver|rider|support|operations|admin --id ACCOUNT [--days N]',
    run: printToken,
  },
  contract: { help: 'writes proto/, or with --check says how it differs', run: runContract },
};

async function runServer(args: string[], env: Env): Promise<number> {
  if (args.includes('--help')) {
    console.log(`Settings of the server, as a flag or in the environment:\n${configHelp()}`);
    return 0;
  }
  const config = readConfig(env, args);
  const log = pino({ level: config.logLevel, redact: ['token', 'authorization', 'pin'] });
  const markets = [marketOf(config)];
  const clock = clockOf(config);
  const authSecrets = authSecretsOf({ config, dataDir: DATA_DIR });
  const isProduction = env['NODE_ENV'] === 'production';
  const personal = personalSecretsOf({ config, dataDir: DATA_DIR, isProduction });
  const stores = await starting(
    'the stores',
    openStores(urlsOf(config), { dataDir: DATA_DIR, keepAs: 'server' }),
  );
  try {
    const { databaseUrl, redisUrl } = stores;
    const options = {
      ...{ config, markets, log, clock, authSecrets, databaseUrl, redisUrl },
      codeOutboxDir: codeOutboxDirOf({ config, dataDir: DATA_DIR, isProduction }),
      ...{ keeper: keyKeeperOf(personal), lookupSecret: Buffer.from(personal.lookupSecret, 'utf8') },
    };
    const server =
      config.replicas > 1
        ? await starting(
            'the replicas',
            startReplicas(options, args, { ...env, ...secretsEnv(authSecrets, personal) }),
          )
        : await starting('the server', startNode(options));
    // For whoever started this process to read; the log says the same to people. Only numbers: `stop` is left out.
    console.log(JSON.stringify({ ready: true, ...server }));
    await untilToldToStop();
    await server.stop();
  } finally {
    await stores.stop();
  }
  return 0;
}

/** The same server as several processes: the stores are opened and migrated here, once. */
async function startReplicas(
  options: NodeOptions,
  args: readonly string[],
  env: Env,
): Promise<RunningReplicaSet> {
  const { config, log, databaseUrl, redisUrl } = options;
  const { applied } = await withPatientPool({ databaseUrl, config, log }, migrate);
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  return startReplicaSet({
    ...{ host: config.host, port: config.port, replicas: config.replicas, log },
    args: [fileURLToPath(import.meta.url), 'server', ...args],
    // Not as arguments: everybody on the machine may read those.
    env: { ...env, DATABASE_URL: databaseUrl, REDIS_URL: redisUrl },
    clock: createWallClock(),
    prng: createPrng(BigInt(`0x${randomToken(8)}`)),
    onLine: (line, to) => process[to].write(`${line}\n`),
  });
}

/** The same secrets for all replicas, also those that were made here. */
function secretsEnv(authSecrets: readonly string[], personal: PersonalSecrets): Record<string, string> {
  const { dataKeys, lookupSecret } = personal;
  return { AUTH_SECRET: authSecrets[0]!, DATA_KEYS: dataKeys, LOOKUP_SECRET: lookupSecret };
}

/** Something around the program is not as it must be: told in one sentence. */
class StartError extends Error {
  override readonly name = 'StartError';
}

/** Turns what stores, ports and the system say no with into a StartError; a bug keeps its stack. */
async function starting<T>(what: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (cause) {
    if (cause instanceof ConfigError) throw cause;
    const isBug = !(cause instanceof Error) || cause instanceof TypeError || cause instanceof AssertionError;
    if (isBug) throw cause;
    throw new StartError(`Cannot start ${what}: ${cause.message}.`, { cause });
  }
}

function urlsOf(config: Config): Record<string, string> {
  return {
    ...(config.databaseUrl === null ? {} : { DATABASE_URL: config.databaseUrl }),
    ...(config.redisUrl === null ? {} : { REDIS_URL: config.redisUrl }),
  };
}

function marketOf(config: Config): Market {
  const market = config.marketFile === null ? DEFAULT_MARKET : readMarket(config.marketFile);
  return config.mode === '' ? market : { ...market, match: { ...market.match, mode: config.mode } };
}

function clockOf(config: Config): Clock {
  return createWallClock(config.demoClock === null ? {} : (JSON.parse(config.demoClock) as DemoClock));
}

function runClusterChaos(args: string[], env: Env): Promise<number> {
  return runChaos(args, {
    clock: createWallClock(),
    print: (line) => console.log(line),
    // Nothing of the operator’s settings: what is crashed here must not be theirs.
    env: { PATH: env['PATH'] },
    startStores: () => startPrivateStores({ dataDir: DATA_DIR }),
    token: randomToken,
    onInterrupt: untilInterrupted,
  });
}

function runCityDemo(args: string[], env: Env): Promise<number> {
  return runDemo(args, {
    clock: createWallClock(),
    screen: { isTty: process.stdout.isTTY, write: (text) => process.stdout.write(text) },
    env,
    openStores: () => openStores(env, { dataDir: DATA_DIR }),
    audit: (databaseUrl) => auditDatabase(databaseUrl, env),
    token: randomToken,
    onInterrupt: untilInterrupted,
  });
}

/** Calls `stop` on Ctrl-C or SIGTERM; the function answered ends that. */
function untilInterrupted(stop: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, stop);
  return () => signals.forEach((signal) => process.off(signal, stop));
}

async function auditDatabase(databaseUrl: string, env: Env): Promise<AuditReport> {
  const config = readConfig(env, []);
  return withPatientPool({ databaseUrl, config, log: SILENT_LOG }, auditTrips);
}

/** SIGTERM, Ctrl-C, or the end of the process that started this one with a channel to it. */
function untilToldToStop(): Promise<void> {
  // It ended while this one was starting. Without a channel it is undefined.
  if (process.connected === false) return Promise.resolve();
  return new Promise((resolve) => {
    const events = ['SIGTERM', 'SIGINT', 'disconnect'];
    const told = (): void => {
      // Whoever listens for `disconnect` holds the channel open, and with it this process.
      for (const event of events) process.off(event, told);
      resolve();
    };
    for (const event of events) process.on(event, told);
  });
}

/** The operator's database, or the private one of a server without DATABASE_URL, which must not run meanwhile. */
async function withDatabase<T>(env: Env, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const config = readConfig(env, []);
  if (config.databaseUrl !== null)
    return withPatientPool({ databaseUrl: config.databaseUrl, config, log: SILENT_LOG }, work);
  const own = await starting(
    'the private database',
    startPrivateStores({ dataDir: DATA_DIR, keepAs: 'server', only: 'postgres' }),
  );
  try {
    return await withPatientPool({ databaseUrl: own.databaseUrl!, config, log: SILENT_LOG }, async (sql) => {
      await migrate(sql);
      return work(sql);
    });
  } finally {
    await own.stop();
  }
}

function keeperIn(env: Env): KeyKeeper {
  const isProduction = env['NODE_ENV'] === 'production';
  return keyKeeperOf(personalSecretsOf({ config: readConfig(env, []), dataDir: DATA_DIR, isProduction }));
}

function runAdmin(args: string[], env: Env): Promise<number> {
  const config = readConfig(env, []);
  const isProduction = env['NODE_ENV'] === 'production';
  const personal = personalSecretsOf({ config, dataDir: DATA_DIR, isProduction });
  return adminCommand(args, {
    ...{ keeper: keyKeeperOf(personal), lookupSecret: Buffer.from(personal.lookupSecret, 'utf8') },
    ...{ nowMs: createWallClock().nowMs(), withDatabase: (work) => withDatabase(env, work) },
  });
}

async function runMigrate(args: string[], env: Env): Promise<number> {
  const config = readConfig(env, args);
  if (config.databaseUrl === null)
    throw new ConfigError('migrate needs DATABASE_URL; a private database is migrated by the server itself.');
  const log = pino({ level: config.logLevel }, pino.destination(2));
  const { applied } = await withPatientPool({ databaseUrl: config.databaseUrl, config, log }, migrate);
  console.log(applied.length === 0 ? 'up to date' : `applied ${applied.join(', ')}`);
  return 0;
}

async function printToken(args: string[], env: Env): Promise<number> {
  const values = new Map<string, string>();
  for (let i = 0; i < args.length; i += 2) values.set(args[i]!, args[i + 1] ?? '');
  const [role, subject] = [values.get('--role'), values.get('--id')];
  const days = Number(values.get('--days') ?? '1');
  if (role === undefined || !isRole(role) || !subject || !(days > 0))
    throw new ConfigError(`token needs --role ${ROLES.join('|')} and --id ACCOUNT; --days N for how long.`);
  const secret = Buffer.from(authSecretsOf({ config: readConfig(env, []), dataDir: DATA_DIR })[0]!, 'utf8');
  const wallNowMs = createWallClock().nowMs();
  console.log(await issueToken({ secret, role, subject, ttlS: days * DAY_S, wallNowMs }));
  return 0;
}

function runContract(args: string[]): Promise<number> {
  const dir = path.join(ROOT, 'proto');
  if (!args.includes('--check')) {
    writeContract(dir);
    return Promise.resolve(0);
  }
  const drift = checkContract(dir);
  for (const line of drift) console.error(`contract: ${line}`);
  if (drift.length > 0) console.error('proto/ is not what the schemas say: npm run contract');
  return Promise.resolve(drift.length === 0 ? 0 : 1);
}

async function main(): Promise<void> {
  const [name = '', ...args] = process.argv.slice(2);
  const command = COMMANDS[name];
  if (command === undefined) {
    const list = Object.entries(COMMANDS).map(([one, { help }]) => `  ${one.padEnd(10)} ${help}`);
    console.error(`hexdispatch COMMAND\n${list.join('\n')}`);
    process.exitCode = 2;
    return;
  }
  try {
    process.exitCode = await command.run(args, withSecretsFromFiles(process.env));
  } catch (error) {
    // What the person at the keyboard can mend is told in a sentence; all else is a bug and keeps its stack.
    if (!(error instanceof ConfigError || error instanceof MigrationError || error instanceof StartError))
      throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

await main();
