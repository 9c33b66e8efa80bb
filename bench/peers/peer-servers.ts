import { fileURLToPath } from 'node:url';
import { Child } from '../../src/child.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { type ServerUnderTest, startNodeServer } from '../suite/engine-server.ts';
import { pin } from '../suite/pinning.ts';
import { pythonWith } from '../suite/python.ts';

const DJANGO_MODULES = [
  ...['django', 'channels', 'daphne.server', 'channels_redis.core', 'redis.asyncio'],
  ...['hiredis', 'wsaccel', 'uvloop'],
];
const STOP_MS_MAX = 20_000;

export type PeerName = 'bare' | 'socketio' | 'ws' | 'django';

export interface PeerStart {
  /** A Redis of its own: peers share names of keys. The bare server uses none. */
  readonly redisUrl: string;
  readonly clock: Clock;
  /** Adds to its settings: `BODY_BYTES` of the bare server, `OFFER_TTL_MS` of the others. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Peer {
  /** As the samples name it. */
  readonly subject: string;
  /** Null: it can be started here; else why not. */
  isInstalled(): Promise<string | null>;
  /** Resolves once it listens, alone on its CPU. It ends with this process too. */
  start(options: PeerStart): Promise<ServerUnderTest>;
}

/** The others that the engine is measured against, each one process as a competent engineer would write it. */
export const PEERS: Readonly<Record<PeerName, Peer>> = {
  bare: nodePeer('bare uWebSockets.js', 'bare'),
  socketio: nodePeer('Socket.IO', 'socketio'),
  ws: nodePeer('ws', 'ws'),
  django: {
    subject: 'Django Channels',
    async isInstalled() {
      const python = await pythonWith(DJANGO_MODULES);
      return python === null ? `no Python 3 here has all of ${DJANGO_MODULES.join(', ')}` : null;
    },
    start: startDjango,
  },
};

/** As built: below dist the program lies beside this file, as JavaScript. */
const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

const settingsOf = ({ redisUrl, env }: PeerStart): Record<string, string> => ({
  ...{ PORT: '0', NODE_ENV: 'production', REDIS_URL: redisUrl },
  ...env,
});

function nodePeer(subject: string, folder: string): Peer {
  return {
    subject,
    // Its packages are the project's own.
    isInstalled: () => Promise.resolve(null),
    start: (options) =>
      startNodeServer(subject, [pathOf(`./${folder}/server.js`)], settingsOf(options), options.clock),
  };
}

async function startDjango(options: PeerStart): Promise<ServerUnderTest> {
  const command = await pythonWith(DJANGO_MODULES);
  if (command === null) throw new Error('Django Channels is not installed');
  const child = new Child({
    ...{ name: 'Django Channels', command, args: [pathOf('./django/serve.py')], clock: options.clock },
    env: { ...process.env, ...settingsOf(options), PYTHONDONTWRITEBYTECODE: '1' },
  });
  const stop = (): Promise<void> => child.stop(STOP_MS_MAX);
  try {
    const port = await child.firstLine((line) =>
      line.startsWith('{"ready":true') ? (JSON.parse(line) as { port: number }).port : null,
    );
    await pin(child.pid!, 'server');
    return { url: `http://127.0.0.1:${port}`, port, pid: child.pid!, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
