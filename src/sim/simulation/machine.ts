import type { Prng } from '../../lib/prng.ts';
import type { Doorway } from '../virtual/network.ts';
import { StoreLink } from '../virtual/unreliable-call.ts';
import type { ServerProcess } from './server-process.ts';
import type { World } from './world.ts';

/** A supervisor starts again what could not start. */
const START_AGAIN_MS = 1_000;

/** Where one server process runs after the other: a network address, a clock, the ways to the stores. */
export class Machine {
  readonly number: number;
  readonly skewMs: number;
  readonly links = { postgres: new StoreLink(), redis: new StoreLink() };
  private readonly world: World;
  private server: ServerProcess | null = null;
  private isDraining = false;
  private isPaused = false;

  constructor(world: World, options: { number: number; skewMs: number }) {
    this.world = world;
    this.number = options.number;
    this.skewMs = options.skewMs;
  }

  /** Starting, serving or draining. */
  get process(): ServerProcess | null {
    return this.server;
  }

  /** The server that clients reach; null while it is down, starting or draining. It may be paused. */
  get serving(): ServerProcess | null {
    const { server } = this;
    return this.isDraining || server === null || server.door === null ? null : server;
  }

  /** Serving, and not paused. */
  get awake(): ServerProcess | null {
    return this.isPaused ? null : this.serving;
  }

  get doorway(): Doorway | null {
    return this.serving?.door ?? null;
  }

  /** Nothing while a server runs here. */
  start(): void {
    if (this.server !== null) return;
    const server = this.world.newProcess(this);
    this.server = server;
    server.start().then(
      () => this.note('server up'),
      (error: unknown) => {
        if (!(error instanceof Error && 'code' in error)) this.world.broken(error, 'start');
        server.kill();
        if (this.server !== server) return;
        this.server = null;
        this.world.clock.after(START_AGAIN_MS, () => this.start());
      },
    );
  }

  kill(): void {
    this.note('server killed');
    this.server?.kill();
    this.vacate();
  }

  /** Cuts the server off from its clients and leaves it running, nobody's: it is answered. */
  depose(): ServerProcess | null {
    const { server } = this;
    this.vacate();
    return server;
  }

  pause(): void {
    if (this.isPaused || this.server === null) return;
    this.note('server paused');
    this.isPaused = true;
    this.server.pause();
  }

  resume(timersFirst: boolean): void {
    if (!this.isPaused) return;
    this.note('server goes on');
    this.isPaused = false;
    this.server?.resume(timersFirst);
  }

  /** An orderly stop; answers whether it came to its end, and was not killed meanwhile. */
  async drain(prng: Prng): Promise<boolean> {
    const server = this.serving;
    if (server === null) return false;
    this.note('server drains');
    this.isDraining = true;
    await server.drain(prng);
    if (this.server !== server) return false;
    this.note('server drained');
    server.kill();
    this.vacate();
    return true;
  }

  private vacate(): void {
    this.server = null;
    this.isDraining = false;
    this.isPaused = false;
    this.world.network.serverDied(this.number);
  }

  private note(text: string): void {
    const { log, clock } = this.world;
    log.note(clock.nowMs(), null, `machine ${this.number}: ${text}`);
  }
}
