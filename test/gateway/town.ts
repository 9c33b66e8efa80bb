import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { CloseReason } from '../../src/protocol/close-codes.ts';
import type { Role } from '../../src/domain/role.ts';
import { createAuth, issueToken } from '../../src/gateway/auth.ts';
import { createGateway, type Gateway } from '../../src/gateway/gateway.ts';
import type { GatewayLimits } from '../../src/gateway/limits.ts';
import { createWallClock } from '../../src/lib/clock.ts';
import { createPrng } from '../../src/lib/prng.ts';
import { CLOSE } from '../../src/protocol/close-codes.ts';
import { decodeServerMessage, encode, type Encoding, SUBPROTOCOLS } from '../../src/protocol/codec.ts';
import type { ServerMessage } from '../../src/protocol/messages.ts';
import { type RestLimits, type RestOptions, RestServer } from '../../src/rest/rest-server.ts';
import { RecordingDesk } from './recording-desk.ts';

const SECRET = new Uint8Array(32).fill(7);
const wallClock = createWallClock();

/** Whose pages may use REST. */
export const PAGE_ORIGIN = 'https://app.example.com';

export const tokenFor = (role: Role, subject: string, ttlS = 600, sessionId?: string): Promise<string> =>
  issueToken({
    ...{ secret: SECRET, role, subject, ttlS, wallNowMs: wallClock.nowMs() },
    ...(sessionId === undefined ? {} : { sessionId }),
  });

type MoreOfRest = Partial<Pick<RestOptions, 'shared' | 'isBehindTls' | 'handlers' | 'keyed'>>;

/** A real server on a free port before a recording desk. */
export class Town {
  readonly desk = new RecordingDesk();
  readonly errors: unknown[] = [];
  private readonly ended = new Set<string>();
  readonly gateway: Gateway;
  readonly rest: RestServer;
  port = 0;
  ready: string | null = null;
  private readonly clients: Client[] = [];

