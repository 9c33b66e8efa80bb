import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';

import { randomToken } from './lib/entropy.ts';
import type { RunAs } from './private-postgres.ts';
import { type StoreProcess, freePort } from './private-processes.ts';

/** A private Redis that is ready to be started. */
export interface PrivateRedis {
  readonly process: StoreProcess;
  readonly url: string;
  /** Resolves to true once it answers, to null before. */
  isReady(): Promise<true | null>;
}

/**
 * Prepares a Redis in `dir` that keeps nothing on disk (all that is in Redis can be made again: R12). Its settings are in a
 * file and not in arguments, where anybody on the machine could read the password.
 */
export async function prepareRedis(
  dir: string,
  user: RunAs | undefined,
  searchPath: string,
): Promise<PrivateRedis> {
  const home = path.join(dir, 'redis');
  const settingsFile = path.join(home, 'redis.conf');
  const password = randomToken(24);
  const port = await freePort();
  await mkdir(home, { recursive: true, mode: 0o700 });
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`,
    `dir ${JSON.stringify(home)}`,
    `pidfile ${JSON.stringify(pidFile(dir))}`,
    'save ""',
    'appendonly no',
    'daemonize no',
    // It would replace the command line, by which a later run tells that a process left behind is ours.
    'set-proc-title no',
  ];
  await writeFile(settingsFile, settings.join('\n') + '\n', { mode: 0o600 });
  if (user !== undefined) for (const file of [home, settingsFile]) await chown(file, user.uid, user.gid);
  return {
    url: `redis://:${password}@127.0.0.1:${port}/0`,
    process: {
      name: 'redis',
      command: 'redis-server',
      args: [settingsFile],
      env: { LC_ALL: 'C', PATH: searchPath },
      ...user,
      logFile: path.join(dir, 'redis.log'),
      stopSignal: 'SIGTERM',
      crashSignal: 'SIGKILL',
    },
    isReady: () => answersPing(port, password),
  };
}

function pidFile(dir: string): string {
  return path.join(dir, 'redis', 'redis.pid');
}

/** Asks on a bare connection: a client would count its own failed attempts and wait longer each time. */
function answersPing(port: number, password: string): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    let said = '';
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
      if (said.includes('+PONG') || said.includes('-')) socket.destroy();
    });
    // Refused: not listening yet. Its end is told by 'close' in every case.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(said.includes('+PONG') ? true : null));
  });
}

/** The number in the file that Redis keeps in its folder, of a process that may have died; null without such a file. */
export async function redisPid(dir: string): Promise<number | null> {
  try {
    return Number(await readFile(pidFile(dir), 'utf8')) || null;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw cause;
  }
}
