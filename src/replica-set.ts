import { createServer } from 'node:net';
import { Child } from './child.ts';
import type { Clock, Timer } from './lib/clock.ts';
import { withDeadline } from './lib/deadline.ts';
import type { Log } from './lib/log.ts';
import type { Prng } from './lib/prng.ts';
import { freePort } from './private-processes.ts';

export interface ReplicaSetOptions {
  readonly host: string;
  /** The port that all share; 0 takes a free one, and free ones for each. */
  readonly port: number;
  readonly replicas: number;
  /** Script and arguments for Node; each replica's own ports are appended. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly log: Log;
  /** Each line that a replica prints: its log. */
  readonly onLine: (line: string, to: 'stdout' | 'stderr') => void;
}

export interface RunningReplicaSet {
  readonly port: number;
  /** Each replica's own. */
  readonly ports: readonly number[];
  /** Drains all at once; resolves when all have ended. */
  stop(): Promise<void>;
}

/** A replica that does not serve within this has hung: it is ended and started anew. */
const START_MS_MAX = 60_000;
/** A drain takes 10 s at most, closing the stores as long again. */
const STOP_MS_MAX = 30_000;
/** First pause before a dead replica is started again; doubles with each life shorter than STEADY_MS. */
const RESTART_MS = 250;
const RESTART_MS_MAX = 15_000;
const STEADY_MS = 30_000;

/**
 * Starts the replicas, each a process with one port of its own beside the shared one; resolves when all serve. Rejects, with
 * none left, when one of them ends before that: then all would. From there on a replica that dies is started again, for ever.
 */
export async function startReplicaSet(options: ReplicaSetOptions): Promise<RunningReplicaSet> {
  const { host, clock } = options;
  const port = options.port === 0 ? await freePort() : options.port;
  await assertFree(host, port);
  const ports = await ownPorts(options, port);
  const replicas = ports.map((own, number) => new Replica(options, { number, own, shared: port }));
  const stop = async (): Promise<void> => {
    await Promise.all(replicas.map((replica) => replica.stop()));
  };
  try {
    await soonEnough(clock, Promise.all(replicas.map((replica) => replica.start())));
  } catch (error) {
    await stop();
    throw error;
  }
  for (const replica of replicas) replica.keepAlive();
  let stopping: Promise<void> | null = null;
  return { port, ports, stop: () => (stopping ??= stop()) };
}

/** Those after the shared one, or free ones. */
async function ownPorts(options: ReplicaSetOptions, shared: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < options.replicas) {
    const port = options.port === 0 ? await freePort() : shared + 1 + ports.length;
    // The system gives a free port out again once nobody has it.
    if (port !== shared && !ports.includes(port)) ports.push(port);
  }
  return ports;
}

/** Replicas of another server would take the shared port together with ours, and half of the clients. */
async function assertFree(host: string, port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => reject(new Error(`port ${port} is taken`, { cause })));
    server.listen({ host, port, exclusive: true }, resolve);
  });
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** One place in the set: a process, and after its death the next. */
class Replica {
  private readonly options: ReplicaSetOptions;
  private readonly place: { readonly number: number; readonly own: number; readonly shared: number };
  private child: Child | null = null;
  private isStopping = false;
  /** Lives in a row that were short. */
  private shortLives = 0;
  private restart: Timer | null = null;

  constructor(options: ReplicaSetOptions, place: { number: number; own: number; shared: number }) {
    this.options = options;
    this.place = place;
  }

  /** Resolves when it serves, rejects when it ends before. */
  async start(): Promise<void> {
    const { args, env, clock, log, onLine } = this.options;
    const { number, own, shared } = this.place;
    const child = new Child({
      ...{ name: `replica ${number}`, env, clock },
      // The last of a flag counts: whatever was given for the set, this is one replica of it.
      args: [...args, '--replicas', '1', '--port', String(own), '--shared-port', String(shared)],
      onLine: (line, to) => {
        if (!isReadyLine(line)) onLine(line, to);
      },
    });
    this.child = child;
    await child.firstLine((line) => (isReadyLine(line) ? true : null));
    log.info({ replica: number, pid: child.pid, port: own }, 'replica serves');
  }

  /** From now on a death is followed by a new life. */
  keepAlive(): void {
    const { child } = this;
    if (child === null || this.isStopping) return;
    const bornMs = this.options.clock.nowMs();
    child.ended.catch((error: unknown) => this.died(error, this.options.clock.nowMs() - bornMs));
  }

  async stop(): Promise<void> {
    this.isStopping = true;
    this.restart?.cancel();
    await this.child?.stop(STOP_MS_MAX);
  }

  private died(error: unknown, livedMs: number): void {
    if (this.isStopping) return;
    const { clock, prng, log } = this.options;
    this.shortLives = livedMs < STEADY_MS ? this.shortLives + 1 : 0;
    // Half of it is random: replicas that died of one cause do not all come back at one moment.
    const pauseMs = Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** Math.min(this.shortLives, 10));
    const inMs = Math.round(pauseMs * (0.5 + prng.float() / 2));
    log.error({ replica: this.place.number, err: error, inMs }, 'a replica died; starting it again');
    this.restart = clock.after(inMs, () => void this.again());
  }

  /** Never rejects: who cannot start has died. */
  private async again(): Promise<void> {
    const { clock } = this.options;
    const bornMs = clock.nowMs();
    try {
      await soonEnough(clock, this.start());
      this.keepAlive();
    } catch (error) {
      const livedMs = clock.nowMs() - bornMs;
      if (!this.isStopping) await this.child?.stop(0);
      this.died(error, livedMs);
    }
  }
}

/** The program says so on a line of its own: see main.ts. */
const isReadyLine = (line: string): boolean => line.startsWith('{"ready":true');

async function soonEnough(clock: Clock, work: Promise<unknown>): Promise<void> {
  const done = work.then(() => true);
  if (await withDeadline(clock, START_MS_MAX, done, () => false)) return;
  throw new Error(`not up within ${START_MS_MAX / 1000} s`);
}
