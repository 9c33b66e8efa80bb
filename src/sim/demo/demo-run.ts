import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MatchMode } from '../../domain/market.ts';
import type { Stores } from '../../private-stores.ts';
import { Child } from '../../child.ts';
import type { CityCard } from './city-market.ts';
import type { ClientReport, ClientStats, FromClient, ToClient } from './client-messages.ts';
import type { DemoWorld } from './demo-world.ts';
import type { DemoOptions } from './demo-options.ts';
import { LiveTable } from './live-table.ts';
import { type DemoClock, marketFileText, SERVER_METRICS, serverEnv } from './server-env.ts';
import { readSamples, type Samples, serverFigures, total } from './server-figures.ts';
import { type Summary, summarize } from './summary.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
/** As built: below dist everything is JavaScript at its own place. */
const MAIN = here('../../main.js');
const CLIENT = here('./client-process.js');
const STOP_MS_MAX = 15_000;
/** Roughly what a server's start takes, and how many drivers come online in a second: the city's clock begins so much earlier. */
const START_S = 2;
const DRIVERS_PER_S = 800;

interface Running {
  readonly server: Child;
  readonly client: Child;
  readonly serverUrl: string;
  readonly card: CityCard;
  /** While the fleet came online. */
  readonly fixesBefore: number;
}

/** One city in one mode, from its stores to its summary. */
export class DemoRun {
  private readonly options: DemoOptions;
  private readonly mode: MatchMode;
  private readonly world: DemoWorld;
  private readonly table: LiveTable;
  private readonly children: Child[] = [];
  private readonly listeners = new Set<(message: FromClient) => void>();
  private latest: ClientStats | null = null;
  private isDraining = false;
  private isInterrupted = false;
  private onTimeUp: (() => void) | null = null;

  constructor(options: DemoOptions, mode: MatchMode, world: DemoWorld) {
    this.options = options;
    this.mode = mode;
    this.world = world;
    this.table = new LiveTable(world.screen);
  }

  /** No more requests, then the summary as always. Before the city has begun: the run ends without one. */
  interrupt(): void {
    this.isInterrupted = true;
    this.onTimeUp?.();
  }

  /** Runs it all; null when it was interrupted before there was anything to sum up. */
  async complete(): Promise<Summary | null> {
    const dir = await mkdtemp(path.join(tmpdir(), 'hexdispatch-demo-'));
    let stores: Stores | null = null;
    try {
      this.say(`${this.mode}: loading the city`);
      const client = this.spawn('the process of the apps', [CLIENT], this.world.env);
      client.onMessage((message: FromClient) => this.heard(message));
      const dataDir = this.world.env['HEXDISPATCH_DATA'] ?? null;
      const loaded = this.next(client, 'city');
      this.tell(client, { kind: 'load', options: this.options, dataDir, mode: this.mode });
      const { card } = await loaded;
      this.say(`${this.mode}: starting PostgreSQL, Redis and the server`);
      stores = await this.world.openStores();
      if (this.isInterrupted) return null;
      const running = await this.startCity(client, card, stores, dir);
      return await this.measure(running, stores);
    } finally {
      for (const child of this.children.reverse()) await child.stop(STOP_MS_MAX);
      await stores?.stop();
      await rm(dir, { recursive: true, force: true });
    }
  }

  private async startCity(client: Child, card: CityCard, stores: Stores, dir: string): Promise<Running> {
    const { world, options } = this;
    const marketFile = path.join(dir, 'market.json');
    await writeFile(marketFile, marketFileText(card.market));
    const secret = world.token(32);
    const leadS = START_S + card.driverCount / DRIVERS_PER_S;
    const clock: DemoClock = {
      speed: options.speed,
      startMs: Math.round(card.beginsMs - leadS * 1000 * options.speed),
      originWallMs: world.clock.nowMs(),
    };
    const env = {
      ...world.env,
      ...serverEnv({ secret, clock, marketFile }),
      DATABASE_URL: stores.databaseUrl,
      REDIS_URL: stores.redisUrl,
    };
    const server = this.spawn('the server', [MAIN, 'server', '--port', String(options.port)], env);
    const port = await server.firstLine(readyPort);
    this.say(`${this.mode}: ${card.driverCount} drivers come online`);
    const online = this.next(client, 'online');
    const serverUrl = `ws://127.0.0.1:${port}`;
    this.tell(client, { kind: 'go', serverUrl, secret, runTag: world.token(4), clock });
    const { fixesSent } = await server.before(online);
    return { server, client, serverUrl: `http://127.0.0.1:${port}`, card, fixesBefore: fixesSent };
  }