  private constructor(
    limits: Partial<GatewayLimits>,
    rest: Partial<RestLimits>,
    metricsToken: string | undefined,
    more: MoreOfRest,
  ) {
    const onError = (error: unknown): void => void this.errors.push(error);
    const auth = createAuth({
      ...{ secrets: [SECRET], wallNowMs: () => wallClock.nowMs() },
      isRevoked: ({ sessionId }) => sessionId !== null && this.ended.has(sessionId),
    });
    this.rest = new RestServer({
      ...{ desk: this.desk, auth, wallClock, limits: rest, onError, onOutOfReach: onError },
      keyed: { run: (_operation, call, _principal, handle) => Promise.resolve(handle(call)) },
      ...more,
      ...(metricsToken === undefined ? {} : { metricsToken }),
      metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'up 1\n' }),
      readiness: async () => this.ready,
      corsOrigins: [PAGE_ORIGIN],
      contract: { 'openapi.json': '{"openapi":"3.1.0"}', 'asyncapi.json': '{"asyncapi":"3.0.0"}' },
    });
    this.gateway = createGateway({
      ...{ desk: this.desk, auth, clock: wallClock, wallClock, prng: createPrng(1) },
      ...{ epochPrefix: 'test', http: this.rest, limits: { drainJitterMs: 20, ...limits } },
      log: { info: () => undefined, error: (fields) => onError((fields as { err: unknown }).err) },
    });
  }

  static async open(
    limits: Partial<GatewayLimits> = {},
    rest: Partial<RestLimits> = {},
    metricsToken?: string,
    sharedPort: number | null = null,
    more: MoreOfRest = {},
  ): Promise<Town> {
    const town = new Town(limits, rest, metricsToken, more);
    town.port = (await town.gateway.listen({ host: '127.0.0.1', port: 0, sharedPort })).port;
    return town;
  }

  async close(): Promise<void> {
    this.gateway.close();
    await Promise.all(this.clients.map((client) => client.gone));
  }

  /** As when a session is ended, here or elsewhere. */
  end(sessionId: string): void {
    this.ended.add(sessionId);
    this.gateway.endSessions(new Set([sessionId]));
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** A connected app, welcomed unless `welcome` is false. */
  async app(
    role: 'driver' | 'rider',
    subject: string,
    options: {
      encoding?: Encoding;
      resume?: { epoch: string; seq: number };
      welcome?: boolean;
      /** Instead of the town's own. */
      port?: number;
      sessionId?: string;
    } = {},
  ): Promise<Client> {
    const encoding = options.encoding ?? 'msgpack';
    const { resume } = options;
    const query = resume === undefined ? '' : `?epoch=${resume.epoch}&seq=${resume.seq}`;
    const port = options.port ?? this.port;
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/socket${query}`, SUBPROTOCOLS[encoding], {
      headers: { authorization: `Bearer ${await tokenFor(role, subject, 600, options.sessionId)}` },
    });
    const client = new Client(socket, encoding);
    this.clients.push(client);
    await once(socket, 'open');
    if (options.welcome !== false) await client.take('welcome');
    return client;
  }

  /** The status with which an upgrade is refused, or 101. */
  async knock(options: {
    query?: string;
    protocols?: string[];
    headers?: Record<string, string>;
  }): Promise<number> {
    const url = `ws://127.0.0.1:${this.port}/v1/socket${options.query ?? ''}`;
    const socket = new WebSocket(url, options.protocols ?? [], { headers: options.headers ?? {} });
    const status = await new Promise<number>((resolve, reject) => {
      socket.on('unexpected-response', (_request, response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      socket.on('open', () => resolve(101));
      socket.on('error', reject);
    });
    socket.terminate();
    return status;
  }
}

type OfType<T extends ServerMessage['t']> = Extract<ServerMessage, { t: T }>;

/** Any message an app may send, also a wrong one. */
interface Outgoing {
  readonly t: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

/** One app's end of a socket: every message is checked against the contract and taken in order. */
export class Client {
  readonly socket: WebSocket;
  readonly encoding: Encoding;
  /** Resolves with the close code. */
  readonly gone: Promise<number>;
  /** What has come and was not taken yet. */
  readonly inbox: ServerMessage[] = [];
  private wake: (() => void) | null = null;
  private isGone = false;

  constructor(socket: WebSocket, encoding: Encoding) {
    this.socket = socket;
    this.encoding = encoding;
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary !== (encoding === 'msgpack')) throw new Error('a frame of the wrong kind');
      const decoded = decodeServerMessage(data, encoding);
      if (!decoded.ok) throw new Error(`not of the contract: ${decoded.detail ?? ''} ${data.toString()}`);
      this.inbox.push(decoded.value);
      this.wake?.();
    });
    socket.on('error', () => undefined);
    this.gone = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.isGone = true;
        resolve(code);
        this.wake?.();
      });
    });
  }

  send(message: Outgoing): void {
    this.socket.send(encode(message, this.encoding));
  }

  /** The next message, whatever it is. */
  async next(): Promise<ServerMessage> {
    while (this.inbox.length === 0) {
      if (this.isGone) throw new Error('the socket is closed');
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.inbox.shift()!;
  }

  /** The next message, which must be of type `t`. */
  async take<T extends ServerMessage['t']>(t: T): Promise<OfType<T>> {
    const message = await this.next();
    if (message.t !== t) throw new Error(`expected ${t}, got ${JSON.stringify(message)}`);
    return message as OfType<T>;
  }

  /** Sends a command and takes its answer, which must be the next message. */
  async ask(command: Outgoing): Promise<OfType<'ack'> | OfType<'error'>> {
    this.send(command);
    const answer = await this.next();
    if ((answer.t !== 'ack' && answer.t !== 'error') || answer.id !== command.id)
      throw new Error(`no answer to ${command.id ?? ''}: ${JSON.stringify(answer)}`);
    return answer;
  }

  async closedWith(reason: CloseReason): Promise<boolean> {
    return (await this.gone) === CLOSE[reason].code;
  }
}

/** Waits for `condition`, looking again after each turn of the event loop. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
