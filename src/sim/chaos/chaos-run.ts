import { mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from '../../lib/assert.ts';
import type { Clock } from '../../lib/clock.ts';
import { createPrng, type Prng } from '../../lib/prng.ts';
import { freePort } from '../../private-processes.ts';
import type { PrivateStores } from '../../private-stores.ts';
import { Child } from '../../child.ts';
import { HeapClock } from '../demo/heap-clock.ts';
import { marketFileText } from '../demo/server-env.ts';
import { type ChaosCity, type ChaosCitySpec, chaosCity } from './chaos-city.ts';
import type { ChaosOptions } from './chaos-options.ts';
import type { ChaosClientReport } from './client-messages.ts';
import { ClientLink } from './client-link.ts';
import { FaultBox, type Site } from './fault-box.ts';
import { FaultyLink } from './faulty-link.ts';
import { Replica } from './replica.ts';
import { type Fault, planFaults } from './schedule.ts';
import type { FaultRecord, Sample } from './takeover.ts';
import { Trial } from './trial.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** As built: below dist everything is JavaScript at its own place. */
const MAIN = here('../../main.js');
const CLIENT = here('./chaos-client-process.js');

/** After the last fault riders go on asking for so long, so that what is broken for good shows. */
const AFTERMATH_MS = 5_000;
/** Longer than a request may wait for a driver and the longest trip together. */
const SETTLE_MS_MAX = 100_000;
const CLIENT_STOP_MS_MAX = 5_000;
const TIMER_STEP_MS = 5;

/** What a chaos run touches of the world around it. */
export interface ChaosWorld {
  readonly clock: Clock;
  readonly print: (line: string) => void;
  /** For the servers: PATH and the like. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Never the operator's: they are crashed. */
  readonly startStores: () => Promise<PrivateStores>;
  /** A word nobody can guess, of so many bytes. */
  readonly token: (bytes: number) => string;
  /** Calls `stop` on Ctrl-C or SIGTERM; the function answered ends that. */
  readonly onInterrupt: (stop: () => void) => () => void;
}

/** What a run leaves for the checker and the report. */
export interface RunRecord {
  readonly historyFile: string;
  readonly faults: readonly FaultRecord[];
  readonly samples: readonly Sample[];
  /** Replicas that ended by themselves while they served, and other things that must not be, in words. */
  readonly mishaps: readonly string[];
  readonly failedStarts: number;
  readonly report: ChaosClientReport;
}

/** One run: stores, links, replicas, clients, faults, and quiet in the end. */
export class ChaosRun {
  private readonly options: ChaosOptions;
  private readonly world: ChaosWorld;
  /** Of what is planned: stopped with the run, so that nothing happens after its end. */
  private readonly clock: HeapClock;
  private readonly prng: Prng;
  private readonly schedule: readonly Fault[];
  private readonly city: ChaosCity;
  private readonly spec: ChaosCitySpec;
  private readonly dir: string;
  private readonly mishaps: string[] = [];
  private readonly sites: Site[] = [];
  private stores: PrivateStores | null = null;
  private clientChild: Child | null = null;
  private secret = '';

  private constructor(options: ChaosOptions, world: ChaosWorld, dir: string) {
    const { seed, drivers, ridesPerS, zoneRings, forMs } = options;
    this.options = options;
    this.world = world;
    this.dir = dir;
    this.clock = new HeapClock(world.clock, TIMER_STEP_MS);
    this.prng = createPrng(seed);
    this.schedule = planFaults({ prng: this.prng.fork(), replicas: options.replicas, forMs });
    this.spec = { seed, drivers, ridesPerS, zoneRings, askMs: forMs + 120_000 };
    this.city = chaosCity(this.spec);
  }

  /**
   * Runs it all and lets `check` look at what is left, while the database is still there. The folder with histories and logs
   * is removed afterwards unless the options name one or `check` says to keep it.
   */
  static async complete<T>(
    options: ChaosOptions,
    world: ChaosWorld,
    check: (record: RunRecord, databaseUrl: string, dir: string) => Promise<{ value: T; keep: boolean }>,
  ): Promise<T> {
    if (options.dir !== null) mkdirSync(options.dir, { recursive: true });
    const dir = options.dir ?? (await mkdtemp(path.join(tmpdir(), 'hexdispatch-chaos-')));
    const run = new ChaosRun(options, world, dir);
    let keep = options.dir !== null;
    let release = (): void => undefined;
    const interrupted = new Promise<never>((_, reject) => {
      release = world.onInterrupt(() => reject(new Error('interrupted')));
    });
    // It may be nobody's turn to wait for it.
    interrupted.catch(() => undefined);
    try {
      const record = await Promise.race([run.live(), interrupted]);
      const databaseUrl = run.stores?.databaseUrl;
      assert(typeof databaseUrl === 'string', 'the stores run until the end');
      const checked = await Promise.race([check(record, databaseUrl, dir), interrupted]);
      keep ||= checked.keep;
      return checked.value;
    } finally {
      await run.end();
      release();
      if (!keep) await rm(dir, { recursive: true, force: true });
    }
  }

  /** From the start of the stores to the end of the servers. */
  private async live(): Promise<RunRecord> {
    const { world, options } = this;
    world.print(`starting PostgreSQL, Redis and ${options.replicas} server(s); logs in ${this.dir}`);
    this.stores = await world.startStores();
    await this.openSites(this.stores);
    // Nothing is wrong yet: what does not start now never will.
    await Promise.all(this.sites.map(({ replica }) => replica.start(1)));
    const client = await this.startClients();
    const trial = new Trial({
      ...{ clock: this.clock, print: world.print, sites: this.sites, zones: this.city.zones, client },
      box: new FaultBox({ clock: this.clock, sites: this.sites, stores: this.stores }),
      secret: this.secret,
    });
    await client.before(this.withFaults(trial));
    world.print('no more faults: everything must come to its end');
    await client.before(this.pause(AFTERMATH_MS));
    await client.before(trial.probeUndisturbed());
    const { openRides, openProbes } = await client.ask(
      { kind: 'settle', forMsMax: SETTLE_MS_MAX },
      'settled',
    );
    if (openRides + openProbes > 0)
      this.mishaps.push(`${openRides} rides and ${openProbes} probes had not ended`);
    const { report } = await client.ask({ kind: 'close' }, 'closed');
    await this.stopReplicas();
    return {
      historyFile: this.historyFile,
      ...{ faults: trial.faults, samples: trial.samples, report },
      mishaps: this.mishaps,
      failedStarts: this.sites.reduce((sum, { replica }) => sum + replica.failedStarts, 0),
    };
  }

  private get historyFile(): string {
    return path.join(this.dir, 'history.ndjson');
  }

  private async openSites(stores: PrivateStores): Promise<void> {
    const marketFile = path.join(this.dir, 'market.json');
    await writeFile(marketFile, marketFileText(this.city.market));
    this.secret = this.world.token(32);
    for (let number = 0; number < this.options.replicas; number++) {
      const port = await freePort();
      const link = (targetPort: number): Promise<FaultyLink> =>
        FaultyLink.open({ targetPort, clock: this.world.clock, prng: this.prng.fork() });
      const redis = await link(portOf(stores.redisUrl));
      const postgres = await link(portOf(stores.databaseUrl));
      const clients = await link(port);
      const replica = new Replica({
        ...{ number, clock: this.world.clock },
        args: [MAIN, 'server'],
        env: {
          ...this.world.env,
          ACCOUNTS: 'elsewhere',
          ...{ PORT: String(port), AUTH_SECRET: this.secret, MARKET_FILE: marketFile, LOG_LEVEL: 'info' },
          DATABASE_URL: withPort(stores.databaseUrl, postgres.port),
          REDIS_URL: withPort(stores.redisUrl, redis.port),
          ADVERTISE_URL: `ws://127.0.0.1:${clients.port}`,
        },
        logFile: path.join(this.dir, `replica-${number}.log`),
        onDeath: (how) => this.mishaps.push(`replica ${number} ended by itself: ${how}`),
      });
      this.sites.push({ replica, redis, postgres, clients, port });
    }
  }

  private async startClients(): Promise<ClientLink> {
    const { world } = this;
    const child = new Child({
      ...{ name: 'the process of the clients', args: [CLIENT], env: world.env, clock: world.clock },
    });
    this.clientChild = child;
    const client = new ClientLink(child);
    const start = {
      spec: this.spec,
      urls: this.sites.map(({ clients }) => `ws://127.0.0.1:${clients.port}`),
      secret: this.secret,
      runTag: world.token(3),
      historyFile: this.historyFile,
    };
    world.print(`${this.spec.drivers} drivers come online in ${this.city.zones.length} zones`);
    await client.ask({ kind: 'start', start }, 'online');
    return client;
  }

  /** The fault phase: each fault at its time, until the last has ended. */
  private async withFaults(trial: Trial): Promise<void> {
    const { print } = this.world;
    const { clock, schedule } = this;
    const beganMs = clock.nowMs();
    print(`${schedule.length} faults in ${this.options.forMs / 1_000} s, seed ${this.options.seed}`);
    const performed: Promise<void>[] = [];
    for (const fault of schedule) {
      await this.pause(beganMs + fault.atMs - clock.nowMs());
      const done = trial.perform(fault);
      // One that fails is told at the end of the phase.
      done.catch(() => undefined);
      performed.push(done);
    }
    await this.pause(beganMs + this.options.forMs - clock.nowMs());
    await Promise.all(performed);
  }

  private async stopReplicas(): Promise<void> {
    const ends = await Promise.all(this.sites.map(({ replica }) => replica.stop()));
    ends.forEach((how, number) => {
      if (how !== 'code 0') this.mishaps.push(`replica ${number} was asked to end and ended with ${how}`);
    });
  }

  /** Ends whatever still runs; after an orderly run only the stores. */
  private async end(): Promise<void> {
    this.clock.stop();
    await this.clientChild?.stop(CLIENT_STOP_MS_MAX);
    for (const { replica } of this.sites) replica.abandon();
    await Promise.all(this.sites.map(({ replica }) => replica.kill()));
    for (const { redis, postgres, clients } of this.sites)
      for (const link of [redis, postgres, clients]) await link.close();
    await this.stores?.stop();
  }

  private pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => void this.clock.after(Math.max(0, delayMs), resolve));
  }
}

function portOf(url: string | null): number {
  assert(url !== null, 'both stores were started');
  return Number(new URL(url).port);
}

function withPort(url: string | null, port: number): string {
  assert(url !== null, 'both stores were started');
  const other = new URL(url);
  other.port = String(port);
  return other.href;
}
