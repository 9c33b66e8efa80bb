import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type postgres from 'postgres';

/** The numbered files of `sql/`, beside `src/` in the project. */
export const MIGRATIONS_DIR = fileURLToPath(new URL('../../sql', import.meta.url));

/** The files and the database do not belong together; the message says which and what to do. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly text: string;
  readonly checksum: string;
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
}

/** Any fixed number: it keeps two replicas that start together from migrating at once. */
const LOCK = 820_117_001;
const FILE_NAME = /^(\d{4})-[a-z0-9-]+\.sql$/;

/**
 * Brings the database to the newest version: runs the files not yet applied, in order, in one transaction (all or none).
 * Safe to call from many processes at once: they wait for each other. Answers the names applied by this call, oldest first.
 *
 * @throws MigrationError when a file applied before has changed since, or the database is newer than these files.
 */
export async function migrate(sql: postgres.Sql, dir = MIGRATIONS_DIR): Promise<{ applied: string[] }> {
  const files = await readMigrations(dir);
  return sql.begin(async (tx) => {
    // A migration may take longer than any statement of the engine, and so may waiting for another's.
    await tx`set local statement_timeout = 0`;
    await tx`select pg_advisory_xact_lock(${LOCK})`;
    await tx`set local client_min_messages = warning`;
    await tx`create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now())`;
    const done = await tx<
      AppliedRow[]
    >`select version, name, checksum from schema_migrations order by version`;
    checkApplied(files, done);
    const pending = files.slice(done.length);
    for (const file of pending) await applyMigration(tx, file);
    return { applied: pending.map((file) => file.name) };
  });
}

async function applyMigration(tx: postgres.TransactionSql, file: Migration): Promise<void> {
  try {
    await tx.unsafe(file.text);
  } catch (cause) {
    throw new MigrationError(`${file.name} failed; nothing was changed`, { cause });
  }
  await tx`insert into schema_migrations (version, name, checksum)
    values (${file.version}, ${file.name}, ${file.checksum})`;
}

/** What was applied must be a prefix of the files, unchanged. */
function checkApplied(files: readonly Migration[], done: readonly AppliedRow[]): void {
  for (const [index, row] of done.entries()) {
    const file = files[index];
    if (file === undefined) {
      throw new MigrationError(
        `the database is newer than this build: it has ${row.name}, the build ends at ` +
          `${files.at(-1)?.name ?? 'nothing'}; run a build that knows that migration`,
      );
    }
    if (file.version !== row.version || file.name !== row.name || file.checksum !== row.checksum) {
      throw new MigrationError(
        `${file.name} is not what was applied to the database as ${row.name}; ` +
          'put the file back as it was and make the change in a new migration',
      );
    }
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.sql')).sort();
  const files = await Promise.all(names.map((name) => readMigration(dir, name)));
  for (const [index, file] of files.entries()) {
    if (file.version !== index + 1) {
      throw new MigrationError(`${file.name} should have number ${index + 1}: numbers run without gaps`);
    }
  }
  return files;
}

async function readMigration(dir: string, name: string): Promise<Migration> {
  const number = FILE_NAME.exec(name)?.[1];
  if (number === undefined) {
    throw new MigrationError(`${name} is not named like a migration (0001-what-it-does.sql)`);
  }
  const text = await readFile(join(dir, name), 'utf8');
  // Line ends do not count: a checkout on another system must not look like a change.
  const checksum = createHash('sha256').update(text.replaceAll('\r\n', '\n')).digest('hex');
  return { version: Number(number), name, text, checksum };
}