  private async measure(running: Running, stores: Stores): Promise<Summary> {
    const { clock, audit } = this.world;
    const { server, client, card, serverUrl, fixesBefore } = running;
    const before = await scrape(serverUrl);
    const beganMs = clock.nowMs();
    const stopShowing = this.showStats(running);
    await server.before(client.before(this.timeUp()));
    const askedS = (clock.nowMs() - beganMs) / 1000;
    const asked = await scrape(serverUrl);
    const fixesSent = (this.latest?.fixesSent ?? 0) - fixesBefore;
    this.tell(client, { kind: 'stop_asking' });
    this.isDraining = true;
    await server.before(client.before(this.drained()));
    const after = await scrape(serverUrl);
    const report = await this.finish(running, stopShowing);
    this.say(`${this.mode}: auditing`);
    const found = await audit(stores.databaseUrl);
    const duringAsking = serverFigures(before, asked);
    const { offerLatencyMs, offerLatencyWaitedMs } = serverFigures(before, after);
    return summarize({
      city: card.market.marketId,
      mode: this.mode,
      seed: this.options.seed,
      speed: this.options.speed,
      drivers: card.driverCount,
      tickMs: card.market.match.tickMs,
      askedS,
      fixesSent,
      server: { ...duringAsking, offerLatencyMs, offerLatencyWaitedMs },
      report,
      audit: found,
    });
  }

  /** The apps say what they saw and leave, then the server ends in good order. */
  private async finish({ server, client }: Running, stopShowing: () => void): Promise<ClientReport> {
    const reported = this.next(client, 'report');
    const closed = this.next(client, 'closed');
    this.tell(client, { kind: 'wrap_up' });
    const { report } = await server.before(reported);
    await server.before(closed);
    stopShowing();
    this.table.leave();
    await client.stop(STOP_MS_MAX);
    await server.stop(STOP_MS_MAX);
    return report;
  }

  private showStats({ card }: Running): () => void {
    const { clock } = this.world;
    let last: { wallMs: number; fixesSent: number } | null = null;
    const listener = (message: FromClient): void => {
      if (message.kind !== 'stats') return;
      const { stats } = message;
      const wallMs = clock.nowMs();
      const since = last ?? { wallMs: wallMs - 1, fixesSent: stats.fixesSent };
      const pingsPerS = ((stats.fixesSent - since.fixesSent) * 1000) / Math.max(1, wallMs - since.wallMs);
      this.latest = stats;
      last = { wallMs, fixesSent: stats.fixesSent };
      const { isDraining } = this;
      this.table.show({ card, speed: this.options.speed, stats, pingsPerS, isDraining }, wallMs);
    };
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** --for has passed, Ctrl-C was pressed, or the record is at its end. */
  private timeUp(): Promise<void> {
    const { clock } = this.world;
    const { forMs } = this.options;
    return new Promise((resolve) => {
      const timer = forMs === null ? null : clock.after(forMs, () => this.onTimeUp?.());
      this.onTimeUp = () => {
        timer?.cancel();
        this.onTimeUp = null;
        resolve();
      };
      this.listeners.add((message) => {
        if (message.kind === 'asked_all') this.onTimeUp?.();
      });
      if (this.isInterrupted) this.onTimeUp();
    });
  }

  /** Every trip has ended, or --drain has passed, or Ctrl-C was pressed (again). */
  private drained(): Promise<void> {
    const { clock } = this.world;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.listeners.delete(watch);
        this.onTimeUp = null;
        resolve();
      };
      const watch = (message: FromClient): void => {
        if (message.kind === 'stats' && message.stats.openRides === 0) end();
      };
      const timer = clock.after(this.options.drainMs, end);
      this.listeners.add(watch);
      this.onTimeUp = end;
    });
  }

  private heard(message: FromClient): void {
    for (const listener of [...this.listeners]) listener(message);
  }

  /** The next message of that kind; a rejection when the apps fail or end before. */
  private next<K extends FromClient['kind']>(
    client: Child,
    kind: K,
  ): Promise<Extract<FromClient, { kind: K }>> {
    const wanted = new Promise<Extract<FromClient, { kind: K }>>((resolve, reject) => {
      const listener = (message: FromClient): void => {
        if (message.kind === 'failed') reject(new Error(message.message));
        else if (message.kind === kind) resolve(message as Extract<FromClient, { kind: K }>);
        else return;
        this.listeners.delete(listener);
      };
      this.listeners.add(listener);
    });
    const outcome = client.before(wanted);
    // It may fail while something else is waited for, which then fails too.
    outcome.catch(() => undefined);
    return outcome;
  }

  private tell(client: Child, message: ToClient): void {
    client.send(message);
  }

  private spawn(name: string, args: string[], env: Readonly<Record<string, string | undefined>>): Child {
    const child = new Child({ name, args, env, clock: this.world.clock });
    this.children.push(child);
    return child;
  }

  private say(text: string): void {
    this.world.screen.write(`${text}\n`);
  }
}

function readyPort(line: string): number | null {
  try {
    const { ready, port } = JSON.parse(line) as { ready?: unknown; port?: unknown };
    return ready === true && typeof port === 'number' ? port : null;
  } catch {
    // A line of the log that is no JSON.
    return null;
  }
}

async function scrape(serverUrl: string): Promise<Samples> {
  const response = await fetch(`${serverUrl}/metrics`);
  if (!response.ok) throw new Error(`the server's metrics answer ${response.status}`);
  const samples = readSamples(await response.text());
  if (total(samples, SERVER_METRICS.cpuS) === null)
    throw new Error('the server tells nothing in its metrics');
  return samples;
}
