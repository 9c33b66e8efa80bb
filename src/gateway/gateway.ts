import uWS from 'uWebSockets.js';
import type { Announcer } from '../dispatch/announcer.ts';
import type { Desk } from '../dispatch/desk.ts';
import type { Clock, Timer } from '../lib/clock.ts';
import type { Prng } from '../lib/prng.ts';
import type { Auth } from './auth.ts';
import type { ConnectionContext } from './connection.ts';
import { createGatewayCounters, type GatewayCounters } from './counters.ts';
import { type GatewayLimits, gatewayLimits } from './limits.ts';
import { Sessions } from './sessions.ts';
import type { Shelter } from './shelter.ts';
import { SocketServer } from './socket-server.ts';

/** HTTP beside the sockets, on the same port (src/rest/ makes one). */
export interface HttpSurface {
  mount(app: uWS.TemplatedApp): void;
  /** Refuses what is new from now on; resolves when what has begun is answered. */
  drain(): Promise<void>;
}

export interface GatewayOptions {
  readonly desk: Desk;
  readonly auth: Auth;
  /** The engine's clock: message times, rates, sessions. */
  readonly clock: Clock;
  /** The machine's own time and timers: tokens and the drain do not run faster in a demo. */
  readonly wallClock: Clock;
  readonly prng: Prng;
  /** New for each start of the process, at most 50 characters. */
  readonly epochPrefix: string;
  readonly limits?: Partial<GatewayLimits>;
  readonly http?: HttpSurface;
  readonly trustForwardedFor?: boolean;
  readonly log: Log;
  readonly counters?: GatewayCounters;
  /** Without it the gateway takes everything on. */
  readonly shelter?: Shelter;
  /** Called after each answer to a command: `ok` or the code, and how long it took on the engine's clock. */
  readonly onAnswer?: ConnectionContext['onAnswer'];
}

/** What of a pino logger is used. */
export interface Log {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface Gateway {
  readonly announcer: Announcer;
  readonly counters: GatewayCounters;
  /**
   * Port 0 takes a free one. Rejects when the port is taken. `sharedPort` (not 0) is listened on as well, together with whichever
   * processes of the same user also share it: the system spreads new connections over them.
   */
  listen(at: { host: string; port: number; sharedPort?: number | null }): Promise<{ port: number }>;
  /**
   * No new sockets or requests; what was accepted is answered; every socket is told to go elsewhere, each at a moment of its
   * own. Resolves when all have gone, after `drainMsMax` at the latest.
   */
  drain(): Promise<void>;
  /** Closes the sockets that came in with a token of one of these sessions. */
  endSessions(sessionIds: ReadonlySet<string>): void;
  /** Closes at once; after it nothing is open, and no timer runs. */
  close(): void;
}

const COARSE_MS = 250;
const EXPIRY_SWEEP_MS = 30_000;
/** LIBUS_LISTEN_EXCLUSIVE_PORT: without it two servers by mistake share a port, each with half of the clients. */
const EXCLUSIVE_PORT = 1;
/** LIBUS_LISTEN_DEFAULT: SO_REUSEPORT, except on port 0. */
const SHARED_PORT = 0;

export function createGateway(options: GatewayOptions): Gateway {
  const { clock, wallClock, log } = options;
  const limits = gatewayLimits(options.limits);
  const counters = options.counters ?? createGatewayCounters();
  const coarse = { nowMs: clock.nowMs() };
  const sessions = new Sessions({
    ...{ desk: options.desk, clock, epochPrefix: options.epochPrefix, limits, counters },
    onError: (err) => log.error({ err }, 'a snapshot could not be loaded'),
  });
  const server = new SocketServer({
    ...{ sessions, auth: options.auth, trustForwardedFor: options.trustForwardedFor ?? false },
    ...(options.shelter === undefined ? {} : { shelter: options.shelter }),
    context: {
      ...{ desk: options.desk, clock, wallClock, limits, counters, coarse },
      onError: (err, fields) => log.error({ err, ...fields }, 'a command broke'),
      onAnswer: options.onAnswer ?? (() => undefined),
    },
  });
  const timers: Timer[] = [
    clock.every(COARSE_MS, () => {
      coarse.nowMs = clock.nowMs();
    }),
    wallClock.every(EXPIRY_SWEEP_MS, () => server.closeExpired(wallClock.nowMs())),
  ];
  const app = uWS.App();
  server.mount(app);
  options.http?.mount(app);
  const listening: uWS.us_listen_socket[] = [];
  const stopListening = (): void => {
    for (const socket of listening.splice(0)) uWS.us_listen_socket_close(socket);
  };
  return {
    announcer: sessions,
    counters,
    listen: async ({ host, port, sharedPort = null }) => {
      const own = await listenOn(app, { host, port, options: EXCLUSIVE_PORT });
      listening.push(own);
      const bound = uWS.us_socket_local_port(own);
      if (sharedPort === null) return { port: bound };
      try {
        listening.push(await listenOn(app, { host, port: sharedPort, options: SHARED_PORT }));
      } catch (error) {
        stopListening();
        throw error;
      }
      return { port: bound };
    },
    drain: async () => {
      server.isDraining = true;
      stopListening();
      const http = options.http?.drain() ?? Promise.resolve();
      const sockets = drainSockets(server, limits, wallClock, options.prng);
      await within(limits.drainMsMax, wallClock, Promise.all([http, sockets]));
      const cutOff = server.connections.size;
      for (const connection of server.connections) connection.close('going_away');
      log.info({ cutOff }, 'drained');
    },
    endSessions: (sessionIds) => server.closeSessions(sessionIds),
    close: () => {
      for (const timer of timers.splice(0)) timer.cancel();
      sessions.close();
      stopListening();
      app.close();
    },
  };
}

function listenOn(
  app: uWS.TemplatedApp,
  at: { host: string; port: number; options: number },
): Promise<uWS.us_listen_socket> {
  return new Promise((resolve, reject) => {
    const done = (socket: uWS.us_listen_socket | false): void => {
      if (socket === false) reject(new Error(`cannot listen on ${at.host}:${at.port}: is the port taken?`));
      else resolve(socket);
    };
    // The types lack this form of `listen`.
    const listen = app.listen.bind(app) as unknown as (
      host: string,
      port: number,
      options: number,
      callback: typeof done,
    ) => void;
    listen(at.host, at.port, at.options, done);
  });
}

/** Resolves when no socket is left. */
async function drainSockets(
  server: SocketServer,
  limits: GatewayLimits,
  wallClock: Clock,
  prng: Prng,
): Promise<void> {
  for (const connection of server.connections) {
    wallClock.after(prng.int(limits.drainJitterMs + 1), () => connection.closeWhenIdle());
  }
  await server.whenEmpty();
}

/** Resolves with `work`, or after `delayMs` without it. */
async function within(delayMs: number, wallClock: Clock, work: Promise<unknown>): Promise<void> {
  let timer: Timer | null = null;
  const timeout = new Promise<void>((resolve) => {
    timer = wallClock.after(delayMs, resolve);
  });
  await Promise.race([work, timeout]);
  (timer as Timer | null)?.cancel();
}
