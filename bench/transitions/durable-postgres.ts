import { readFile } from 'node:fs/promises';
import postgres from 'postgres';
import { migrate } from '../../src/store/migrate-postgres.ts';
import { startBenchStores } from '../suite/engine-server.ts';
import { pin } from '../suite/pinning.ts';
import { LIMIT_TABLE } from './row-updates.ts';

/** What the server has done since it started. */
export interface Counters {
  /** Transactions that wrote. */
  readonly commits: number;
  /** fsyncs of the log, of all processes that have ended or been idle for a while. */
  readonly flushes: number;
  readonly logBytes: number;
}

/** Settings without which an acknowledged change may be lost or torn. */
const DURABLE = ['fsync', 'synchronous_commit', 'full_page_writes'] as const;
const TEMPLATE = 'trial_template';
const STOP_S_MAX = 5;

/** A PostgreSQL that is durable, alone on its CPU, with a fresh database for each trial. */
export class DurablePostgres {
  readonly pid: number;
  readonly dir: string;
  readonly #databaseUrl: string;
  readonly #admin: postgres.Sql;
  readonly #end: () => Promise<void>;
  #made = 0;

  private constructor(pid: number, dir: string, databaseUrl: string, end: () => Promise<void>) {
    this.pid = pid;
    this.dir = dir;
    this.#databaseUrl = databaseUrl;
    this.#admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
    this.#end = end;
  }

  /** Rejects when its settings are not durable: there would be nothing to compare. */
  static async start(): Promise<DurablePostgres> {
    const { pids, dir, databaseUrl, stop } = await startBenchStores('postgres');
    const pid = pids['postgres']!;
    const server = new DurablePostgres(pid, dir, databaseUrl!, stop);
    try {
      await pin(pid, 'server');
      const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1')).split(' ');
      for (const child of children.filter((word) => word !== '')) await pin(Number(child), 'server');
      await server.#checkDurable();
      await server.#makeTemplate();
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.#admin.end({ timeout: STOP_S_MAX });
    await this.#end();
  }

  /** Runs `trial` on a migrated database without rows, the log begun anew for it, and drops the database. */
  async withDatabase<T>(trial: (databaseUrl: string) => Promise<T>): Promise<T> {
    const name = `trial_${++this.#made}`;
    await this.#admin.unsafe(`create database ${name} template ${TEMPLATE}`);
    try {
      await this.#admin`checkpoint`;
      return await trial(this.#urlOf(name));
    } finally {
      await this.#admin.unsafe(`drop database ${name} with (force)`);
    }
  }

  /** To be read while nobody else is connected: a process tells its fsyncs when it ends. */
  async counters(): Promise<Counters> {
    const [row] = await this.#admin<{ commits: number; flushes: number; logBytes: number }[]>`
      select pg_snapshot_xmax(pg_current_snapshot())::text::float8 as commits,
        (select sum(fsyncs) from pg_stat_io where object = 'wal')::float8 as flushes,
        (pg_current_wal_insert_lsn() - '0/0')::float8 as "logBytes"`;
    return row!;
  }

  async #checkDurable(): Promise<void> {
    for (const name of DURABLE) {
      const [row] = await this.#admin<{ value: string }[]>`select current_setting(${name}) as value`;
      if (row?.value !== 'on') throw new Error(`${name} is ${row?.value}: what is acknowledged may be lost`);
    }
  }

  async #makeTemplate(): Promise<void> {
    await this.#admin.unsafe(`create database ${TEMPLATE}`);
    const sql = postgres(this.#urlOf(TEMPLATE), { max: 1, onnotice: () => undefined });
    try {
      await migrate(sql);
      await sql.unsafe(LIMIT_TABLE);
    } finally {
      await sql.end({ timeout: STOP_S_MAX });
    }
  }

  #urlOf(database: string): string {
    const url = new URL(this.#databaseUrl);
    url.pathname = `/${database}`;
    return url.href;
  }
}
