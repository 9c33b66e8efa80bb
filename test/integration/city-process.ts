import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { createWallClock } from '../../src/lib/clock.ts';
import { DEFAULT_MARKET } from '../../src/market-file.ts';
import type { FreshDatabase } from '../stores.ts';
import { SECRET, ServedCity } from './city.ts';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
/** Offers wait for an answer so long that a busy machine does not matter. */
const MATCH = { ...DEFAULT_MARKET.match, windowMsMax: 0, offerTtlMs: 120_000 };

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface CityProcessOptions {
  /** How much faster than the wall its clock goes. */
  readonly speed?: number;
  /** Further settings of the server. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A city whose server is a process of its own, the built program as an operator starts it, so that it can be killed. */
export class CityProcess extends ServedCity {
  /** The server's too; ten times as fast as the wall by default. */
  override readonly clock;
  /** What it was made from. */
  readonly demoClock: { readonly speed: number; readonly startMs: number; readonly originWallMs: number };
  private address = '';
  private readonly env: Record<string, string>;
  private readonly dir = mkdtempSync(path.join(tmpdir(), 'hexdispatch-test-'));
  private child: ChildProcess | null = null;
  private exit: Promise<Exit> | null = null;

  private constructor(database: FreshDatabase, redisUrl: string, options: CityProcessOptions) {
    super(database);
    const wallMs = createWallClock().nowMs();
    this.demoClock = { speed: options.speed ?? 10, startMs: wallMs, originWallMs: wallMs };
    this.clock = createWallClock(this.demoClock);
    const marketFile = path.join(this.dir, 'market.json');
    const market = { ...DEFAULT_MARKET, marketId: `test-${this.tag}`, match: MATCH };
    writeFileSync(marketFile, JSON.stringify(market));
    this.env = {
      ACCOUNTS: 'elsewhere',
      ...{ PATH: process.env['PATH'] ?? '', DATABASE_URL: database.url, REDIS_URL: redisUrl },
      ...{ AUTH_SECRET: SECRET, PORT: '0', REDIS_PREFIX: this.tag, LOG_LEVEL: 'warn' },
      ...{ MARKET_FILE: marketFile, DEMO_CLOCK: JSON.stringify(this.demoClock) },
      ...options.env,
    };
  }

  static async open(
    database: FreshDatabase,
    redisUrl: string,
    options: CityProcessOptions = {},
  ): Promise<CityProcess> {
    // The tests run from the sources; what is killed here is the program as built.
    await promisify(execFile)(process.execPath, [path.join(ROOT, 'src', 'bootstrap.mjs'), 'build']);
    const city = new CityProcess(database, redisUrl, options);
    await city.start();
    return city;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [path.join(ROOT, 'dist', 'main.js'), 'server'], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    this.exit = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
    let told = '';
    child.stderr.on('data', (data: Buffer) => (told += data.toString()));
    this.address = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        told += `${line}\n`;
        if (line.startsWith('{"ready":'))
          resolve(`http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`);
      });
      child.on('exit', () =>
        reject(new Error(`the server ended before it was ready: ${told.slice(-2_000)}`)),
      );
    });
  }

  override urlOf(): string {
    return this.address;
  }

  /** Sends a signal and does not wait. */
  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }

  /** How the process ended, once it has. */
  async ended(): Promise<Exit> {
    const exit = await this.exit!;
    this.child = null;
    return exit;
  }

  protected override async stopServers(): Promise<void> {
    if (this.child !== null) {
      this.signal('SIGKILL');
      await this.ended();
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}
