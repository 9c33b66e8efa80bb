import path from 'node:path';

import postgres from 'postgres';
import type { TestProject } from 'vitest/node';

import { randomToken } from '../src/lib/entropy.ts';
import { startPrivateStores } from '../src/private-stores.ts';
import { migrate } from '../src/store/migrate-postgres.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A PostgreSQL whose user may create databases. */
    databaseUrl: string;
    /** A database there with all migrations, to be copied and never connected to. */
    templateName: string;
  }
}

/** Private data of the checkout, as the program itself uses. */
export const DATA_DIR = path.resolve(import.meta.dirname, '..', '.data');

/** Runs once before all files: a PostgreSQL with a migrated template in it. What it returns runs after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const own = process.env['DATABASE_URL']
    ? null
    : await startPrivateStores({ dataDir: DATA_DIR, only: 'postgres' });
  const databaseUrl = own?.databaseUrl ?? process.env['DATABASE_URL'];
  if (!databaseUrl) throw new Error('there is no database');
  const templateName = `hexdispatch_template_${randomToken(6)}`;
  const admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  await admin.unsafe(`CREATE DATABASE ${templateName}`);
  const template = postgres(urlOf(databaseUrl, templateName), { max: 1, onnotice: () => undefined });
  try {
    await migrate(template);
  } finally {
    await template.end();
  }
  project.provide('databaseUrl', databaseUrl);
  project.provide('templateName', templateName);
  return async () => {
    await admin.unsafe(`DROP DATABASE ${templateName} WITH (FORCE)`);
    await admin.end();
    await own?.stop();
  };
}

/** The same server, another database. */
export function urlOf(databaseUrl: string, name: string): string {
  const url = new URL(databaseUrl);
  url.pathname = `/${name}`;
  return url.href;
}
