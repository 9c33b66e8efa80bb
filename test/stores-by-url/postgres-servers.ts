import { chown, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { reachablePlace, preparePostgres } from '../../src/private-postgres.ts';
import { DATA_DIR } from '../stores-setup.ts';
import { soon, type Servers } from './servers.ts';

/** A PostgreSQL of a test's own. */
export interface TestPostgres {
  readonly name: string;
  readonly url: string;
}

/**
 * Starts a PostgreSQL whose data is a copy of the same template as all others': one may therefore follow another
 * (`standbyOf`) from its first byte on, without a base backup. Resolves when it takes connections.
 */
export async function startPostgres(
  servers: Servers,
  options: {
    readonly name: string;
    readonly standbyOf?: TestPostgres;
    readonly settings?: Readonly<Record<string, string>>;
  },
): Promise<TestPostgres> {
  const { user } = servers;
  const { name, standbyOf } = options;
  const dir = path.join(servers.dir, name);
  await servers.folder(name);
  const templates = await reachablePlace(DATA_DIR, user);
  const prepared = await preparePostgres({ dir, templates, keep: false, user });
  const settings: Record<string, string> = { wal_keep_size: '64MB', ...options.settings };
  if (standbyOf !== undefined) {
    const signal = path.join(dir, 'postgres', 'cluster', 'standby.signal');
    await writeFile(signal, '');
    if (user !== undefined) await chown(signal, user.uid, user.gid);
    const { hostname, port, username, password } = new URL(standbyOf.url);
    const login = `host=${hostname} port=${port} user=${username} password=${password}`;
    settings['primary_conninfo'] = `${login} application_name=${name}`;
  }
  const more = Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
  await servers.start({ ...prepared.process, name, args: [...prepared.process.args, ...more] });
  await soon(`start of ${name}`, () => prepared.isReady());
  return { name, url: prepared.url };
}

/** Copies a key so that the server's user alone may read it, as the server demands. */
export async function ownKey(servers: Servers, file: string): Promise<string> {
  const copy = path.join(servers.dir, 'own.key');
  await writeFile(copy, await readFile(file), { mode: 0o600 });
  if (servers.user !== undefined) await chown(copy, servers.user.uid, servers.user.gid);
  return copy;
}
